"""The commands that make counterfactual pairs and judge them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.builder.tasks.written import weather_folder
from tests.cli.conftest import Themis, sentence


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = weather_folder(tmp_path / "data")
    (root / "tara").mkdir()
    (root / "tara/holdout.sha256").write_text("")
    monkeypatch.setenv("THEMIS_DATA", str(root))
    return root


BUILD, EVAL = ("build", "counterfactual"), ("eval", "counterfactual")


def test_pairs_are_written_and_judged_by_the_model_that_ships(themis: Themis, data: Path, tmp_path: Path) -> None:
    pairs, table = tmp_path / "flips.jsonl", tmp_path / "flips.json"
    assert themis(*BUILD, "--out", pairs, "--count", 6, "--tasks", "weather,multi_tools").exit_code == 0
    assert len(pairs.read_text().splitlines()) == 12
    judged = themis(*EVAL, pairs, "--tasks", "weather", "--rationale", "skip", "--out", table)
    assert judged.exit_code == 0
    assert "not trained on" in " ".join(judged.stdout.split())
    result = json.loads(table.read_text())
    assert list(result["tasks"]) == ["weather"]
    assert result["tasks"]["weather"]["n"] == 6
    assert result["tasks"]["weather"]["flips"] >= 5


def test_a_run_that_was_killed_resumes(themis: Themis, data: Path, tmp_path: Path) -> None:
    pairs, table = tmp_path / "flips.jsonl", tmp_path / "flips.json"
    themis(*BUILD, "--out", pairs, "--count", 4, "--tasks", "weather")
    words = [*EVAL, pairs, "--rationale", "skip", "--batch-size", 1, "--out", table]
    cache = tmp_path / "flips.verdicts.jsonl"
    process = subprocess.Popen([sys.executable, "-m", "themis", *map(str, words)], env=os.environ, start_new_session=True)
    while process.poll() is None and not (cache.exists() and cache.read_bytes().count(b"\n") > 2):
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    whole = cache.read_bytes().rpartition(b"\n")[0] + b"\n"
    assert 2 < whole.count(b"\n") < 9, "it was not killed half way"
    assert themis(*words).exit_code == 0
    assert cache.read_bytes().startswith(whole), "a cached verdict was judged again"
    assert cache.read_bytes().count(b"\n") == 9
    assert json.loads(table.read_text())["tasks"]["weather"]["flips"] >= 3
    assert "is the verdict cache of another judge (rationale was" in sentence(themis(*words, "--rationale", "write"))


def test_the_same_seed_gives_the_same_bytes(themis: Themis, data: Path, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("one", "two", "other")]
    for file, seed in zip(files, (3, 3, 4), strict=True):
        themis(*BUILD, "--out", file, "--count", 5, "--tasks", "weather", "--seed", seed)
    one, two, other = (file.read_bytes() for file in files)
    assert one == two != other


def test_a_source_that_is_missing_leaves_the_old_file_as_it_was(themis: Themis, data: Path, tmp_path: Path) -> None:
    pairs = tmp_path / "flips.jsonl"
    pairs.write_text(old := '{"id": "1", "task": "code", "worlds": {}}')
    assert "mbpp.jsonl.gz cannot be read: No such file" in sentence(themis(*BUILD, "--out", pairs, "--tasks", "code"))
    assert pairs.read_text() == old
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["flips.jsonl"]


def test_an_unknown_task_is_named(themis: Themis, data: Path, tmp_path: Path) -> None:
    assert "there is no task 'wether' among code, calendar, weather" in sentence(
        themis(*BUILD, "--out", tmp_path / "f.jsonl", "--tasks", "wether")
    )


def test_a_file_that_is_not_there_says_how_to_make_it(themis: Themis, tmp_path: Path) -> None:
    assert "make one with `themis build counterfactual" in sentence(themis(*EVAL, tmp_path / "none.jsonl"))
