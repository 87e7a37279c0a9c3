"""What may be written to: an output is never an input, never something else's file, and never a pipe."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.cli.conftest import Themis, sentence
from themis.cli.output import check_folder, check_output
from themis.errors import ConfigError, DataError

Link = Callable[[Path, Path], object]


def _linked(new: Path, old: Path) -> Path:
    new.symlink_to(old)
    return new


LINKS: dict[str, Link] = {
    "a link": lambda new, old: new.symlink_to(old),
    "a relative link": lambda new, old: new.symlink_to(old.name),
    "a link to a link": lambda new, old: new.symlink_to(_linked(new.with_name("between"), old)),
    "a hard link": lambda new, old: new.hardlink_to(old),
}


@pytest.mark.parametrize("kind", [*LINKS, "data.jsonl", "folder/../data.jsonl"])
def test_an_output_is_never_an_input_however_it_is_spelled(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data, out = tmp_path / "data.jsonl", tmp_path / "out.jsonl"
    data.write_text('{"bench": 1}')
    (tmp_path / "folder").mkdir()
    if kind in LINKS:
        LINKS[kind](out, data)
    else:
        out = Path(kind)
    with pytest.raises(ConfigError, match="is a file that this command reads"):
        check_output(out, [None, data], ["bench"])
    assert data.read_text() == '{"bench": 1}'


@pytest.mark.parametrize(
    ("content", "is_ours"),
    [
        ("", True),
        ('{"bench": 1, "tasks": {}}', True),
        ('{\n  "tasks": {},\n  "bench": 1\n}\n', True),
        ('{"bench": 1, "tasks": {}}\n{"bench": 2}\n', True),
        ('{"bench": 1}', False),
        ('{"title": "Of mice and men"}', False),
        ("[1, 2]", False),
        ("years of work", False),
        ("\x00\x01", False),
        ("[" * 100_000, False),
    ],
)
def test_the_file_of_something_else_is_not_overwritten(content: str, is_ours: bool, tmp_path: Path) -> None:
    out = tmp_path / "thesis.json"
    out.write_text(content)
    if is_ours:
        check_output(out, keys=("bench", "tasks"))
    else:
        with pytest.raises(ConfigError, match="was not written by this command"):
            check_output(out, keys=("bench", "tasks"))
    assert out.read_text() == content


def test_what_cannot_be_written_is_told_before_the_work_and_nothing_is_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "fifo")
    for out in ("file/below", "fifo", ".", "/dev/stdout", "/dev/full"):
        with pytest.raises(DataError, match=r"cannot be written|not a file that can be kept"):
            check_output(tmp_path / out)
    check_output(tmp_path / "new" / "folder" / "out.json")
    check_output(None)
    check_output(Path("-"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fifo", "file"]


def test_a_folder_to_write_holds_no_input(tmp_path: Path) -> None:
    (tmp_path / "out" / "below").mkdir(parents=True)
    (tmp_path / "out" / "below" / "a.jsonl").touch()
    (tmp_path / "link").symlink_to(tmp_path / "out")
    for spelled in ("out/below/a.jsonl", "link/below/a.jsonl", "out"):
        with pytest.raises(ConfigError, match="holds what this command reads"):
            check_folder(tmp_path / "out", [tmp_path / spelled])
    with pytest.raises(ConfigError, match="holds what this command reads"):
        check_folder(tmp_path / "link", [tmp_path / "out" / "below" / "a.jsonl"])
    check_folder(tmp_path / "new", [tmp_path / "out", "nano", None])
    with pytest.raises(ConfigError, match="--out - is standard output, and a folder is written"):
        check_folder(Path("-"))


# --- the commands ----------------------------------------------------------------------------------

ASKED = {"question": "q", "answer": "a"}
PAIR = {"prompt": "q", "chosen": "a", "rejected": "b"}
FLIP = {"id": "1", "task": "code", "question": "q", "answer": "a", "worlds": {"right": {"observations": []}, "wrong": {"observations": []}}}
READERS: dict[str, tuple[Mapping[str, object], list[str]]] = {
    "score": (ASKED, ["score", "--cases", "IN", "--out", "OUT"]),
    "bench": (PAIR, ["eval", "bench", "IN", "--out", "OUT"]),
    "verdicts": (PAIR, ["eval", "bench", "IN", "--verdicts", "OUT"]),
    "counterfactual": (FLIP, ["eval", "counterfactual", "IN", "--out", "OUT"]),
    "flips": (FLIP, ["eval", "counterfactual", "IN", "--verdicts", "OUT"]),
    "report": ({}, ["report", "IN", "--out", "OUT"]),
    "weather": ({}, ["tools", "import-weather", "IN", "--out", "OUT"]),
}


@pytest.mark.parametrize("command", READERS)
@pytest.mark.parametrize("how", ["itself", "link", "hard link"])
def test_no_command_overwrites_what_it_reads(command: str, how: str, themis: Themis, tiny: Path, tmp_path: Path) -> None:
    row, words = READERS[command]
    data, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    data.write_text(json.dumps(row) + "\n")
    before = data.read_bytes()
    if how == "itself":
        out = data
    else:
        out.symlink_to(data) if how == "link" else out.hardlink_to(data)
    model = ["--model", str(tiny)] if words[0] in ("score", "eval") else []
    assert sentence(themis(*[{"IN": str(data), "OUT": str(out)}.get(word, word) for word in words], *model))
    assert data.read_bytes() == before


@pytest.mark.parametrize("command", READERS)
@pytest.mark.parametrize("kind", ["fifo", "/dev/full", "/dev/stdout", "folder", "thesis"])
def test_no_command_hangs_on_a_pipe_or_overwrites_a_thesis(command: str, kind: str, themis: Themis, tiny: Path, tmp_path: Path) -> None:
    row, words = READERS[command]
    data, out = tmp_path / "in.jsonl", tmp_path / kind.removeprefix("/")
    data.write_text(json.dumps(row) + "\n")
    if kind == "fifo":
        os.mkfifo(out)
    elif kind == "folder":
        out.mkdir()
    elif kind == "thesis":
        out.write_text('{"title": "years of work"}')
    else:
        out = Path(kind)
    model = ["--model", str(tiny)] if words[0] in ("score", "eval") else []
    result = themis(*[{"IN": str(data), "OUT": str(out)}.get(word, word) for word in words], *model)
    assert result.exit_code == 2
    if kind == "thesis":
        assert out.read_text() == '{"title": "years of work"}'


def test_a_failed_evaluation_leaves_nothing(themis: Themis, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text(json.dumps(PAIR) + "\n")
    words = ("eval", "bench", tmp_path / "in.jsonl", "--model", "nanno", "--out", tmp_path / "new" / "e.json")
    assert "no model 'nanno'" in sentence(themis(*words))
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_a_store_that_is_not_there_is_not_replayed_and_not_made(themis: Themis, tmp_path: Path) -> None:
    words = ("score", "-q", "q", "-a", "a", "--tools-mode", "replay", "--store", tmp_path / "none.db")
    assert "there is no store" in sentence(themis(*words))
    assert not list(tmp_path.iterdir())


def piped(text: str, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "themis", *map(str, words)]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=600, env=os.environ)


def test_rows_go_from_standard_input_to_standard_output(tiny: Path, tmp_path: Path) -> None:
    done = piped(json.dumps(ASKED) + "\n", "score", "--cases", "-", "--out", "-", "--model", tiny, "--json")
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == ["1"], done.stderr
    assert json.loads(done.stderr)["judged"] == 1
    done = piped(json.dumps(PAIR) + "\n", "eval", "bench", "-", "--out", "-", "--model", tiny, "--rationale", "skip")
    assert json.loads(done.stdout)["tasks"]["all"]["n"] == 1, done.stderr
    assert re.search(r"^ all +1 ", done.stderr, re.MULTILINE), done.stderr
