"""The files of the sources: JSON and JSON lines, plain, gzipped or packed with xz, with file, place and field in every error.

Knows nothing of what a field is for. A file of the user's own is read elsewhere (`user`): it may have more shapes.
"""

import gzip
import lzma
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from themis.errors import DataError
from themis.traces.case import checked_text
from themis.traces.tara import parsed_json

_OPENERS: Mapping[str, Any] = {".gz": gzip.open, ".xz": lzma.open}


def json_lines(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a `.jsonl`, `.jsonl.gz` or `.jsonl.xz` file with the numbers of their lines, from 1 on, without empty lines."""
    with _opened(file) as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                where = f"{file}, line {number}"
                yield number, _object(parsed_json(line, where), where)


def json_rows(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a `.json` or `.json.gz` file that holds a list of them, with their numbers, from 1 on."""
    rows = _json(file)
    if not isinstance(rows, list):
        raise DataError(f"{file}: expected a list of JSON objects, found {type(rows).__name__}")
    for number, row in enumerate(rows, 1):
        yield number, _object(row, f"{file}, row {number}")


def json_object(file: Path) -> dict[str, Any]:
    """The object that a `.json` or `.json.gz` file holds."""
    return _object(_json(file), str(file))


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


@contextmanager
def _opened(file: Path) -> Iterator[TextIO]:
    try:
        with _OPENERS.get(file.suffix, open)(file, "rt", encoding="utf-8") as text:
            yield text
    except FileNotFoundError as error:
        raise DataError(f"{file} is missing; a source is read from it") from error
    except (OSError, EOFError, zlib.error, lzma.LZMAError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read to its end: {error}") from error


def _json(file: Path) -> Any:
    with _opened(file) as opened:
        return parsed_json(opened.read(), str(file))


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DataError(f"{where}: expected a JSON object, found {type(value).__name__}")
    return value


def _list(row: Mapping[str, Any], name: str, where: str, members: str) -> list[Any]:
    value = row.get(name)
    if value is None:
        raise DataError(f"{where}: field '{name}' is missing")
    if not isinstance(value, list):
        raise DataError(f"{where}: field '{name}' must be a list of {members}, found {type(value).__name__}")
    return value
