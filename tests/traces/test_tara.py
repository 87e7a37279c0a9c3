"""TARA's JSON in and out: every published row loads, and what was written reads back equal."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.traces.drawn import texts, traces
from themis.config import data_root
from themis.errors import DataError
from themis.files import json_lines
from themis.traces import Action, Case, Observation, Pair, Side, Step, Trace, Verdict
from themis.traces.tara import Dropped, question_hash, read_holdout, read_tara, write_tara

TASKS = (
    *("calculator", "calendar", "code", "hh_rlhf", "multi_tools"),
    *("retarded_bar", "translator", "weather", "webgpt", "wikisearch"),
)
PUBLISHED_ROWS = 3907

ROW: dict[str, Any] = {
    "id": "calendar_0",
    "question": "What day is 2015-03-24?",
    "pos_answer": {
        "answer": "Tuesday",
        "score": 1.0,
        "actions": {"Thought": "I look.", "Action": "Calendar.week_day", "Action Input": "2015-03-24", "Observation": "Tuesday"},
        "score_agent": {"explanation": "The calendar agrees.", "score": "1.0"},
    },
    "neg_answer": {
        "answer": "Sunday",
        "score": -1.0,
        "actions": "Thought: Do I need to use a tool? No\nFinished.",
        "score_agent": {"explanation": "It is not.", "score": "-1.0"},
    },
}
LOOK = Step("I look.", Action("Calendar.week_day", "2015-03-24"), Observation("Tuesday"))


def published(*tasks: str) -> list[Path]:
    """The files of TARA on this machine, and a skipped test where there are none."""
    root = data_root()
    if root is None or not (root / "tara").is_dir():
        pytest.skip("TARA is not here; THEMIS_DATA names the folder that holds it")
    return [path for task in tasks for path in sorted((root / "tara" / task).glob("*.jsonl"))]


def lines_to(path: Path, *rows: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8")
    return path


def with_actions(actions: Any) -> dict[str, Any]:
    return ROW | {"pos_answer": ROW["pos_answer"] | {"actions": actions}}


def steps_of(tmp_path: Path, actions: Any) -> tuple[Step, ...]:
    (pair,) = read_tara(lines_to(tmp_path / "dev.jsonl", with_actions(actions))).pairs
    assert pair.chosen.trace is not None
    return pair.chosen.trace.steps


# --- the published files ---------------------------------------------------------------------------


def test_every_published_row_loads_and_only_calls_of_no_tool_are_dropped() -> None:
    files = [read_tara(path) for path in published(*TASKS)]
    assert sum(len(file.pairs) for file in files) == PUBLISHED_ROWS
    assert sum((file.reasons for file in files), Counter()) == {"call: names no tool but 'None'": 5, "call: names no tool but 'N/A'": 1}


def test_published_pairs_read_back_equal(tmp_path: Path) -> None:
    for path in published(*TASKS):
        copy = tmp_path / path.parent.name / path.name
        write_tara(read_tara(path).pairs, copy)
        assert read_tara(copy).pairs == read_tara(path).pairs


def test_what_is_written_is_the_published_json(tmp_path: Path) -> None:
    """But for webgpt, whose flat texts close in many ways."""
    for path in published(*(task for task in TASKS if task != "webgpt")):
        copy = tmp_path / path.parent.name / path.name
        write_tara(read_tara(path).pairs, copy)
        assert [row for _, row in json_lines(copy)] == [row for _, row in json_lines(path)]


def test_published_traces_have_calls_with_observations_and_thoughts_without_keys() -> None:
    for path in published(*TASKS):
        for pair in read_tara(path).pairs:
            assert pair.task == path.parent.name
            for side in (pair.chosen, pair.rejected):
                assert (side.trace is None) == (pair.task == "retarded_bar")
                for step in side.trace.steps if side.trace else ():
                    assert (step.action is None) == (step.observation is None)
                    assert step.thought
                    assert "Action:" not in step.thought


def test_the_chosen_answer_is_always_scored_above_the_rejected_one() -> None:
    for path in published(*TASKS):
        assert all(pair.chosen.score > pair.rejected.score for pair in read_tara(path).pairs)


# --- reading ---------------------------------------------------------------------------------------


def test_a_row_becomes_a_pair_with_both_traces(tmp_path: Path) -> None:
    file = read_tara(lines_to(tmp_path / "calendar" / "dev.jsonl", ROW))
    no_tool = Trace((Step("Do I need to use a tool? No"),), "It is not.")
    assert file.pairs == (
        Pair(
            "calendar_0",
            "What day is 2015-03-24?",
            Side("Tuesday", 1.0, Trace((LOOK,), "The calendar agrees.")),
            Side("Sunday", -1.0, no_tool),
            task="calendar",
        ),
    )
    assert not file.dropped


def test_both_cases_of_a_pair_share_question_context_and_tests(tmp_path: Path) -> None:
    row = ROW | {"context": "c", "test_list": ["assert f(1) == 2"]}
    (pair,) = read_tara(lines_to(tmp_path / "dev.jsonl", row)).pairs
    assert pair.chosen_case == Case(pair.question, "Tuesday", "c", ("assert f(1) == 2",), "calendar_0/chosen")
    assert pair.rejected_case == Case(pair.question, "Sunday", "c", ("assert f(1) == 2",), "calendar_0/rejected")


def test_an_answer_may_have_no_trace(tmp_path: Path) -> None:
    bare = ROW | {"pos_answer": {"answer": "a", "score": 1}, "neg_answer": {"answer": "b", "score": 0, "score_agent": {"explanation": "e"}}}
    (pair,) = read_tara(lines_to(tmp_path / "dev.jsonl", bare)).pairs
    assert (pair.chosen.trace, pair.rejected.trace) == (None, Trace((), "e"))


def test_flat_text_holds_several_calls_and_observations_of_many_lines(tmp_path: Path) -> None:
    text = (
        "Thought: A day.\nAction: Calendar.target_day\nAction Input: 2023-03-04, 64\nObservation: 2023-05-07\n"
        "Thought: The weather.\nAction: history_weather\nAction Input: Riyadh, 2023-05-07\nObservation: It is: \nhumidity: 15.0\n"
    )
    assert steps_of(tmp_path, text) == (
        Step("A day.", Action("Calendar.target_day", "2023-03-04, 64"), Observation("2023-05-07")),
        Step("The weather.", Action("history_weather", "Riyadh, 2023-05-07"), Observation("It is: \nhumidity: 15.0")),
    )


CALL = "Thought: I look.\nAction: Calendar.week_day\nAction Input: 2015-03-24\nObservation: Tuesday\n"
NO = "Do I need to use a tool? No"


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        (f"Thought: {NO}\nFinished.\n\n", (Step(NO),)),
        (f"{CALL}Thought: \n{NO}\nFinished.\n\n", (LOOK, Step(NO))),
        (f"{CALL}Thought: \nIt agrees.\n{NO}\nFinished.", (LOOK, Step(f"It agrees.\n{NO}"))),
        (f"{CALL}Thought: \nIt agrees.\nThought: {NO}\nFinished.", (LOOK, Step(f"It agrees.\n{NO}"))),
        (f"Thought: Known.\nThought: {NO}\nFinished.", (Step(f"Known.\n{NO}"),)),
        (f"I happen to know.\n\nThought: {NO}\nFinished.", (Step(f"I happen to know.\n{NO}"),)),
        (f"{CALL}Finished.", (LOOK,)),
        ("Thought: I look.\nAction: Calendar.week_day\nAction Input: 2015-03-24\n\n\nObservation: Tuesday", (LOOK,)),
        (
            "Thought: I look.\nAction: Calendar.week_day\nObservation: ?",
            (Step("I look.", Action("Calendar.week_day", ""), Observation("?")),),
        ),
        (
            "Action: None\nAction Input: None\nObservation: ?\nThought: t\nAction: calculator",
            (Step("t", Action("calculator", "")),),
        ),
        (f"{CALL}Action: calculator\nAction Input: 1", (LOOK, Step("", Action("calculator", "1")))),
    ],
    ids=range(11),
)
def test_the_many_ways_agents_wrote_flat_text(tmp_path: Path, text: str, steps: tuple[Step, ...]) -> None:
    assert steps_of(tmp_path, text) == steps


@pytest.mark.parametrize(
    "actions",
    [
        f"Thought: Known.\nAction: None\nAction Input: None\nObservation: none is a pronoun\nThought: \n{NO}\nFinished.\n\n",
        f"Thought: Known.\nAction: N/A\nThought: {NO}\nFinished.",
        {"Thought": f"Known.\n{NO}", "Action": "None", "Action Input": "None", "Observation": "none is a pronoun"},
        {"Thought": f"Known.\n{NO}", "Action": None, "Action Input": None},
        f"Thought: Known.\nAction: No, I do not.\nAction Input:\nThought: {NO}\nFinished.",
    ],
)
def test_a_call_of_no_tool_is_dropped_and_counted_and_its_thought_stays(tmp_path: Path, actions: Any) -> None:
    assert steps_of(tmp_path, actions) == (Step(f"Known.\n{NO}"),)
    (dropped,) = read_tara(tmp_path / "dev.jsonl").dropped
    assert (dropped.line, dropped.what) == (1, "call")


@pytest.mark.parametrize(
    "word", ["No", "no.", "NONE", "N/A", "n.a.", "NaN", "null", "-", "", "No tool needed", "'None'", "no_tool", "Not needed"]
)
def test_words_for_no_tool_call_nothing(tmp_path: Path, word: str) -> None:
    assert steps_of(tmp_path, f"Thought: Known.\nAction: {word}\nAction Input: x\nThought: {NO}\nFinished.") == (Step(f"Known.\n{NO}"),)


@pytest.mark.parametrize("name", ["notes", "Nominatim.search", "none_of_these", "nano", "search", "Calendar.no"])
def test_a_tool_may_begin_with_such_a_word(tmp_path: Path, name: str) -> None:
    (step,) = steps_of(tmp_path, {"Thought": "t", "Action": name, "Action Input": "x", "Observation": "y"})
    assert step.action == Action(name, "x")


@pytest.mark.parametrize(
    ("actions", "reason"),
    [
        ("Observation: Tuesday", "'Observation' without an 'Action'"),
        ("Thought: t\nAction Input: x", "'Action Input' without an 'Action'"),
        ("Thought: I was cut", "the last thought neither acts nor says 'Finished.'"),
        ("", "the last thought neither acts nor says 'Finished.'"),
        ("Thought: t\nFinished.\nThought: u\nFinished.", "text follows 'Finished.'"),
        ("Thought: t\nFinished.\nBye", "text follows 'Finished.'"),
    ],
)
def test_a_row_whose_trace_has_no_order_is_dropped_with_its_reason(tmp_path: Path, actions: str, reason: str) -> None:
    file = read_tara(lines_to(tmp_path / "dev.jsonl", ROW, with_actions(actions), ROW))
    assert len(file.pairs) == 2
    assert file.dropped == (Dropped(2, "row", reason),)
    assert file.reasons == {f"row: {reason}": 1}


# --- broken files ----------------------------------------------------------------------------------


def changed(**fields: Any) -> dict[str, Any]:
    return ROW | {"pos_answer": ROW["pos_answer"] | fields}


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[1]", "expected a JSON object, found a list"),
        ("null", "expected a JSON object, found null"),
        (ROW | {"question": None}, "field 'question' is missing"),
        (ROW | {"question": 3}, "field 'question' must be text, found a number"),
        (ROW | {"question": "\ud800"}, "field 'question' holds half a character (a lone surrogate)"),
        (ROW | {"id": 7}, "field 'id' must be text, found a number"),
        (ROW | {"context": []}, "field 'context' must be text, found a list"),
        (ROW | {"test_list": "assert"}, "field 'test_list' must be a list of texts"),
        (ROW | {"test_list": [1]}, "field 'test_list' must be text, found a number"),
        (ROW | {"neg_answer": "b"}, "field 'neg_answer' must be an object with 'answer' and 'score'"),
        (changed(answer=None), "field 'pos_answer.answer' is missing"),
        (changed(score="1"), "field 'pos_answer.score' must be a number"),
        (changed(score=True), "field 'pos_answer.score' must be a number"),
        (changed(score=float("nan")), "field 'pos_answer.score' must be a number"),
        (changed(score=10**400), "field 'pos_answer.score' must be a number"),
        (changed(score_agent="good"), "field 'pos_answer.score_agent' must be an object"),
        (changed(score_agent={"explanation": 1}), "field 'pos_answer.score_agent.explanation' must be text, found a number"),
        (
            changed(actions=1),
            "field 'pos_answer.actions' must be text, or an object with 'Thought', 'Action', 'Action Input' and 'Observation'",
        ),
        (changed(actions={"Action": "a"}), "field 'pos_answer.actions.Thought' is missing"),
        (changed(actions={"Thought": "t", "Action": "a"}), "field 'pos_answer.actions.Action Input' is missing"),
        (changed(actions={"Thought": "t", "Observation": 5}), "field 'pos_answer.actions.Observation' must be text, found a number"),
        (
            changed(actions=[{"Thought": "t", "Observation": "o", "Origin": "heaven"}]),
            "field 'pos_answer.actions[0].Origin' must be one of replayed_near",
        ),
        (
            changed(actions=[{"Thought": "t", "Observation": "o", "Status": "fine"}]),
            "field 'pos_answer.actions[0].Status' must be one of ok, error, unavailable, timeout",
        ),
    ],
    ids=range(25),
)
def test_a_broken_row_is_one_sentence_with_file_line_and_field(tmp_path: Path, row: Any, sentence: str) -> None:
    path = lines_to(tmp_path / "dev.jsonl", ROW, "", row)
    with pytest.raises(DataError) as error:
        read_tara(path)
    assert str(error.value).startswith(f"{path}, line 3: {sentence}")
    assert "\n" not in str(error.value)


def test_bytes_that_are_no_utf8_are_named_with_their_place(tmp_path: Path) -> None:
    path = tmp_path / "dev.jsonl"
    path.write_bytes(json.dumps(ROW).encode() + b"\n" + b'{"id": "\xff"}\n')
    with pytest.raises(DataError, match=r"dev\.jsonl, line 2: byte 9 is not UTF-8$"):
        read_tara(path)


def test_a_missing_file_or_a_folder_is_one_sentence(tmp_path: Path) -> None:
    for path in (tmp_path / "dev.jsonl", tmp_path):
        with pytest.raises(DataError, match="cannot be read"):
            read_tara(path)


# --- writing ---------------------------------------------------------------------------------------


def sides() -> st.SearchStrategy[Side]:
    scores = st.floats(-1e6, 1e6) | st.integers(-1, 1)
    return st.builds(Side, texts(), scores, st.none() | traces())


def pairs() -> st.SearchStrategy[Pair]:
    return st.builds(Pair, texts(), texts(), sides(), sides(), st.none() | texts(), st.lists(texts(), max_size=2).map(tuple), texts())


def single(*steps: Step) -> Pair:
    side = Side("a", 1, Trace(steps))
    return Pair("", "q", side, side)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(pairs(), max_size=3))
@example([single()])
@example([single(Step("t", Action("None", "None"), Observation("o")))])
@example([single(Step("t", None, Observation("o", "timeout")))])
@example([single(LOOK, Step("Action: x"), LOOK)])
@example([single(LOOK, Step(NO)), single(LOOK, LOOK), single(Step("\u2028\x0b\r"))])
def test_what_was_written_reads_back_equal(tmp_path: Path, written: list[Pair]) -> None:
    write_tara(written, tmp_path / "task" / "train.jsonl")
    assert read_tara(tmp_path / "task" / "train.jsonl").pairs == tuple(written)


@pytest.mark.parametrize("calls", [1, 2])
def test_where_an_observation_came_from_is_kept(tmp_path: Path, calls: int) -> None:
    near = replace(LOOK, observation=Observation("Tuesday", origin="replayed_near"))
    write_tara([single(*[LOOK, near][-calls:])], tmp_path / "task" / "train.jsonl")
    trace = read_tara(tmp_path / "task" / "train.jsonl").pairs[0].chosen.trace
    assert trace is not None
    assert [step.observation.origin for step in trace.steps if step.observation] == ["", "replayed_near"][-calls:]
    assert Verdict("1", 0.5, None, trace).to_json()["trace"]["steps"][-1]["observation"]["origin"] == "replayed_near"


def test_a_row_names_its_task_only_where_the_folder_does_not(tmp_path: Path) -> None:
    pair = Pair("1", "q", Side("a", 1), Side("b", -1), task="calendar")
    write_tara([pair], tmp_path / "calendar" / "dev.jsonl")
    write_tara([pair], tmp_path / "mixed" / "dev.jsonl")
    rows = [next(json_lines(tmp_path / folder / "dev.jsonl"))[1] for folder in ("calendar", "mixed")]
    assert [row.get("task") for row in rows] == [None, "calendar"]


# --- held-out questions ----------------------------------------------------------------------------


def test_a_question_hash_ignores_case_and_white_space() -> None:
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert question_hash("abc") == question_hash("  ABC\n") == abc
    assert question_hash("What  day\tis it?\n") == question_hash("what day is it?") != question_hash("whatday is it?")


def test_a_holdout_file_is_a_set_of_hashes(tmp_path: Path) -> None:
    path = tmp_path / "holdout.sha256"
    path.write_text(f"{question_hash('a')}\n{question_hash('b')}\n")
    assert read_holdout(path) == {question_hash("a"), question_hash("b")}


@pytest.mark.parametrize("content", [b"abc\n", b"\xff\xfe", b"What day is it?\n"])
def test_a_holdout_file_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "holdout.sha256"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"holdout\.sha256"):
        read_holdout(path)


def test_no_published_dev_question_is_held_out() -> None:
    for path in published(*TASKS):
        if path.stem == "dev":
            holdout = read_holdout(path.parent.parent / "holdout.sha256")
            assert not [pair.id for pair in read_tara(path).pairs if question_hash(pair.question) in holdout]
