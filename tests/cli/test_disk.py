"""A disk that is full, or that may not be written to, is one sentence, and half a directory is not left behind."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Themis, sentence
from themis.errors import ConfigError
from themis.files import disk_fault, new_directory
from themis.model.named import NANO

KEPT = "give a place that may be written to and has space; what was written is kept"


def with_small_files(*words: str, size: int, folder: Path) -> subprocess.CompletedProcess[str]:
    """A command whose files may not pass `size` bytes, as on a disk that is full."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "themis", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, preexec_fn=limit, env=environment)


@pytest.mark.parametrize(
    "words",
    [("export", "--out", "new/x"), ("export", "--merged", "--out", "new"), ("average", "nano", "nano", "--out", "new")],
    ids=["export", "merged", "average"],
)
def test_a_full_disk(words: tuple[str, ...], tmp_path: Path) -> None:
    done = with_small_files(*words, size=200_000, folder=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stderr.rstrip() == f"themis: File too large: {KEPT}"
    assert not list(tmp_path.glob("new/x")) + list(tmp_path.glob("new/*"))


def test_an_index_on_a_full_disk(tmp_path: Path) -> None:
    words = " ".join(f"word{number}" for number in range(40_000))
    (tmp_path / "a.jsonl").write_text(f'{{"title": "One", "text": "{words}"}}\n')
    done = with_small_files("tools", "index", "a.jsonl", "--out", "index", size=10_000, folder=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].endswith(KEPT)


@pytest.mark.parametrize("words", [("export",), ("average", "nano", "nano"), ("train", "nano-vanilla")])
def test_a_place_below_a_file(words: tuple[str, ...], themis: Themis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEMIS_DATA", str(tmp_path))
    (tmp_path / "file").touch()
    assert "file" in sentence(themis(*words, "--out", tmp_path / "file" / "x"))


def test_a_directory_that_fails_is_taken_back(tmp_path: Path) -> None:
    def fail() -> None:
        with new_directory(tmp_path / "new" / "er"):
            (tmp_path / "new" / "er" / "below").mkdir()
            (tmp_path / "new" / "er" / "below" / "file").touch()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not (tmp_path / "new" / "er").exists()
    (tmp_path / "mine").touch()
    for taken in (tmp_path, tmp_path / "mine"):
        with pytest.raises(ConfigError, match="holds files already"), new_directory(taken):
            pass
    assert (tmp_path / "mine").is_file()


def test_what_is_no_fault_of_the_disk_surfaces() -> None:
    assert disk_fault(FileNotFoundError(2, "No such file or directory", "x")) is None
    assert disk_fault(ValueError("unexpected value")) is None
    assert disk_fault(PermissionError(13, "Permission denied", "rod/e")) == "rod/e: Permission denied"


def test_exported_weights_may_be_read_by_all(themis: Themis, tmp_path: Path) -> None:
    assert themis("export", "--model", NANO, "--out", tmp_path / "x").exit_code == 0
    assert (tmp_path / "x" / "model.safetensors").stat().st_mode & 0o777 == 0o644
