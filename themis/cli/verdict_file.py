"""Scores files of cases into a file of verdicts, one row at a time; a run that was stopped resumes.

In memory it holds the cases in progress, and the ids and keys of the rows already written. Verdicts are appended as
they come, not in the order of the cases. After a kill, the next run removes a row that was not written whole.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path
from typing import Any

from themis.data.cases import CaseFile, comes_once, files_of, read_cases
from themis.errors import DataError
from themis.files import Journal, difference
from themis.traces import Case, Judge, Verdict, case_key

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

    def count(self, verdict: Verdict) -> None:
        """A case was judged."""
        self.judged += 1
        self.statuses[verdict.status] += 1
        self.reasons.update([verdict.reason] if verdict.reason else [])


def score_file(
    data: Path,
    out: Path,
    judge: Judge,
    known_by: Mapping[str, Any],
    progress: Callable[[Summary], None] = lambda summary: None,
    limit: int | None = None,
) -> Summary:
    """Judge the first `limit` cases of a file, or of all that match a pattern, that have no row in `out` yet.

    All their lines are checked before the first is judged.

    `known_by` says what decides a verdict beside its case; a file with rows of another judge is refused.
    """
    files = input_files(data, out)
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
        cases = read_cases(files, limit)
        if not once:
            is_left = [not rows.take(case) for case in cases]
            summary.cases, summary.already_there = len(is_left), is_left.count(False)
            cases = compress(read_cases(files, limit), is_left)
            rows.settle()
        progress(summary)
        for place, verdict in judge.judge_all(handed(cases)):
            rows.keep(verdict, keys[place])
            summary.count(verdict)
            progress(summary)
        rows.settle()
    return summary


Judged = Iterator[tuple[str, Verdict]]
"""Verdicts as they come, each with the key of its case."""


def score_elsewhere(
    data: Path,
    out: Path,
    judging: Callable[[Sequence[CaseFile], Collection[str]], Judged],
    known_by: Mapping[str, Any],
    progress: Callable[[Summary], None] = lambda summary: None,
    limit: int | None = None,
) -> Summary:
    """`score_file`, where others read and judge: `judging` gets the files, and the ids of the cases to judge.

    Only the first verdict of each case counts, so it has one row, however often it was judged. Raises `DataError`
    where a case got none.
    """
    files = input_files(data, out)
    with VerdictFile(out, known_by) as rows:
        is_left = {case.id: not rows.take(case) for case in read_cases(files, limit)}
        due = {id for id, left in is_left.items() if left}
        summary = Summary(cases=len(is_left), already_there=len(is_left) - len(due))
        rows.settle()
        progress(summary)
        for key, verdict in judging(files, frozenset(due)) if due else ():
            if verdict.id in due and rows.is_of(verdict.id, key):
                due.remove(verdict.id)
                rows.keep(verdict, key)
                summary.count(verdict)
                progress(summary)
        rows.settle()
    if due:
        raise DataError(f"{data}: {len(due)} cases got no verdict, such as '{min(due)}': their file has changed meanwhile; score it again")
    return summary


def input_files(data: Path, out: Path) -> list[CaseFile]:
    """The files of cases. Raises `DataError` where `out` is one."""
    if out.exists() and data.exists() and out.samefile(data):
        raise DataError(f"{out} is the file of cases itself: give another file for the verdicts")
    return files_of(data, out)


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

    def is_of(self, id: str, key: str) -> bool:
        """Has the case of that id that key?"""
        return self._keys.get(id) == key

    def keep(self, verdict: Verdict, key: str) -> None:
        """Write the row of a verdict."""
        self.append({**verdict.to_json(), "key": key, "judge": self._known_by})

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
