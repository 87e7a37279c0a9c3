"""Writes files whole, or row by row into journals; keeps other runs off with locks; says what a disk refuses.

Knows nothing of what is written.
"""

import contextlib
import errno
import fcntl
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from io import FileIO
from pathlib import Path
from typing import Any, TextIO

from themis.closing import Closing
from themis.errors import ConfigError, DataError
from themis.files.reading import STREAM

_DEVICES = ("/dev/std", "/dev/fd/", "/proc/")
_DISK = {
    getattr(errno, name) for name in ("EACCES", "EPERM", "EROFS", "ENOSPC", "EDQUOT", "EFBIG", "EIO", "ENOTDIR", "EISDIR", "ENAMETOOLONG")
}
_DISK_WORDS = re.compile(
    r"No space left on device|Permission denied|Read-only file system|Disk quota exceeded|File too large|file write failed"
)


def write_whole(path: Path, content: str | bytes) -> None:
    """A file that is complete or not there, also after a crash; makes the folder if needed. Raises `DataError`."""
    raw = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    if path == STREAM:
        sys.stdout.buffer.write(raw)
        return
    with _beside(path) as beside:
        beside.write_bytes(raw)


@contextlib.contextmanager
def writing_whole(path: Path) -> Iterator[TextIO]:
    """A text file to write line by line. It gets its name once it is complete: until then, readers find the old one.

    Raises `DataError` if it cannot be written.
    """
    if path == STREAM:
        yield sys.stdout
        return
    with _beside(path) as beside, beside.open("w", encoding="utf-8", newline="\n") as file:
        yield file


@contextlib.contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A path in the same folder, whose file replaces the one at `path` in the end."""
    check_regular(path)
    beside = path.with_name(f".{path.name}.part")
    try:
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        move_whole(beside, path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def check_regular(path: Path) -> None:
    """Raises `DataError` for a folder, a pipe or a device: what is written must be there to be read later."""
    if str(path.absolute()).startswith(_DEVICES) or (path.exists() and not path.is_file()):
        kind = "folder" if path.is_dir() else "pipe or a device"
        raise DataError(f"{path} is a {kind}, not a file that can be kept: give a file")


def move_whole(beside: Path, path: Path) -> Path:
    """Gives a finished file its name, once its bytes are on the disk; makes the folder if needed."""
    with beside.open("rb") as file:
        os.fsync(file.fileno())
    path.parent.mkdir(parents=True, exist_ok=True)
    os.replace(beside, path)
    return path


@contextlib.contextmanager
def new_directory(out: Path) -> Iterator[None]:
    """Write into `out` inside the block; if that fails, nothing is left. Raises `ConfigError` if `out` holds files."""
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise ConfigError(f"{out} holds files already: give another --out, nothing is overwritten")
    made = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for entry in out.iterdir():
            remove(entry)
        if made:
            out.rmdir()
        raise


def disk_fault(error: Exception) -> str | None:
    """What the disk said through an error, or None if the error says something else.

    safetensors, tantivy and torch wrap it in errors of their own.
    """
    if isinstance(error, OSError):
        return f"{error.filename or 'the file'}: {error.strerror}" if error.errno in _DISK else None
    said = _DISK_WORDS.search(str(error))
    return said.group() if said else None


def remove(path: Path) -> None:
    """A file, or a folder with all in it, if it is there; of a link, the link."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


class Journal(Closing):
    """Rows that are appended to a file as lines of JSON. A run that was killed goes on after the last whole one."""

    def __init__(self, path: Path, openings: tuple[str, str], take: Callable[[int, Any], bool], foreign: str) -> None:
        """Reads what is there. `take` gets each row with its line number, and says whether it belongs there.

        A last line that was not written whole is cut off, if it begins as the first line does, or the others
        (`openings`). Raises `DataError` with the words `foreign` where the file holds something else, and
        `ConfigError` where another run writes to it.
        """
        self.path, self._is_new = path, not path.exists()
        if path == STREAM:
            self._is_new, self._file = False, FileIO(1, "a", closefd=False)
            return
        check_regular(path)
        self._file = self._opened()
        try:
            self._read(openings, take, foreign)
        except BaseException:
            self.close()
            raise

    def append(self, row: Mapping[str, Any]) -> None:
        """Write a row, all of it."""
        rest = (json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8", "replace")
        whole = len(rest)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            if written := whole - len(rest):  # half a row would spoil the next one, if the disk has space again by then
                self._file.truncate(os.fstat(self._file.fileno()).st_size - written)
            raise _unwritable(self.path, error) from error

    def rewrite(self, change: Callable[[Any], Mapping[str, Any]]) -> None:
        """Every row as `change` returns it."""
        with writing_whole(self.path) as beside, self.path.open("rb") as file:
            beside.writelines(json.dumps(change(json.loads(line)), ensure_ascii=False) + "\n" for line in file)
        self._file.close()
        self._file = self._opened()

    def close(self) -> None:
        """A file that was made here and got no row is removed."""
        with contextlib.suppress(OSError, ValueError):
            if self._is_new and not os.fstat(self._file.fileno()).st_size:
                self.path.unlink()
        self._file.close()

    def _opened(self) -> FileIO:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = FileIO(self.path, "a")  # unbuffered: a row that was written survives this process
        except OSError as error:
            raise _unwritable(self.path, error) from error
        try:
            lock(file.fileno(), self.path)
        except ConfigError:
            file.close()
            raise
        return file

    def _read(self, openings: tuple[str, str], take: Callable[[int, Any], bool], foreign: str) -> None:
        end = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                opening = openings[number > 1].encode()
                is_whole = line.endswith(b"\n")
                if not (take(number, _row_or_none(line)) if is_whole else line.startswith(opening) or opening.startswith(line)):
                    raise DataError(f"{self.path}, line {number}: {foreign}")
                if not is_whole:
                    self._file.truncate(end)
                end += len(line)


def lock(handle: int, path: Path) -> None:
    """Keeps other runs off `path`, of which `handle` is open, until that is closed. Raises `ConfigError`."""
    with contextlib.suppress(OSError):  # of a file system that knows no locks
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(f"another run is at work in {path}: wait for it, or give another --out") from error


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Makes a folder, and keeps other runs off it. It is removed again if it stays empty."""
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        lock(handle, folder)
        yield
    finally:
        with contextlib.suppress(OSError):
            if is_new:
                folder.rmdir()
        os.close(handle)


def _row_or_none(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _unwritable(path: Path, error: OSError) -> DataError:
    return DataError(f"{path} cannot be written: {error.strerror or error}")
