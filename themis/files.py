"""Reads JSON, JSON lines and Parquet, and writes a file whole. Every error names the file, the line and the field.

JSON may be plain, gzipped or packed with xz, by its ending. Knows nothing of what a field is for.
"""

import gzip
import json
import lzma
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from themis.errors import ConfigError, DataError

_OPENERS: Mapping[str, Any] = {".gz": gzip.open, ".xz": lzma.open}
_BLANK = b"\xef\xbb\xbf \t\r\n"


def json_lines(path: str | Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a file of JSON lines with their line numbers, from 1. Blank lines are skipped."""
    with _opened(Path(path)) as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                where = f"{path}, line {number}"
                yield number, checked_object(decoded_json(line, where), where)


def json_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a JSON list with their numbers, from 1."""
    rows = _json(path)
    if not isinstance(rows, list):
        raise DataError(f"{path}: expected a list of JSON objects, found {type(rows).__name__}")
    for number, row in enumerate(rows, 1):
        yield number, checked_object(row, f"{path}, row {number}")


def json_object(path: Path) -> dict[str, Any]:
    """The object that a JSON file holds."""
    return checked_object(_json(path), str(path))


def table_rows(path: Path) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """The rows of JSON lines, of a JSON list or of Parquet: number, place for error texts, and row."""
    unit = "row"
    rows: Iterator[tuple[int, dict[str, Any]]]
    if path.suffix.lower() == ".parquet":
        rows = enumerate(parquet_rows(path)[1], 1)
    elif _opens_a_list(path):
        rows = json_rows(path)
    else:
        rows, unit = json_lines(path), "line"
    yield from ((number, f"{path}, {unit} {number}", row) for number, row in rows)


def parquet_rows(path: Path) -> tuple[list[str], Iterator[dict[str, Any]]]:
    """The columns of a Parquet file, and its rows, read batch by batch."""
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise ConfigError(f"{path} is a Parquet file, which needs pyarrow: pip install 'themis-rm[parquet]'") from error

    @contextmanager
    def readable() -> Iterator[None]:
        try:
            yield
        except (OSError, ArrowException) as error:
            raise DataError(f"{path} cannot be read as Parquet: {str(error).splitlines()[0]}") from error

    def rows() -> Iterator[dict[str, Any]]:
        with readable():
            for batch in table.iter_batches():
                yield from batch.to_pylist()

    with readable():
        table = ParquetFile(path)
    return list(table.schema_arrow.names), rows()


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write beside `path`.

    It takes the place of `path` once it is complete and on the disk, else it is removed.
    """
    beside = path.with_name(f".{path.name}.part")
    try:
        with beside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def decoded_json(raw: bytes, where: str) -> Any:
    """The JSON value of bytes in UTF-8, with or without a byte order mark."""
    try:
        return json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise DataError(f"{where}: byte {error.start + 1} is no UTF-8") from error
    except (ValueError, RecursionError) as error:  # nested too deep
        raise DataError(f"{where}: no valid JSON ({error})") from error


def checked_object(value: Any, where: str) -> dict[str, Any]:
    """`value`, if it is a JSON object; else a `DataError` that opens with `where`."""
    if not isinstance(value, dict):
        raise DataError(f"{where}: expected a JSON object, found {type(value).__name__}")
    return value


def checked_text(value: Any, name: str, where: str) -> str:
    """`value`, if it is text that can be written as UTF-8; else a `DataError` that names the field."""
    if value is None:
        raise DataError(f"{where}: field '{name}' is missing")
    if not isinstance(value, str):
        raise DataError(f"{where}: field '{name}' must be text, found {type(value).__name__}")
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise DataError(f"{where}: field '{name}' holds half a character (a lone surrogate)")
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
        yield place, checked_object(member, place)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with _OPENERS.get(path.suffix, open)(path, "rb") as file:
            yield file
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        if isinstance(error, OSError) and error.strerror:
            raise DataError(f"{path} cannot be read: {error.strerror}") from error
        raise DataError(f"{path} cannot be read to its end: {error}") from error


def _opens_a_list(path: Path) -> bool:
    with _opened(path) as file:
        return file.read(64).lstrip(_BLANK).startswith(b"[")


def _json(path: Path) -> Any:
    with _opened(path) as file:
        return decoded_json(file.read(), str(path))


def _list(row: Mapping[str, Any], name: str, where: str, members: str) -> list[Any]:
    value = row.get(name)
    if value is None:
        raise DataError(f"{where}: field '{name}' is missing")
    if not isinstance(value, list):
        raise DataError(f"{where}: field '{name}' must be a list of {members}, found {type(value).__name__}")
    return value
