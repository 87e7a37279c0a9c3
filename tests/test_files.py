"""What is read of files, what a broken file says, and that written files are whole or not there."""

import gzip
import json
import lzma
import os
import resource
import sys
from pathlib import Path
from typing import Any

import pytest

from themis.errors import ConfigError, DataError
from themis.files import (
    Journal,
    data_rows,
    json_lines,
    json_object,
    json_rows,
    locked,
    objects_field,
    text_field,
    texts_field,
    write_whole,
    writing_whole,
)

OPENERS: dict[str, Any] = {"": open, ".gz": gzip.open, ".xz": lzma.open}
ENDINGS = pytest.mark.parametrize("ending", OPENERS)


def written(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    with OPENERS.get(file.suffix, open)(file, "wt", encoding="utf-8") as opened:
        opened.write(text)
    return file


@ENDINGS
def test_plain_and_packed_lines_are_read_alike_and_empty_ones_keep_their_numbers(tmp_path: Path, ending: str) -> None:
    file = written(tmp_path, f"a.jsonl{ending}", '{"n": "é"}\n\n{"n": 2}\n')
    assert list(json_lines(file)) == [(1, {"n": "é"}), (3, {"n": 2})]


@ENDINGS
def test_a_list_and_an_object_are_read_alike(tmp_path: Path, ending: str) -> None:
    assert list(json_rows(written(tmp_path, f"list.json{ending}", '[{"n": 1}, {"n": 2}]'))) == [(1, {"n": 1}), (2, {"n": 2})]
    assert json_object(written(tmp_path, f"object.json{ending}", '{"n": 1}')) == {"n": 1}


@ENDINGS
@pytest.mark.parametrize(("line", "said"), [("{", "not valid JSON"), ("[1]", "expected a JSON object, found a list")])
def test_a_line_that_is_no_object_is_named(tmp_path: Path, ending: str, line: str, said: str) -> None:
    file = written(tmp_path, f"a.jsonl{ending}", f"{{}}\n{line}\n")
    with pytest.raises(DataError, match=rf"{file}, line 2: {said}"):
        list(json_lines(file))


def test_a_row_of_a_list_that_is_no_object_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.json, row 2: expected a JSON object, found a number"):
        list(json_rows(written(tmp_path, "a.json", "[{}, 3]")))
    with pytest.raises(DataError, match=r"b\.json: expected a list of JSON objects, found an object"):
        list(json_rows(written(tmp_path, "b.json", "{}")))
    with pytest.raises(DataError, match=r"c\.json: not valid JSON"):
        json_object(written(tmp_path, "c.json", "{"))


@pytest.mark.parametrize("ending", [".gz", ".xz"])
def test_a_packed_file_that_is_cut_off_or_of_another_kind_is_named(tmp_path: Path, ending: str) -> None:
    file = written(tmp_path, f"a.jsonl{ending}", json.dumps({"n": "text"}) * 50)
    whole = file.read_bytes()
    for content in (whole[:-12], b"not packed at all", whole[:20] + b"\xff" * 20 + whole[40:]):
        file.write_bytes(content)
        with pytest.raises(DataError, match=rf"{file} is cut off, or not compressed as its name says"):
            list(json_lines(file))


def test_a_file_that_is_missing_or_no_utf_8_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.jsonl\.xz cannot be read: No such file"):
        list(json_lines(tmp_path / "a.jsonl.xz"))
    (tmp_path / "b.jsonl").write_bytes(b"\xff\n")
    with pytest.raises(DataError, match=r"b\.jsonl, line 1: byte 1 is not UTF-8"):
        list(json_lines(tmp_path / "b.jsonl"))


@pytest.mark.parametrize(
    ("value", "said"), [(None, "is missing"), (3, "must be text, found a number"), (" ", "is empty"), ("\ud800", "holds half a character")]
)
def test_a_field_that_is_no_text_is_named(value: Any, said: str) -> None:
    with pytest.raises(DataError, match=f"a, line 1: field 'word' {said}"):
        text_field({"word": value}, "word", "a, line 1")


def test_a_list_of_other_things_is_named_with_the_place_of_its_member() -> None:
    assert texts_field({"words": ["a", ""]}, "words", "a") == ("a", "")
    assert list(objects_field({"rows": [{}]}, "rows", "a")) == [("a, rows[0]", {})]
    with pytest.raises(DataError, match=r"a: field 'words' is missing"):
        texts_field({}, "words", "a")
    with pytest.raises(DataError, match=r"a: field 'words' must be a list of texts, found text"):
        texts_field({"words": "a"}, "words", "a")
    with pytest.raises(DataError, match=r"a: field 'words\[1\]' must be text, found a number"):
        texts_field({"words": ["a", 3]}, "words", "a")
    with pytest.raises(DataError, match=r"a: field 'rows' must be a list of objects, found an object"):
        list(objects_field({"rows": {}}, "rows", "a"))
    with pytest.raises(DataError, match=r"a, rows\[0\]: expected a JSON object, found text"):
        list(objects_field({"rows": ["a"]}, "rows", "a"))


def test_rows_of_a_data_file_come_with_their_place_whatever_it_is(tmp_path: Path) -> None:
    lines = written(tmp_path, "a.jsonl", '\n{"n": 1}\n{"n": 2}\n')
    assert list(data_rows(lines)) == [(2, f"{lines}, line 2", {"n": 1}), (3, f"{lines}, line 3", {"n": 2})]
    one = written(tmp_path, "b.json", '\ufeff\n [{"n": 1}, 3]')
    rows = data_rows(one)
    assert next(rows) == (1, f"{one}, row 1", {"n": 1})
    with pytest.raises(DataError, match=r"b\.json, row 2: expected a JSON object, found a number"):
        next(rows)
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.Table.from_pylist([{"n": 1}, {"n": None}]), tmp_path / "c.parquet")
    assert [row for _, _, row in data_rows(tmp_path / "c.parquet")] == [{"n": 1}, {"n": None}]
    (tmp_path / "c.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"c\.parquet cannot be read as Parquet"):
        list(data_rows(tmp_path / "c.parquet"))


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigError, match=r"a\.parquet is Parquet, which needs pyarrow: pip install 'themis-rm\[parquet\]'"):
        list(data_rows(tmp_path / "a.parquet"))


def test_a_file_is_written_whole_or_stays_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "new" / "a.txt"
    write_whole(file, "é\n")
    assert file.read_bytes() == "é\n".encode()
    with pytest.raises(ZeroDivisionError), writing_whole(file) as opened:
        opened.write(f"half {1 / 0}")
    assert file.read_bytes() == "é\n".encode()
    with writing_whole(file) as opened:
        opened.write("all")
    assert [each.name for each in file.parent.iterdir()] == ["a.txt"]
    assert file.read_text() == "all"
    with pytest.raises(DataError, match="cannot be written"):
        write_whole(file / "below", b"")
    with writing_whole(tmp_path / "nowhere" / "a.txt") as opened:
        opened.write("in a new folder")
    assert (tmp_path / "nowhere" / "a.txt").read_text() == "in a new folder"


@pytest.mark.parametrize("kind", ["folder", "fifo", "/dev/full", "/dev/stdout", "/dev/fd/1"])
def test_what_is_not_a_file_that_keeps_is_refused_at_once(kind: str, tmp_path: Path) -> None:
    out = tmp_path / kind if not kind.startswith("/") else Path(kind)
    if kind == "folder":
        out.mkdir()
    if kind == "fifo":
        os.mkfifo(out)
    with pytest.raises(DataError, match="not a file that can be kept: give a file"):
        Journal(out, ("{", "{"), lambda number, row: True, "")
    with pytest.raises(DataError, match="not a file that can be kept: give a file"):
        write_whole(out, "x")
    if kind in ("folder", "fifo", "/dev/full"):  # standard output may be a file here
        link = tmp_path / "link"
        link.symlink_to(out)
        with pytest.raises(DataError, match="not a file that can be kept: give a file"):
            write_whole(link, "x")


def test_two_runs_never_write_one_journal_or_one_folder(tmp_path: Path) -> None:
    def opened(path: Path) -> Journal:
        return Journal(path, ("{", "{"), lambda number, row: True, "")

    with opened(tmp_path / "a.jsonl"):
        (tmp_path / "hard.jsonl").hardlink_to(tmp_path / "a.jsonl")
        for name in ("a.jsonl", "hard.jsonl"):
            with pytest.raises(ConfigError, match="another run is at work"):
                opened(tmp_path / name)
    (tmp_path / "hard.jsonl").unlink()
    with opened(tmp_path / "a.jsonl") as journal:
        journal.append({"n": 1})
    with (
        locked(tmp_path / "new" / "folder"),
        pytest.raises(ConfigError, match="another run is at work"),
        locked(tmp_path / "new" / "folder"),
    ):
        pass
    assert not (tmp_path / "new" / "folder").exists()
    with locked(tmp_path / "new"):
        (tmp_path / "new" / "result").touch()
    assert (tmp_path / "new" / "result").exists()


def test_a_journal_without_rows_leaves_no_file_but_one_that_was_there(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    for name in ("mine", "new/other"):
        Journal(tmp_path / name, ("{", "{"), lambda number, row: True, "").close()
    assert (tmp_path / "mine").exists()
    assert not (tmp_path / "new" / "other").exists()


def test_a_full_disk_leaves_no_half_row_before_the_next_one(tmp_path: Path) -> None:
    path, limits = tmp_path / "a.jsonl", resource.getrlimit(resource.RLIMIT_FSIZE)
    with Journal(path, ("{", "{"), lambda number, row: True, "") as file:
        file.append({"row": 1})
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 5, limits[1]))
        try:
            with pytest.raises(DataError, match="cannot be written: File too large"):
                file.append({"row": 2})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        file.append({"row": 3})
    assert path.read_text() == '{"row": 1}\n{"row": 3}\n'


def test_a_journal_is_rewritten_row_by_row_and_goes_on(tmp_path: Path) -> None:
    with Journal(tmp_path / "a.jsonl", ("{", "{"), lambda number, row: True, "") as file:
        file.append({"n": 1})
        file.rewrite(lambda row: {"n": row["n"] + 1})
        file.append({"n": 5})
    assert [row for _, row in json_lines(tmp_path / "a.jsonl")] == [{"n": 2}, {"n": 5}]


def test_a_row_is_appended_as_one_line(tmp_path: Path) -> None:
    with Journal(tmp_path / "a.jsonl", ("{", "{"), lambda number, row: True, "") as file:
        file.append({"n": "é"})
        file.append({"n": 2})
    assert list(json_lines(tmp_path / "a.jsonl")) == [(1, {"n": "é"}), (2, {"n": 2})]


# --- CSV -----------------------------------------------------------------------------------------------

TABLE = 'prompt,answer,id\n"Who, then?","Ann.\nOr ""Bob""",1\n\nWhy?,,2\n'


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.CSV", "t.tsv"])
def test_csv_gives_rows_with_the_lines_that_they_begin_in(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    text = "\ufeff" + (TABLE.replace("prompt,answer,id", "prompt\tanswer\tid").replace('",', '"\t').replace("?,,", "?\t\t"))
    text = text if name == "t.tsv" else "\ufeff" + TABLE
    text = text.replace('""",1', '"""\t1') if name == "t.tsv" else text
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    assert list(data_rows(path)) == [
        (2, f"{path}, line 2", {"prompt": "Who, then?", "answer": 'Ann.\nOr "Bob"', "id": "1"}),
        (5, f"{path}, line 5", {"prompt": "Why?", "answer": "", "id": "2"}),
    ]


def test_messages_in_a_cell_are_json_and_other_lists_are_text(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('prompt;answer\n"[{""role"": ""user"", ""content"": ""Hi""}]";"[1, 2]"\n')
    assert [row for _, _, row in data_rows(path)] == [{"prompt": [{"role": "user", "content": "Hi"}], "answer": "[1, 2]"}]
    path.write_text('prompt,tests\nq,"[""assert f(1) == 2""]"\n')
    assert [row["tests"] for _, _, row in data_rows(path)] == [["assert f(1) == 2"]]
    path.write_text("prompt;answer\n\"[{'role': 'user', 'content': 'Hi'}]\";a\n")
    with pytest.raises(DataError, match=r"t.csv, line 2, column 'prompt': not valid JSON"):
        list(data_rows(path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"prompt,answer\nWho?\n", "line 2: 1 fields, but line 1 names 2"),
        (b"prompt,answer\nWho?,a,b\n", "line 2: 3 fields, but line 1 names 2"),
        (b'prompt,answer\n"Who?,a\nWhy?,b\n', "cut off, or not CSV in UTF-8"),
        (b"prompt,answer\nWho?,\xff\n", "cut off, or not CSV in UTF-8"),
        (b"prompt,answer,prompt\n", "line 1: two columns are named 'prompt'"),
    ],
)
def test_a_broken_csv_file_is_named(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DataError, match=message):
        list(data_rows(tmp_path / "t.csv"))


def test_a_long_answer_in_csv_is_whole(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("prompt,answer\nq," + "a" * 200_000 + "\n")
    assert [len(row["answer"]) for _, _, row in data_rows(tmp_path / "t.csv")] == [200_000]
