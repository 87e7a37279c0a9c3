"""The work folder: every file in it is complete or absent, so that a build can be killed at any moment.

A file is written beside its place, synced to disk, and renamed. The folder carries the fingerprint of its recipe, so
that rows of two recipes never mix.
"""

import contextlib
import errno
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from themis.closing import Closing
from themis.errors import ConfigError, DataError
from themis.files import difference, lock, remove, write_whole

FORM = 2
"""The format of the work folder; a folder of another format is not resumed."""
FOLDER, MARK, DONE = "work", "recipe.json", "build.json"

_FULL = (errno.ENOSPC, errno.EDQUOT)


class Work(Closing):
    """The folder `out/work` of one recipe; a context manager that locks out other builds."""

    def __init__(self, out: Path, made_from: Mapping[str, Any], *, overwrite: bool = False) -> None:
        """Raises `ConfigError` if the folder holds another build or something else, unless it may be overwritten."""
        self.out = out
        self.folder = out / FOLDER
        self._mark = mark_of(made_from)
        _refuse_foreign(out)
        if overwrite:
            _remove_ours(out)
        found = _mark_in(out / DONE) or _mark_in(self.folder / MARK)
        if found and (differs := difference(found, self._mark)):
            raise ConfigError(f"{out} holds another build ({differs}); give another --out, or --overwrite to replace it")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(self.folder / ".lock", out)
        self.write_text(MARK, json.dumps(self._mark) + "\n")

    def has(self, name: str) -> bool:
        """Whether a file is finished."""
        return (self.folder / name).is_file()

    def read(self, name: str) -> list[Any]:
        """The rows of a file."""
        path = self.folder / name
        try:
            with path.open(encoding="utf-8") as lines:
                return [json.loads(line) for line in lines]
        except (OSError, ValueError) as error:
            raise DataError(f"{path} is not as it was written ({error}); remove it, and run the same command again") from error

    def write(self, name: str, rows: Iterable[Any]) -> None:
        """Write the rows of a file, one JSON value a line."""
        self.write_text(name, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))

    def write_text(self, name: str, text: str) -> None:
        """Write a file."""
        write_whole(self.folder / name, text)

    def once(self, name: str, make: Callable[[], list[Any]]) -> list[Any]:
        """The rows of a file, made if it is missing."""
        if not self.has(name):
            self.write(name, make())
        return self.read(name)

    def place(self, name: str, make: Callable[[Path], object]) -> Path:
        """A file or folder that `make` writes if it is missing; `make` gets a temporary path beside it."""
        path = self.folder / name
        if not path.exists():
            beside = path.with_name(f".{path.name}.part")
            remove(beside)
            beside.parent.mkdir(parents=True, exist_ok=True)
            make(beside)
            os.replace(beside, path)
        return path

    def finish(self, report: dict[str, Any]) -> None:
        """The build is finished: write the report, remove the work folder."""
        text = json.dumps({**self._mark, **report}, ensure_ascii=False, indent=2)
        write_whole(self.out / DONE, text + "\n")
        shutil.rmtree(self.folder)

    def close(self) -> None:
        os.close(self._lock)


def finished(out: Path, made_from: Mapping[str, Any]) -> dict[str, Any] | None:
    """The report of a finished build of this in `out`, if there is one; removes a leftover work folder."""
    if _mark_in(out / DONE) != mark_of(made_from):
        return None
    shutil.rmtree(out / FOLDER, ignore_errors=True)
    return dict(json.loads((out / DONE).read_text(encoding="utf-8")))


def mark_of(made_from: Mapping[str, Any]) -> dict[str, Any]:
    """How a build says what it was made from."""
    return dict(json.loads(json.dumps({"form": FORM, "made_from": made_from})))


@contextlib.contextmanager
def full_disk_told(out: Path) -> Iterator[None]:
    """Report a full disk in one sentence."""
    try:
        yield
    except (OSError, sqlite3.OperationalError, DataError) as error:
        causes = (error, error.__cause__)
        if any(getattr(cause, "errno", None) in _FULL or "disk is full" in str(cause) for cause in causes):
            raise DataError(f"the disk of {out} is full; nothing is lost: make room, and run the same command again") from error
        if denied := next((cause for cause in causes if isinstance(cause, PermissionError)), None):
            raise ConfigError(f"{denied.filename or out} cannot be written: {denied.strerror}; give another --out") from error
        raise


def _refuse_foreign(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise ConfigError(f"--out {out} is a file; give a folder")
    if not out.is_dir() or not any(out.iterdir()):
        return
    if not (out / DONE).is_file() and not (out / FOLDER / MARK).is_file() and [each.name for each in out.iterdir()] != [FOLDER]:
        raise ConfigError(f"{out} exists and was not built by Themis; give another --out")


def _remove_ours(out: Path) -> None:
    """Removes the marker files last: until then the folder is known as a build's."""
    if not out.is_dir():
        return
    for path in sorted(out.iterdir(), key=lambda path: (path.name == FOLDER, path.name == DONE)):
        remove(path)


def _mark_in(path: Path) -> dict[str, Any] | None:
    try:
        found = dict(json.loads(path.read_text(encoding="utf-8")))
        return {name: found.get(name) for name in ("form", "made_from")}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{path} is not as it was written ({error}); use --overwrite to start over") from error


def _locked(path: Path, out: Path) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        lock(handle, out)
    except ConfigError:
        os.close(handle)
        raise
    return handle
