"""Preference files of every form that people have."""

import json
from pathlib import Path
from typing import Any

import pytest

from themis.data.preferences import read_preferences
from themis.errors import DataError
from themis.traces import Pair, Side
from themis.traces.tara import write_tara

USER = {"role": "user", "content": "What is 2 + 2?"}


def _say(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def _file(folder: Path, *rows: Any) -> Path:
    path = folder / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


FORMS: dict[str, dict[str, Any]] = {
    "prompt and answers": {"prompt": "What is 2 + 2?", "chosen": "4", "rejected": "5"},
    "prompt within": {"chosen": "What is 2 + 2? 4", "rejected": "What is 2 + 2? 5"},
    "messages": {"prompt": [USER], "chosen": [_say("4")], "rejected": [_say("5")]},
    "messages, prompt within": {"chosen": [USER, _say("4")], "rejected": [USER, _say("5")]},
    "messages for a prompt of text": {"prompt": "What is 2 + 2?", "chosen": [_say("4")], "rejected": [_say("5")]},
    "text for a prompt of messages": {"prompt": [USER], "chosen": "4", "rejected": "5"},
}


@pytest.mark.parametrize("row", FORMS.values(), ids=list(FORMS))
def test_every_form_is_read_as_the_same_pair(row: dict[str, Any], tmp_path: Path) -> None:
    (pair,) = read_preferences(_file(tmp_path, row)).pairs
    assert (pair.question, pair.chosen.answer, pair.rejected.answer) == ("What is 2 + 2?", "4", "5")


def test_taras_own_rows_are_read_and_one_whose_scores_contradict_its_label_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "calendar" / "rows.jsonl"
    right = Pair("1", "q", Side("better", 1.0), Side("worse", -1.0), task="calendar")
    write_tara([right, Pair("2", "q", Side("worse", -1.0), Side("better", 1.0), task="calendar")], path)
    read = read_preferences(path)
    assert read.pairs == (right,)
    assert read.left_out == {"row: its label and its scores disagree": 1}


def test_parquet_is_read_like_json_lines(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows = [FORMS["messages"] | {"margin": 0.5}, FORMS["messages"] | {"margin": 2.0}]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "pairs.parquet")
    read = read_preferences(tmp_path / "pairs.parquet", margin=True)
    assert [pair.chosen.score - pair.rejected.score for pair in read.pairs] == [0.5, 2.0]
    assert read.pairs[0].question == "What is 2 + 2?"


def test_a_chat_of_several_turns_keeps_them_all(tmp_path: Path) -> None:
    turns = [USER, _say("4"), {"role": "user", "content": "Sure?"}]
    (pair,) = read_preferences(_file(tmp_path, {"chosen": [*turns, _say("Yes.")], "rejected": [*turns, _say("No.")]})).pairs
    assert pair.question == "user: What is 2 + 2?\nassistant: 4\nuser: Sure?"


def test_a_prompt_that_the_answers_repeat_is_asked_once(tmp_path: Path) -> None:
    row = {"prompt": "What is 2 + 2?", "chosen": [USER, _say("4")], "rejected": [USER, _say("5")]}
    (pair,) = read_preferences(_file(tmp_path, row)).pairs
    assert (pair.question, pair.chosen.answer, pair.rejected.answer) == ("What is 2 + 2?", "4", "5")


def test_rows_that_teach_nothing_are_counted(tmp_path: Path) -> None:
    row = FORMS["prompt and answers"]
    read = read_preferences(_file(tmp_path, row, row | {"rejected": "4"}))
    assert len(read.pairs) == 1
    assert read.left_out == {"row: both answers are the same": 1}


def test_without_a_row_to_learn_from_the_reasons_are_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "weather" / "rows.jsonl"
    write_tara([Pair(str(i), "q", Side("a", 1.0), Side("b", 1.0), task="weather") for i in range(3)], path)
    with pytest.raises(DataError, match=r"no row is left to learn from \(row: both labels are the same: 3\)"):
        read_preferences(path)
    same = FORMS["prompt and answers"] | {"rejected": "4 "}
    with pytest.raises(DataError, match=r"no row is left to learn from \(row: both answers are the same: 2\)"):
        read_preferences(_file(tmp_path, same, same))


MARGINS = {0.5: 1, 0.0: 1, -0.5: 0, "0.5": 1}
"""A margin, and the pairs that are left of its row where margins are read."""


@pytest.mark.parametrize(("margin", "kept"), MARGINS.items())
def test_a_margin_is_read_only_where_it_is_asked_for_and_never_turns_a_label_round(margin: Any, kept: int, tmp_path: Path) -> None:
    first, row = FORMS["prompt and answers"] | {"margin": 1.0}, {"prompt": "q", "chosen": "good", "rejected": "bad", "margin": margin}
    path = _file(tmp_path, first, row)
    assert [(pair.chosen.answer, pair.chosen.score - pair.rejected.score) for pair in read_preferences(path).pairs] == [
        ("4", 1),
        ("good", 1),
    ]
    read = read_preferences(path, margin=True)
    assert [(pair.chosen.answer, pair.chosen.score) for pair in read.pairs[1:]] == [("good", float(margin))] * kept
    assert read.left_out == ({} if kept else {"row: its label and its scores disagree": 1})


@pytest.mark.parametrize("margin", ["big", True, None, float("nan"), [1]])
def test_a_margin_that_is_no_number_is_named(margin: Any, tmp_path: Path) -> None:
    row = FORMS["prompt and answers"] | {"margin": margin}
    assert len(read_preferences(_file(tmp_path, row)).pairs) == 1
    with pytest.raises(DataError, match=r"line 1: data.margin is true, so column 'margin' must be a number"):
        read_preferences(_file(tmp_path, row), margin=True)


def test_equal_rows_are_read_once_also_from_two_files(tmp_path: Path) -> None:
    row = FORMS["prompt and answers"]
    seen: set[Pair] = set()
    read = read_preferences(_file(tmp_path, row | {"id": 1}, row | {"id": 2}, row | {"rejected": "6"}), seen=seen)
    assert [pair.rejected.answer for pair in read.pairs] == ["5", "6"]
    assert read.left_out == {"row: it was there already": 1}
    again = tmp_path / "again.jsonl"
    again.write_text(json.dumps(row) + "\n" + json.dumps(row | {"rejected": "7"}) + "\n")
    assert [pair.rejected.answer for pair in read_preferences(again, seen=seen).pairs] == ["7"]


def test_a_talk_that_ends_with_the_user_and_an_empty_better_answer_cost_their_rows(tmp_path: Path) -> None:
    row = FORMS["messages, prompt within"]
    thanks = {"chosen": [USER, _say("4"), USER], "rejected": [USER, _say("5")]}
    read = read_preferences(_file(tmp_path, row, thanks, FORMS["prompt and answers"] | {"chosen": " ", "prompt": "q"}))
    assert len(read.pairs) == 1
    assert read.left_out == {
        "row: field 'chosen' must end with a message of the role 'assistant', found 'user'": 1,
        "row: the chosen answer is empty": 1,
    }


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"prompt": "q", "chosen": "a"}, "line 1: field 'rejected' is missing; expected 'question'"),
        ({"text": "q"}, "field 'answer' (or 'chosen') is missing; expected"),
        ({"chosen": "four", "rejected": "five"}, "no column 'prompt', and 'chosen' and 'rejected' have no beginning in common"),
        ({"prompt": "q", "chosen": "a", "rejected": 5}, "line 1: field 'rejected' must be text or a list of messages, found a number"),
        ({"chosen": [_say("4")], "rejected": [_say("5")]}, "field 'question' (or 'prompt') is missing or empty; expected"),
        ({"chosen": [USER, _say("4")], "rejected": [USER, USER, _say("5")]}, "differ before their last message"),
        ({"chosen": [USER, _say("4")], "rejected": [_say("5")]}, "differ before their last message"),
        ({"chosen": [USER, {"role": "assistant"}], "rejected": [_say("5")]}, "field 'chosen[1].content' is missing"),
        ({"prompt": "q", "chosen": ["a", "c"], "rejected": "b"}, "expected one chosen and one rejected answer to train on, found 2 and 1"),
        ([1, 2], "row 1: expected a JSON object, found a number"),
        ("text", "expected a JSON object, found text"),
    ],
)
def test_what_has_no_known_form_is_named(row: Any, says: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as refusal:
        read_preferences(_file(tmp_path, row))
    assert says in str(refusal.value)
    assert str(tmp_path / "pairs.jsonl") in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_an_empty_or_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no rows"):
        read_preferences(_file(tmp_path))
    with pytest.raises(DataError, match="cannot be read"):
        read_preferences(tmp_path / "gone.jsonl")
    (tmp_path / "cut.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"cannot be read as Parquet"):
        read_preferences(tmp_path / "cut.parquet")
