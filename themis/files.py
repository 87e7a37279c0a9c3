"""Files: JSON and JSON lines (plain, gzip, xz), Parquet, hashes of content, whole-file writes, journals, locks.

Every error names the file, the line or row, and the field. Knows nothing of what a field is for.
"""

import contextlib
import fcntl
import gzip
import hashlib
import json
import lzma
import os
import shutil
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from io import FileIO
from pathlib import Path
from typing import Any, TextIO

from themis.closing import Closing
from themis.errors import ConfigError, DataError

_OPENERS: Mapping[str, Any] = {".gz": gzip.open, ".xz": lzma.open}
STREAM = Path("-")
"""Standard input where it is read, and standard output where it is written."""
_DEVICES = ("/dev/std", "/dev/fd/", "/proc/")
_KINDS = {dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number", type(None): "null"}


# --- reading ---------------------------------------------------------------------------------------


def json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a file of JSON lines with their line numbers, from 1. Blank lines are skipped."""
    with _opened(path) as file:
        for number, row in _values(file, path):
            yield number, _object(row, f"{path}, line {number}")


def json_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a `.json` or `.json.gz` file that holds a list of them, with their numbers, from 1."""
    rows = _json(path)
    if not isinstance(rows, list):
        raise DataError(f"{path}: expected a list of JSON objects, found {json_kind(rows)}")
    for number, row in enumerate(rows, 1):
        yield number, _object(row, f"{path}, row {number}")


def json_object(path: Path) -> dict[str, Any]:
    """The object that a `.json` or `.json.gz` file holds."""
    return _object(_json(path), str(path))


def data_rows(path: Path) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """The rows of a user's data file, each with its number, from 1, and its place for error texts.

    The file is Parquet (`.parquet`), JSON lines, or one JSON list of objects.
    """
    rows: Iterable[tuple[int, Any]]
    if path.suffix.lower() == ".parquet":
        yield from ((number, f"{path}, row {number}", row) for number, row in enumerate(parquet_rows(path)[1], 1))
        return
    with _opened(path) as file:
        unit, rows = "line", _values(file, path)
        if file.peek(64)[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
            unit, rows = "row", enumerate(decoded_json(file.read(), str(path)), 1)
        for number, row in rows:
            where = f"{path}, {unit} {number}"
            yield number, where, _object(row, where)


def parquet_rows(path: Path) -> tuple[list[str], Iterator[dict[str, Any]]]:
    """The names of the columns, and the rows, read batch by batch; raises `ConfigError` without pyarrow."""
    try:
        import pyarrow
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise ConfigError(f"{path} is Parquet, which needs pyarrow: pip install 'themis-rm[parquet]'") from error

    def rows() -> Iterator[dict[str, Any]]:
        with _parquet_errors(path, pyarrow.ArrowException), table:
            for batch in table.iter_batches():
                yield from batch.to_pylist()

    with _parquet_errors(path, pyarrow.ArrowException):
        table = ParquetFile(path)
    return list(table.schema_arrow.names), rows()


def decoded_json(raw: bytes, where: str) -> Any:
    """The value of a line or a file in UTF-8, with or without a byte order mark."""
    try:
        return parsed_json(raw.decode("utf-8-sig"), where)
    except UnicodeDecodeError as error:
        raise DataError(f"{where}: byte {error.start + 1} is not UTF-8") from error


def parsed_json(text: str, where: str) -> Any:
    """The value of a text; raises `DataError` if it is not JSON, or nested too deeply."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: not valid JSON ({error})") from error


def json_kind(value: Any) -> str:
    """What a decoded value is, in JSON's words, for an error: `a list`, `null`."""
    return _KINDS.get(type(value), type(value).__name__)


def _values(lines: Iterable[bytes], path: Path) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield number, decoded_json(line, f"{path}, line {number}")


def _json(path: Path) -> Any:
    with _opened(path) as file:
        return decoded_json(file.read(), str(path))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with _OPENERS.get(path.suffix, open)("/dev/stdin" if path == STREAM else path, "rb") as file:
            yield file
    except (gzip.BadGzipFile, EOFError, zlib.error, lzma.LZMAError) as error:
        raise DataError(f"{path} is cut off, or not compressed as its name says ({error})") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


@contextlib.contextmanager
def _parquet_errors(path: Path, kind: type[Exception]) -> Iterator[None]:
    try:
        yield
    except (kind, OSError) as error:
        raise DataError(f"{path} cannot be read as Parquet: {str(error).splitlines()[0]}") from error


# --- fields ----------------------------------------------------------------------------------------


def checked_text(value: Any, name: str, where: str) -> str:
    """`value`, if it is text that can be written as UTF-8; else a `DataError` that names the field."""
    if value is None:
        raise DataError(f"{where}: field '{name}' is missing")
    if not isinstance(value, str):
        raise DataError(f"{where}: field '{name}' must be text, found {json_kind(value)}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{where}: field '{name}' holds half a character (a lone surrogate)") from error
    return value


def text_field(row: Mapping[str, Any], name: str, where: str) -> str:
    """A field that must be text and not empty."""
    text = checked_text(row.get(name), name, where)
    if not text.strip():
        raise DataError(f"{where}: field '{name}' is empty")
    return text


def texts_field(row: Mapping[str, Any], name: str, where: str) -> tuple[str, ...]:
    """A field that must be a list of texts."""
    return tuple(checked_text(text, f"{name}[{number}]", where) for number, text in enumerate(_list(row, name, where, "texts")))


def objects_field(row: Mapping[str, Any], name: str, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The members of a field that must be a list of objects, each with its place."""
    for number, member in enumerate(_list(row, name, where, "objects")):
        place = f"{where}, {name}[{number}]"
        yield place, _object(member, place)


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DataError(f"{where}: expected a JSON object, found {json_kind(value)}")
    return value


def _list(row: Mapping[str, Any], name: str, where: str, members: str) -> list[Any]:
    value = row.get(name)
    if value is None:
        raise DataError(f"{where}: field '{name}' is missing")
    if not isinstance(value, list):
        raise DataError(f"{where}: field '{name}' must be a list of {members}, found {json_kind(value)}")
    return value


# --- what kept work is known by --------------------------------------------------------------------


def digest(value: Any) -> str:
    """A short hash of a value of JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def content_of(path: Path) -> str:
    """A hash of a file's bytes, or of all files in a folder and below. Raises `DataError`."""
    try:
        if path.is_dir():
            return digest({str(file.relative_to(path)): content_of(file) for file in path.rglob("*") if file.is_file()})
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def difference(was: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """The first thing that differs, as `rationale was "write", is now "skip"`. A model's name alone is nothing."""
    differing = [name for name in {**now, **was} if was.get(name) != now.get(name)]
    if not differing or differing == ["model"]:
        return None
    before, after = was.get(differing[0]), now.get(differing[0])
    if isinstance(before, dict) and isinstance(after, dict):
        return f"{differing[0]}: {difference(before, after)}"
    return f"{differing[0]} was {json.dumps(before)}, is now {json.dumps(after)}"


# --- writing ---------------------------------------------------------------------------------------


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
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
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
