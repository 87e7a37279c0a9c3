"""Scores a file of cases into a file of verdicts, one row at a time; a run that was stopped resumes.

In memory it holds the cases in progress, and the ids and keys of the rows already written. Verdicts are appended as
they come, not in the order of the cases. After a kill, the next run removes a row that was not written whole.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import compress, islice
from pathlib import Path
from typing import Any

from themis.data.columns import read_answers
from themis.errors import DataError
from themis.files import STREAM, Journal, data_rows, difference
from themis.traces import Case, Judge, case_key

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


def comes_once(path: Path) -> bool:
    """Can the file be read only once, as a pipe can?"""
    return path == STREAM or path.is_fifo() or path.is_char_device()


def read_cases(path: Path, limit: int | None = None) -> Iterator[Case]:
    """The first cases of a file of rows, one at a time; both answers of a pair. A row without an id has its number.

    Raises `DataError`, also where two cases have one id, as nothing would tell their verdicts apart.
    """
    return islice(_all_cases(path), limit)


def _all_cases(path: Path) -> Iterator[Case]:
    places: dict[str, str] = {}
    for number, where, row in data_rows(path):
        answers = read_answers(row, where, str(number))
        for case in answers.chosen + answers.rejected:
            if case.id in places:
                raise DataError(f"{where}: field 'id' is the same as in {places[case.id]}; each row needs an id of its own, or none")
            places[case.id] = where
            yield case


def score_file(
    data: Path,
    out: Path,
    judge: Judge,
    known_by: Mapping[str, Any],
    progress: Callable[[Summary], None] = lambda summary: None,
    limit: int | None = None,
) -> Summary:
    """Judge the first `limit` cases of `data`, or all, that have no row in `out` yet.

    All their lines are checked before the first is judged.

    `known_by` says what decides a verdict beside its case; a file with rows of another judge is refused.
    """
    if out.exists() and data.exists() and out.samefile(data):
        raise DataError(f"{out} is the file of cases itself: give another file for the verdicts")
    once = comes_once(data)
    summary = Summary(cases=None)
    keys: list[str] = []  # of the cases that the judge was handed

    def handed(cases: Iterable[Case]) -> Iterator[Case]:
        for case in cases:
            if once and rows.take(case):
                summary.already_there += 1
            else:
                keys.append(case_key(case))
                yield case

    with VerdictFile(out, known_by) as rows:
        cases = read_cases(data, limit)
        if not once:
            is_left = [not rows.take(case) for case in cases]
            summary.cases, summary.already_there = len(is_left), is_left.count(False)
            cases = compress(read_cases(data, limit), is_left)
            rows.settle()
        progress(summary)
        for place, verdict in judge.judge_all(handed(cases)):
            rows.append({**verdict.to_json(), "key": keys[place], "judge": known_by})
            summary.judged += 1
            summary.statuses[verdict.status] += 1
            summary.reasons.update([verdict.reason] if verdict.reason else [])
            progress(summary)
        rows.settle()
    return summary


class VerdictFile(Journal):
    """Rows of verdicts in a file. Each says who judged it, and the key of its case: what was asked and answered."""

    def __init__(self, path: Path, known_by: Mapping[str, Any]) -> None:
        self._known_by = known_by
        self._left: dict[str, list[str]] = {}
        """The ids of the rows that no case has taken, by key."""
        self._keys: dict[str, str] = {}
        """Of the cases, by id."""
        self._renamed: dict[tuple[str, str], list[str]] = {}
        foreign = "not a verdict of `themis score`; give another file for the verdicts"
        super().__init__(path, (_ROW_OPENS, _ROW_OPENS), self._take_row, foreign)

    def take(self, case: Case) -> bool:
        """Is there a row of that case, whatever its id was? Of two equal cases, each needs a row of its own."""
        key = self._keys[case.id] = case_key(case)
        if not (ids := self._left.get(key)):
            return False
        id = ids.pop(ids.index(case.id) if case.id in ids else 0)
        if id != case.id:
            self._renamed.setdefault((id, key), []).append(case.id)
        return True

    def settle(self) -> None:
        """Gives rows the ids that their cases have now. Raises `DataError` for a row of a case that has changed."""
        stale = next((id for key, ids in self._left.items() for id in ids if self._keys.get(id, key) != key), None)
        if stale is not None:
            why = "is of another question or answer than the case has now: delete that line to judge it again, or give another file"
            raise DataError(f"{self.path}: the verdict '{stale}' {why}")
        if self._renamed:
            self.rewrite(lambda row: row | {"id": ids.pop()} if (ids := self._renamed.get((row["id"], row["key"]))) else row)
            self._renamed = {}

    def _take_row(self, number: int, row: Any) -> bool:
        if not isinstance(row, dict) or not isinstance(row.get("id"), str) or "reward" not in row:
            return False
        if not isinstance(row.get("key"), str) or not isinstance(row.get("judge"), dict):
            raise DataError(f"{self.path}, line {number}: the verdict does not say who judged what: give another file")
        if differs := difference(row["judge"], self._known_by):
            raise DataError(f"{self.path}, line {number}: another judge ({differs}): give another file for the verdicts")
        self._left.setdefault(row["key"], []).append(row["id"])
        return True
