"""Scores a file of cases into a file of verdicts, one row at a time; a run that was stopped resumes.

In memory it holds the cases in progress, and the ids of the rows already written. Verdicts are appended as they come,
not in the order of the cases. After a kill, the next run removes a row that was not written whole.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from themis.errors import DataError
from themis.files import Journal, json_lines
from themis.traces import Case, Judge, case_from_json

_ROW_OPENS = '{"id": '


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
            rows.append(verdict.to_json())
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


class VerdictFile(Journal):
    """Rows of verdicts in a file."""

    def __init__(self, path: Path) -> None:
        self._ids: Counter[str] = Counter()
        foreign = "not a verdict of `themis score`; give another file for the verdicts"
        super().__init__(path, (_ROW_OPENS, _ROW_OPENS), self._take_row, foreign)

    def take(self, id: str) -> bool:
        """Is there a row of that id? Of two cases with one id, each needs a row of its own."""
        if not self._ids[id]:
            return False
        self._ids[id] -= 1
        return True

    def _take_row(self, number: int, row: Any) -> bool:
        if not isinstance(row, dict) or not isinstance(row.get("id"), str) or "reward" not in row:
            return False
        self._ids[row["id"]] += 1
        return True
