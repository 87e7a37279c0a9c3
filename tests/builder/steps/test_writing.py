"""What a build leaves behind: the recordings answer every call again, and equal rows give equal bytes."""

import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.builder.steps.tiny import RECIPE, TINY, bytes_of
from themis.builder.agents.programs import agents_by_rule
from themis.builder.draft import Draft, Source, view_of
from themis.builder.steps.drafts import draft_from_json, draft_to_json, made_from_json, made_to_json
from themis.builder.steps.pipeline import build
from themis.builder.steps.recipe import TaskRecipe
from themis.builder.steps.rows import make_row
from themis.builder.steps.tools import BuildTools, opened, prepared, recorded_calls, recordings
from themis.builder.steps.work import Work
from themis.builder.tasks.registry import task_named
from themis.errors import DataError, ToolUnavailable
from themis.tools import ObservationStore
from themis.tools.base import tool
from themis.tools.setup.settings import Settings
from themis.tools.toolbox import Toolbox, default_toolbox, known_tools
from themis.traces import Action, Case, Observation
from themis.traces.tara import read_tara

NORTH = Draft(
    "north/1",
    "webgpt",
    "north",
    "Is the Borm longer than the Avel?",
    "Yes, the Borm is longer than the Avel.",
    ("No, the Avel is longer than the Borm.",),
    recorded=(("google_serper", "is the Borm longer than the Avel", "The Borm is 300 km long, and the Avel 200 km."),),
    facts={"claim": "the Borm is longer"},
)


@pytest.fixture
def tools(tmp_path: Path) -> Iterator[BuildTools]:
    with Work(tmp_path / "out", {"recipe": "x"}) as work, opened(prepared(work, RECIPE, [NORTH], None)) as found:
        yield found


def test_the_recordings_answer_every_call_of_the_rows_again(built: Path, tmp_path: Path) -> None:
    calls = 0
    with (
        ObservationStore(shutil.copy(built / "recordings.sqlite", tmp_path)) as store,  # to open a store is to write its header
        default_toolbox("replay", store, settings=Settings()) as toolbox,
    ):
        for file in sorted(built.glob("tara/*/*.jsonl")):
            for pair in read_tara(file).pairs:
                for case, side in ((pair.chosen_case, pair.chosen), (pair.rejected_case, pair.rejected)):
                    assert side.trace is not None
                    for step in side.trace.steps:
                        assert step.action is not None
                        assert toolbox.call(step.action, case) == step.observation
                        calls += 1
    assert calls == 2 * 71


def test_the_recordings_are_one_file_that_is_not_being_written(built: Path) -> None:
    assert not list(built.glob("recordings.sqlite-*"))
    connection = sqlite3.connect(f"file:{built / 'recordings.sqlite'}?mode=ro", uri=True)
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "delete"
    connection.close()


def test_parquet_holds_the_rows_that_the_json_holds(built: Path) -> None:
    import pyarrow.parquet as pq

    for file in sorted(built.glob("tara/*/*.jsonl")):
        pairs = read_tara(file).pairs
        rows = pq.read_table(built / "data" / file.parent.name / f"{file.stem}.parquet").to_pylist()
        assert [row["id"] for row in rows] == [pair.id for pair in pairs]
        for row, pair in zip(rows, pairs, strict=True):
            assert pair.chosen.trace is not None
            assert row["chosen"] == [{"role": "assistant", "content": pair.chosen.answer}]
            assert row["rejected"] == [{"role": "assistant", "content": pair.rejected.answer}]
            assert row["prompt"][0]["content"].endswith(pair.question)
            assert row["chosen_rationale"] == pair.chosen.trace.rationale
            assert [step["thought"] for step in row["chosen_steps"]] == [step.thought for step in pair.chosen.trace.steps]


def test_a_draft_comes_back_from_json_as_it_was() -> None:
    whole = replace(NORTH, context="c", tests=("assert f() == 1",), references=("Yes",), passages=(("T", "text"),), group="g")
    assert draft_from_json(draft_to_json(whole)) == whole
    assert draft_from_json(draft_to_json(NORTH)) == NORTH


def test_what_agents_made_comes_back_from_json_as_it_was(tools: BuildTools) -> None:
    made = make_row(next(TINY["days"].read(Path(), 1, 1)), agents_by_rule(task_named("calendar")), tools.observe, RECIPE)
    assert made.right is not None
    assert made_from_json(made_to_json(made)) == made


def test_a_call_that_a_source_recorded_is_answered_by_it_and_another_is_unavailable_at_once(tools: BuildTools) -> None:
    case = Case(NORTH.question, NORTH.chosen)
    assert tools.observer(NORTH)(Action("google_serper", "is the Borm longer than the Avel"), case).text.startswith("The Borm is 300")
    assert tools.observe(Action("google_serper", "something else"), case).status == "unavailable"


def test_today_is_another_day_in_each_draft_and_is_replayed_by_the_case(tools: BuildTools) -> None:
    drafts = [replace(NORTH, id=f"d/{day}", recorded=(("Calendar.today", "", f"2024-05-0{day}"),)) for day in (1, 2)]
    call, cases = Action("Calendar.today", ""), [Case("q", "a1"), Case("q", "a2")]
    seen = [tools.observer(draft)(call, case) for draft, case in zip(drafts, cases, strict=True)]
    assert [observation.text for observation in seen] == ["2024-05-01", "2024-05-02"]
    kept = recordings([(call, case, observation) for case, observation in zip(cases, seen, strict=True)], tools)
    assert all(entry.case_digest for entry, _ in kept)
    assert len(kept) == 2


def test_a_recorded_call_that_no_tool_takes_is_named() -> None:
    with known_tools() as toolbox:
        schemas = {schema["function"]["name"]: schema["function"]["parameters"] for schema in toolbox.schemas()}
    wrong = replace(NORTH, recorded=(("crystal_ball", "tomorrow", "rain"),))
    with pytest.raises(DataError, match="the source north recorded a call in north/1 that no tool takes: crystal_ball"):
        recorded_calls(wrong, schemas)


def test_a_tool_that_is_unavailable_for_a_while_makes_the_row_wait() -> None:
    failures = iter((True, True, False))

    @tool(name="shaky")
    def shaky(word: str) -> str:
        """Fails twice."""
        if next(failures):
            raise ToolUnavailable("out of order")
        return word

    with Toolbox([shaky]) as toolbox:
        found = BuildTools(toolbox, {}, frozenset(), waits=(0.0, 0.0, 0.0)).observe(Action("shaky", "hello"), Case("q", "a"))
    assert found == Observation("hello")


def test_a_tool_that_stays_unavailable_costs_the_row_and_is_counted(tmp_path: Path) -> None:
    def read(root: Path, seed: int, wanted: int) -> Iterator[Draft]:
        for draft in TINY["rivers"].read(root, seed, wanted):
            yield replace(draft, task="webgpt", source="lost", passages=())

    recipe = replace(RECIPE, tasks={"webgpt": TaskRecipe({"lost": 1.0})}, test_share=0.0)
    with pytest.raises(DataError, match=r"webgpt: no row came through \(unavailable tool 12\)"):
        build(recipe, tmp_path / "out", {"lost": Source("lost", "webgpt", "none", read)}, tmp_path, at_once=1)


def test_a_blind_agent_sees_neither_label_nor_references() -> None:
    assert view_of(NORTH, NORTH.chosen, True).label is True
    assert view_of(NORTH, NORTH.chosen, True).references == (NORTH.chosen,)
    blind = view_of(NORTH, NORTH.chosen, True, blind=True)
    assert blind.label is None
    assert blind.references == ()


def test_a_blind_build_is_built(data: Path, tmp_path: Path) -> None:
    recipe = replace(RECIPE, setting="blind", tasks={"calendar": RECIPE.tasks["calendar"]})
    build(recipe, tmp_path / "out", TINY, data, at_once=1)
    assert "blind" in (tmp_path / "out" / "README.md").read_text()
    assert len(bytes_of(tmp_path / "out")) > 5
