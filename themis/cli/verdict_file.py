"""Scores a file of cases into a file of verdicts, one row at a time; a run that was stopped resumes.

In memory it holds the cases in progress, and the ids of the rows already written. Verdicts are appended as they come,
not in the order of the cases. After a kill, the next run removes a row that was not written whole.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from themis.errors import DataError
from themis.files import append_row, json_lines
from themis.traces import Case, Judge, Verdict, case_from_json

_ROW_OPENS = b'{"id": '


@dataclass(slots=True)
class Summary:
    """The outcome for a file of cases."""

    cases: int | None
    """None for a pipe, which can be read only once."""
    already_there: int = 0
    judged: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)


def read_cases(path: Path) -> Iterator[Case]:
    """The cases of a JSON-lines file, one at a time; a case without an id has its line number."""
    for line, row in json_lines(path):
        case = case_from_json(row, f"{path}, line {line}")
        yield case if case.id and row.get("id") is not None else replace(case, id=str(line))


def score_file(data: Path, out: Path, judge: Judge, progress: Callable[[Summary], None] = lambda summary: None) -> Summary:
    """Judge the cases of `data` that have no row in `out` yet. All lines are checked before the first is judged."""
    if out.exists() and data.exists() and out.samefile(data):
        raise DataError(f"{out} is the file of cases itself: give another file for the verdicts")
    comes_once = data.is_fifo() or data.is_char_device()
    summary = Summary(cases=None if comes_once else sum(1 for _ in read_cases(data)))
    with VerdictFile(out) as rows:
        progress(summary)
        for _, verdict in judge.judge_all(_without_row(read_cases(data), rows, summary)):
            rows.append(verdict)
            summary.judged += 1
            summary.statuses[verdict.status] += 1
            summary.reasons.update([verdict.reason] if verdict.reason else [])
            progress(summary)
    return summary


def _without_row(cases: Iterable[Case], rows: "VerdictFile", summary: Summary) -> Iterator[Case]:
    for case in cases:
        if rows.take(case.id):
            summary.already_there += 1
        else:
            yield case


class VerdictFile:
    """Rows of verdicts, appended to a file; a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            # Unbuffered: a row that was written stays written, whatever becomes of this process.
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise DataError(f"{path} cannot be written: {error.strerror or error}") from error
        try:
            self._ids = self._read_ids()
        except BaseException:
            self._file.close()
            raise

    def take(self, id: str) -> bool:
        """Is there a row of that id? Of two cases with one id, each needs a row of its own."""
        if not self._ids[id]:
            return False
        self._ids[id] -= 1
        return True

    def append(self, verdict: Verdict) -> None:
        """Write a row."""
        append_row(self._file, verdict.to_json(), self.path)

    def _read_ids(self) -> Counter[str]:
        ids: Counter[str] = Counter()
        end = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.endswith(b"\n"):
                    ids[_id_of(line, f"{self.path}, line {number}")] += 1
                    end += len(line)
                elif line.startswith(_ROW_OPENS) or _ROW_OPENS.startswith(line):
                    self._file.truncate(end)  # the row that was being written when the last run was killed
                else:
                    raise _no_row(f"{self.path}, line {number}")
        return ids

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()


def _id_of(line: bytes, where: str) -> str:
    try:
        row: Any = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict) or not isinstance(row.get("id"), str) or "reward" not in row:
        raise _no_row(where)
    return str(row["id"])


def _no_row(where: str) -> DataError:
    return DataError(f"{where}: not a verdict of `themis score`; give another file for the verdicts")
