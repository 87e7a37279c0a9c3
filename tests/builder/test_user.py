"""A source of the user's own: what is read, and what is said of a file of another shape."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from themis.builder.draft import Draft
from themis.builder.user import user_source
from themis.errors import ConfigError, DataError

USER, ASSISTANT = {"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Ann."}
OTHER = {"role": "assistant", "content": "Bob."}


def as_lines(folder: Path, rows: list[Any]) -> Path:
    path = folder / "mine.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def as_list(folder: Path, rows: list[Any]) -> Path:
    path = folder / "mine.json"
    path.write_text("\n " + json.dumps(rows, indent=1), encoding="utf-8")
    return path


def as_parquet(folder: Path, rows: list[Any]) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "mine.parquet", row_group_size=2)
    return folder / "mine.parquet"


def drafts(path: Path | str, task: str = "wikisearch", wanted: int = 100) -> list[Draft]:
    return list(user_source(str(path), task).read(Path(), 4, wanted))


def test_several_wrong_answers_are_candidates_and_one_that_equals_the_right_one_is_not(tmp_path: Path) -> None:
    row = {"prompt": "Who?", "chosen": "Ann.", "rejected": ["Bob.", "Ann. ", "", "Cid."]}
    assert [draft.rejected for draft in drafts(as_lines(tmp_path, [row]))] == [("Bob.", "Cid.")]


@pytest.mark.parametrize("written", [as_lines, as_list, as_parquet])
@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"question": "Who?", "answer": "Ann."}, ("Who?", "Ann.", ())),
        ({"prompt": "Who?", "chosen": "Ann.", "rejected": "Bob."}, ("Who?", "Ann.", ("Bob.",))),
        ({"prompt": [USER], "chosen": [ASSISTANT], "rejected": [OTHER]}, ("Who?", "Ann.", ("Bob.",))),
        ({"chosen": [USER, ASSISTANT], "rejected": [USER, OTHER]}, ("Who?", "Ann.", ("Bob.",))),
        ({"messages": [USER, ASSISTANT]}, ("Who?", "Ann.", ())),
        ({"messages": [USER], "answer": "Ann.", "margin": 2.0}, ("Who?", "Ann.", ())),
        ({"messages": [USER, OTHER, USER, ASSISTANT]}, ("user: Who?\nassistant: Bob.\nuser: Who?", "Ann.", ())),
    ],
    ids=["question", "pair", "turns", "whole talks", "messages", "messages and answer", "a longer talk"],
)
def test_every_shape_is_read_from_every_form(
    tmp_path: Path, written: Callable[[Path, list[Any]], Path], row: dict[str, Any], expected: tuple[str, str, tuple[str, ...]]
) -> None:
    found = drafts(written(tmp_path, [row, row, row]))
    assert [(draft.question, draft.chosen, draft.rejected) for draft in found] == [expected] * 3
    assert len({draft.id for draft in found}) == 3


def test_what_belongs_to_a_row_comes_with_it(tmp_path: Path) -> None:
    row = {"question": "f?", "answer": "def f(): return 1", "context": "c", "tests": ["assert f() == 1"], "id": 7, "rejected": None}
    found = drafts(as_lines(tmp_path, [row]), "code")[0]
    assert (found.context, found.tests, found.id.rpartition("/")[2], found.rejected) == ("c", ("assert f() == 1",), "7", ())
    assert found.id.endswith("/mine.jsonl/7")
    assert str(tmp_path.parent.parent) not in found.id  # no path of a machine stands in a data set


def test_no_more_is_read_than_is_wanted_and_always_in_the_same_order(tmp_path: Path) -> None:
    path = as_lines(tmp_path, [{"question": f"{n}?", "answer": "a"} for n in range(9)] + ["not a row"])
    assert [draft.question for draft in drafts(path, wanted=3)] == ["0?", "1?", "2?"]


PAIR = {"question": "Who?", "answer": "Ann."}


@pytest.mark.parametrize("written", [as_lines, as_list])
@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("text", "expected a JSON object, found text"),
        ({"answer": "Ann."}, r"field 'question' \(or 'prompt'\) is missing or empty; .* found 'answer'"),
        ({"question": "Who?", "label": 1}, r"field 'answer' \(or 'chosen'\) is missing; .* found 'question', 'label'"),
        ({}, "found nothing"),
        (PAIR | {"question": 3}, "field 'question' must be text or a list of messages, found a number"),
        (PAIR | {"question": "  "}, r"field 'question' \(or 'prompt'\) is missing or empty"),
        (PAIR | {"answer": {"text": "Ann."}}, "field 'answer' must be text or a list of messages, found an object"),
        (PAIR | {"answer": ["Ann.", "Bob."]}, "the answer is not one; expected one right answer"),
        (PAIR | {"question": []}, r"field 'question' \(or 'prompt'\) is missing or empty"),
        (PAIR | {"question": [{"role": "user"}]}, r"field 'question\[0\].content' is missing"),
        (PAIR | {"tests": "assert 1"}, "field 'tests' must be a list of texts, found text"),
        (PAIR | {"context": 4}, "field 'context' must be text"),
        (PAIR | {"id": 1.5}, "field 'id' must be text or a whole number, found a number"),
        (PAIR | {"answer": "half \ud800"}, "half a character"),
        ({"messages": [ASSISTANT]}, r"field 'question' \(or 'prompt'\) is missing or empty"),
    ],
)
def test_a_row_of_another_shape_is_named_by_file_line_and_field(
    tmp_path: Path, written: Callable[[Path, list[Any]], Path], row: Any, words: str
) -> None:
    if "surrogate" in repr(row) or "\\ud800" in json.dumps(row):
        path = tmp_path / ("mine.jsonl" if written is as_lines else "mine.json")
        rows = [json.dumps(PAIR), json.dumps(row)]
        path.write_text("\n".join(rows) if written is as_lines else f"[{','.join(rows)}]")
    else:
        path = written(tmp_path, [PAIR, row])
    place = "line 2" if written is as_lines else "row 2"
    with pytest.raises(DataError, match=rf"mine.jsonl?, {place}: .*{words}"):
        drafts(path)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (PAIR | {"answer": " "}, "the chosen answer is empty"),
        (PAIR | {"answer": [USER]}, "field 'answer' must end with a message of the role 'assistant', found 'user'"),
        ({"chosen": [USER, ASSISTANT], "rejected": [ASSISTANT, OTHER]}, "'chosen' and 'rejected' differ before their last message"),
        (
            {"messages": [USER, {"role": "assistant", "content": None, "tool_calls": [{}]}, ASSISTANT]},
            "field 'messages' holds a message without text",
        ),
    ],
)
def test_a_row_that_cannot_be_an_example_costs_itself_and_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, row: Any, words: str
) -> None:
    path = as_lines(tmp_path, [PAIR, row, row, PAIR])
    assert [draft.id[-2:] for draft in drafts(path)] == ["/1", "/4"]
    (record,) = caplog.records
    assert record.getMessage().startswith(f"{path}, line 2: {words}")
    assert record.getMessage().endswith(": left out, as are 1 more rows")
    with pytest.raises(DataError, match=f"line 1: .*{words}"):
        drafts(as_lines(tmp_path, [row]))


def test_code_without_tests_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 1: field 'tests' is missing; expected a list of Python asserts"):
        drafts(as_lines(tmp_path, [PAIR]), "code")


def test_an_id_that_comes_twice_is_named_with_both_lines(tmp_path: Path) -> None:
    path = as_lines(tmp_path, [PAIR | {"id": "a"}, PAIR, PAIR | {"id": "a"}])
    with pytest.raises(DataError, match=r"line 3: field 'id' is the same as in .*line 1"):
        drafts(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"question": "Who?", "answer": "Ann."}\n{"question": \n', "line 2: not valid JSON"),
        (b'{"question": "\xff"}\n', "line 1: byte 15 is not UTF-8"),
        (b"\n\n", "holds no rows"),
        (b"[" * 100_000, "not valid JSON"),
    ],
    ids=["cut off", "no UTF-8", "empty", "deep"],
)
def test_a_broken_file_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "mine.jsonl").write_bytes(content)
    with pytest.raises(DataError, match=words):
        drafts(tmp_path / "mine.jsonl")


def test_parquet_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.parquet").write_bytes(b"PAR1 but no more")
    with pytest.raises(DataError, match=r"mine.parquet cannot be read as Parquet"):
        drafts(tmp_path / "mine.parquet")


def test_a_row_of_parquet_is_named_by_its_number(tmp_path: Path) -> None:
    path = as_parquet(tmp_path, [PAIR, PAIR, {"question": "Who?", "answer": None}])
    with pytest.raises(DataError, match=r"mine.parquet, row 3: field 'answer' \(or 'chosen'\) is missing"):
        drafts(path)


def test_what_is_no_source_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere.jsonl is missing"):
        user_source("nowhere.jsonl", "wikisearch")
    (tmp_path / "mine.xlsx").write_text("question,answer\n")
    with pytest.raises(ConfigError, match=r"neither a file \(\.jsonl, \.json, .*\.csv"):
        user_source(str(tmp_path / "mine.xlsx"), "wikisearch")
    with pytest.raises(ConfigError, match="there is no task 'wiki'"):
        user_source("nowhere.jsonl", "wiki")


def test_without_a_network_a_data_set_of_the_hub_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match=r"'someone/preferences' cannot be loaded from the Hub \(.*\); give a file instead"):
        drafts("someone/preferences")


def test_a_data_set_that_the_library_finds_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datasets")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "someone").mkdir()
    source = user_source("someone/preferences", "wikisearch")
    folder = tmp_path / "someone" / "preferences"  # load_dataset takes a folder in place of a name
    folder.mkdir()
    (folder / "train.jsonl").write_text(json.dumps(PAIR) + "\n")
    found = list(source.read(Path(), 4, 9))
    assert [(draft.id, draft.question) for draft in found] == [("someone/preferences/1", "Who?")]
    assert "huggingface.co/datasets/someone/preferences" in source.licence


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(ConfigError, match=r"needs datasets: pip install 'themis-rm\[build\]'"):
        drafts("someone/preferences")
