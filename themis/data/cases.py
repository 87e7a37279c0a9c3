"""The cases of a user's files: which files a path or a pattern names, and the cases of each, with their ids.

Knows nothing of judging.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from itertools import islice, takewhile
from pathlib import Path

from themis.data.columns import read_answers
from themis.errors import DataError
from themis.files import STREAM, data_rows
from themis.traces import Case


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A file of rows. A row without an id has its number, after `prefix`."""

    path: Path
    prefix: str = ""


def comes_once(path: Path) -> bool:
    """Can the file be read only once, as a pipe can?"""
    return path == STREAM or path.is_fifo() or path.is_char_device()


def files_of(data: Path, out: Path | None = None) -> list[CaseFile]:
    """The one file, or all that match a pattern such as `parts/*.parquet`, in the order of their names.

    Of a pattern's files, `out`, where the verdicts go, is left out; and ids begin with the file's name, from where the
    pattern begins. Raises `DataError` where no file matches.
    """
    if data.exists() or not has_magic(str(data)):
        if data.is_dir():
            raise DataError(f"{data} is a folder: name its files by a pattern, such as '{data}/*.jsonl'")
        return [CaseFile(data)]
    paths = sorted(path for path in map(Path, glob(str(data), recursive=True)) if path.is_file())
    paths = [path for path in paths if out is None or not out.exists() or not path.samefile(out)]
    if not paths:
        raise DataError(f"no file matches '{data}'")
    base = Path(*takewhile(lambda part: not has_magic(part), data.parts))
    return [CaseFile(path, f"{path.relative_to(base)}:") for path in paths]


def cases_of(file: CaseFile) -> Iterator[tuple[str, Case]]:
    """The cases of a file, one at a time, each with its place for errors; both answers of a pair."""
    for number, where, row in data_rows(file.path):
        answers = read_answers(row, where, f"{file.prefix}{number}")
        for case in answers.chosen + answers.rejected:
            yield where, case


def read_cases(files: Sequence[CaseFile], limit: int | None = None) -> Iterator[Case]:
    """The first cases of some files.

    Raises `DataError`, also where two cases have one id, as nothing would tell their verdicts apart.
    """
    return islice(_all_cases(files), limit)


def _all_cases(files: Sequence[CaseFile]) -> Iterator[Case]:
    places: dict[str, str] = {}
    for file in files:
        for where, case in cases_of(file):
            if case.id in places:
                raise DataError(f"{where}: field 'id' is the same as in {places[case.id]}; each row needs an id of its own, or none")
            places[case.id] = where
            yield case
