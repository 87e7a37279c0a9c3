"""Reads files: JSON, JSON lines and CSV (plain, gzip, xz), Parquet; fields of rows; hashes of content.

Every error names the file, the line or row, and the field. Knows nothing of what a field is for.
"""

import contextlib
import csv
import gzip
import hashlib
import json
import logging
import lzma
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TypeVar

from themis.errors import ConfigError, DataError

T = TypeVar("T")
R = TypeVar("R")
_log = logging.getLogger(__name__)
_OPENERS: Mapping[str, Any] = {".gz": gzip.open, ".xz": lzma.open}
_TABLES = tuple(name + packed for name in (".csv", ".tsv") for packed in ("", ".gz", ".xz"))
DATA_ENDINGS = (".jsonl", ".json", ".jsonl.gz", ".jsonl.xz", ".parquet", *_TABLES)
"""Of a user's own files of rows."""
STREAM = Path("-")
"""Standard input where it is read, and standard output where it is written."""
_KINDS = {dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number", type(None): "null"}


@dataclass(slots=True)
class LeftOut:
    """The rows of a file that cannot be read, where that costs no more than them: counted, and the first one named."""

    count: int = 0
    first: str = ""

    @contextlib.contextmanager
    def row(self, kind: type[DataError] = DataError) -> Iterator[None]:
        """Within it, an error of this kind costs the row."""
        try:
            yield
        except kind as error:
            self.count += 1
            self.first = self.first or str(error)

    def kept(self, rows: Iterable[T], read: Callable[[T], R]) -> list[R]:
        """What can be read of some rows; the others are told."""
        found: list[R] = []
        for row in rows:
            with self.row():
                found.append(read(row))
        self.tell(len(found))
        return found

    def tell(self, kept: int) -> None:
        """Says in the log what was left out; raises the first error where nothing was `kept`."""
        if self.count and not kept:
            raise DataError(self.first)
        if self.count:
            _log.warning("%s: left out%s", self.first, f", as are {self.count - 1} more rows" if self.count > 1 else "")


def json_lines(path: Path, left_out: LeftOut | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a file of JSON lines with their line numbers, from 1. Blank lines are skipped."""
    with _opened(path) as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                where = f"{path}, line {number}"
                with left_out.row() if left_out else contextlib.nullcontext():
                    yield number, _object(decoded_json(line, where), where)


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

    By its name the file is Parquet, CSV or TSV; else JSON lines, or one JSON list of objects.
    """
    rows: Iterable[tuple[int, Any]]
    if path.suffix.lower() == ".parquet":
        yield from ((number, f"{path}, row {number}", row) for number, row in enumerate(parquet_rows(path)[1], 1))
        return
    if path.name.lower().endswith(_TABLES):
        for number, cells in csv_rows(path)[1]:
            where = f"{path}, line {number}"
            yield number, where, {name: _cell(cell, f"{where}, column '{name}'") for name, cell in cells.items()}
        return
    with _opened(path) as file:
        unit, rows = "line", _values(file, path)
        if file.peek(64)[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
            unit, rows = "row", enumerate(decoded_json(file.read(), str(path)), 1)
        for number, row in rows:
            where = f"{path}, {unit} {number}"
            yield number, where, _object(row, where)


def csv_rows(path: Path, left_out: "LeftOut | None" = None) -> tuple[list[str], Iterator[tuple[int, dict[str, str]]]]:
    """The names of the columns, and the rows with the numbers of their lines. The header shows what parts cells.

    A row with too many cells or too few goes to `left_out`, or raises `DataError`.
    """
    rows = _csv_rows(path, left_out)
    _, first = next(rows, (1, {}))
    return list(first), rows


def _csv_rows(path: Path, left_out: "LeftOut | None") -> Iterator[tuple[int, dict[str, str]]]:
    """First the names of the columns, as the keys of a row; then the rows."""
    csv.field_size_limit(2**31 - 1)
    try:
        with _opened(path) as file, TextIOWrapper(file, "utf-8-sig", newline="") as lines:
            head = lines.readline()
            delimiter = max(",;\t", key=head.count)
            names = [name.strip() for name in next(csv.reader([head], delimiter=delimiter), [])]
            if twice := [name for name in names if name and names.count(name) > 1]:
                raise DataError(f"{path}, line 1: two columns are named '{twice[0][:40]}'")
            yield 1, dict.fromkeys(names, "")
            reader, number = csv.reader(lines, delimiter=delimiter, strict=True), 2
            for cells in reader:
                with left_out.row() if left_out else contextlib.nullcontext():
                    if cells and len(cells) != len(names):
                        raise DataError(f"{path}, line {number}: {len(cells)} fields, but line 1 names {len(names)}")
                    if cells:
                        yield number, dict(zip(names, cells, strict=True))
                number = reader.line_num + 2
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cut off, or not CSV in UTF-8 ({error})") from error


def _cell(cell: str, where: str) -> Any:
    """The text of a cell, or the messages or the tests that it spells as JSON."""
    return parsed_json(cell, where) if re.match(r"\s*\[\s*(\{\s*['\"](role|content|from)['\"]|['\"]assert )", cell) else cell


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
