"""Two worlds with the same words: in one the answer is right, in the other it is wrong."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from tests.builder.tasks.written import gzipped_lines, weather_folder
from themis.builder.counterfactual.build import build_counterfactuals
from themis.builder.counterfactual.rows import Counterfactual, MakeCounterfactuals, World, read_counterfactuals
from themis.builder.draft import Draft, View
from themis.builder.reserved import reserved
from themis.builder.tasks.code.counterfactual import code_rows
from themis.builder.tasks.code.mbpp import SOURCES as PROGRAMS
from themis.builder.tasks.dates.counterfactual import calendar_rows, multi_tools_rows, weather_rows
from themis.builder.tasks.registry import all_sources, counterfactual_makers, task_named
from themis.config import data_root
from themis.errors import DataError
from themis.tools.calendar import day_difference, target_day, week_day
from themis.tools.code.sandbox import Sandbox
from themis.tools.code.tool import code_tool
from themis.tools.toolbox import Toolbox
from themis.traces import Action, Case, Observation

NOTHING: frozenset[str] = frozenset()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = weather_folder(tmp_path_factory.mktemp("data"))
    program = "def add_{0}(a, b):\n    total = a + b\n    return total + {0}\n"
    rows = [
        {
            "task_id": number,
            "text": f"Write a function to add two numbers and {number}.",
            "code": program.format(number),
            "test_setup_code": "",
            "test_list": [f"assert add_{number}({a}, {b}) == {a + b + number}" for a, b in ((1, 2), (5, 9), (7, 3))],
        }
        for number in range(60)
    ]
    gzipped_lines(folder / "mbpp/mbpp.jsonl.gz", rows)
    gzipped_lines(folder / "mbpp_programs/programs.jsonl.gz", [])
    (folder / "tara").mkdir()
    (folder / "tara/holdout.sha256").write_text("")
    return folder


def makers(*tasks: str) -> dict[str, MakeCounterfactuals]:
    return {task: counterfactual_makers()[task] for task in tasks}


def stances(row: Counterfactual) -> tuple[str, str]:
    """The stance of the agents by rule in either world, with the real calendar and the world's other tools."""
    rule = task_named(row.task).agents
    found = []
    with Toolbox([week_day, day_difference, target_day]) as toolbox, Sandbox() as sandbox:
        code = code_tool(sandbox)
        for world in (row.right, row.wrong):
            said = dict(world.observations)

            def observe(action: Action, case: Case, said: dict[str, str] = said) -> Observation:
                if action.tool == "code_run":
                    return Observation(str(code(action.argument, case)))
                return Observation(said[action.tool]) if action.tool in said else toolbox.call(action, case)

            view = View(replace(row.case, tests=world.tests), row.task)
            found.append(rule.evidence(view, rule.steps(view, Random(0), observe)).stance)
    return found[0], found[1]


@pytest.mark.parametrize("rows", [calendar_rows, weather_rows, multi_tools_rows, code_rows], ids=lambda maker: maker.__name__)
def test_the_answer_is_right_in_one_world_and_wrong_in_the_other(rows: type[Iterator[Counterfactual]], root: Path) -> None:
    made = list(islice(rows(root, 0, NOTHING), 16))  # type: ignore[call-arg]
    assert len(made) >= 10
    settled = [stances(row) for row in made]
    assert settled.count(("agrees", "disagrees")) >= 0.9 * len(made)
    assert ("disagrees", "agrees") not in settled


def test_worlds_of_the_weather_differ_in_the_attribute_alone(root: Path) -> None:
    for row in islice(weather_rows(root, 0, NOTHING), 30):
        right, wrong = (world.observations[0][1].partition("\n")[2].split("; ") for world in (row.right, row.wrong))
        assert len(right) == len(wrong)
        assert sum(one != other for one, other in zip(right, wrong, strict=True)) == 1


def test_a_calendar_answer_follows_from_today_and_a_number(root: Path) -> None:
    for row in islice(calendar_rows(root, 0, NOTHING), 40):
        today = date.fromisoformat(row.right.observations[0][1][:10])
        number = re.search(r"(\d+) days", row.case.question_text)
        day = re.search(r"\d{4}-\d\d-\d\d", row.case.answer)
        if number and day and not re.search(r"\d{4}-", row.case.question_text):
            assert abs(date.fromisoformat(day[0]) - today) == timedelta(days=int(number[1]))


def test_programs_of_reserved_problems_alone_are_taken_and_mutants_too(root: Path) -> None:
    made = list(code_rows(root, 0, NOTHING))
    kept = {draft.question: draft.chosen for source in PROGRAMS for draft in source.read(root, 0, 100) if reserved(draft, source)}
    assert {row.case.question_text for row in made} == kept.keys()
    assert 0 < sum(row.case.answer not in kept.values() for row in made) < len(made)


def test_a_reserved_group_is_so_in_every_source_that_has_it() -> None:
    drafts = [Draft(str(number), "code", "mbpp", f"q{number}", "c", group=f"mbpp/{number}") for number in range(400)]
    sources = all_sources()
    mbpp, share = sources["mbpp"], sources["mbpp"].reserved_one_in
    found = [reserved(draft, mbpp) for draft in drafts]
    others = [replace(draft, source="mbpp_programs", id="other", question="asked otherwise") for draft in drafts]
    assert found == [reserved(draft, sources["mbpp_programs"]) for draft in others]
    assert 400 / share / 2 < sum(found) < 400 / share * 2
    assert not any(reserved(draft, replace(mbpp, name="mine.jsonl", reserved_one_in=0)) for draft in drafts)


def test_the_same_seed_gives_the_same_rows_and_a_question_that_is_measured_elsewhere_is_left_out(root: Path) -> None:
    first = list(build_counterfactuals(root, 12, 1, makers("calendar", "weather")))
    assert first == list(build_counterfactuals(root, 12, 1, makers("calendar", "weather")))
    assert first != list(build_counterfactuals(root, 12, 2, makers("calendar", "weather")))
    from themis.traces.tara import question_hash

    measured = frozenset({question_hash(first[0].case.question_text)})
    assert next(calendar_rows(root, 1, measured)).case.question_text != first[0].case.question_text


def test_too_few_reserved_groups_say_how_many_there_are(root: Path) -> None:
    with pytest.raises(DataError, match=r"gives \d+ counterfactual pairs for code, not 500; ask for fewer with --count"):
        list(build_counterfactuals(root, 500, 0, makers("code")))


ROW = Counterfactual(
    "translator",
    Case("¿Quién?", "Ann", "Ann sings. Ben rows.", id="c/1"),
    World((("translate", "Who sings?"),)),
    World((("translate", "Who rows?"),), ("assert f() == 1",)),
)


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    file = tmp_path / "flips.jsonl"
    file.write_text(json.dumps(ROW.to_json()) + "\n", encoding="utf-8")
    assert read_counterfactuals(file) == [ROW]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"worlds": {"right": {}}}, r"line 2: field 'worlds.wrong' must be an object"),
        ({"worlds": None}, r"line 2: field 'worlds' must be an object with 'right' and 'wrong'"),
        ({"task": None}, r"line 2: field 'task' is missing"),
        ({"answer": 3}, r"line 2: field 'answer' must be text"),
        ({"worlds": {"right": {"tests": "assert"}, "wrong": {}}}, r"line 2: field 'worlds.right.tests' must be a list of texts"),
        (
            {"worlds": {"right": {"observations": [{"tool": "t"}]}, "wrong": {}}},
            r"line 2: field 'worlds.right.observations.text' is missing",
        ),
        ({"id": "c/1"}, r"field 'id' must be different in each row"),
    ],
)
def test_a_broken_row_is_named_with_line_and_field(change: dict[str, object], message: str, tmp_path: Path) -> None:
    file = tmp_path / "flips.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in (ROW.to_json(), ROW.to_json() | {"id": "c/2"} | change)), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_counterfactuals(file)


@pytest.mark.skipif(data_root() is None, reason="the data sets are not here")
@pytest.mark.parametrize("task", ["wikisearch", "translator"])
def test_what_was_read_gives_pairs_whose_worlds_say_each_answer_in_one_alone(task: str) -> None:
    root = data_root()
    assert root
    for row in build_counterfactuals(root, 40, 0, makers(task)):
        ((tool, right),), ((same, wrong),) = row.right.observations, row.wrong.observations
        assert tool == same
        assert right != wrong
        if task == "wikisearch":
            assert row.case.answer.lower() in right.lower()
            assert row.case.answer not in wrong
        else:
            assert row.case.answer.lower() in (row.case.context or "").lower()


def test_all_six_tasks_have_a_maker() -> None:
    assert set(counterfactual_makers()) == {"calendar", "weather", "multi_tools", "code", "wikisearch", "translator"}
