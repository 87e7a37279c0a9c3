"""A cache of verdicts in a file: an interrupted evaluation resumes, and judges no case twice.

The first line says who judged and how; the cache of another judge is refused. Each further line is a verdict, with the
hash of what was judged: question, answer, context and tests, and the observations of a counterfactual pair. The order
of the cases does not matter. A line that an interrupted run left unfinished is cut off.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from themis.errors import DataError
from themis.files import append_row
from themis.traces import Case, Judge, Verdict, case_key, verdict_from_json

Key = Callable[[Case], str]
"""The same for two cases whose verdicts are the same."""

_OPENS = '{"themis_verdicts": '
_FORMER = {"near": "fuzzy_replay"}
"""Names in the first line of older caches."""


class VerdictCache:
    """The verdicts in a file, and those that are added to it; a context manager."""

    def __init__(self, path: Path, judge: Mapping[str, Any]) -> None:
        """`judge` says who judges and how, as JSON. Raises `DataError` where the file holds something else."""
        self.path = path
        self._verdicts: dict[tuple[str, int], Verdict] = {}
        try:
            self._file = path.open("ab", buffering=0)  # unbuffered: a written line survives this process
        except OSError as error:
            raise DataError(f"{path} cannot be written: {error.strerror or error}") from error
        try:
            self._read({"themis_verdicts": 1, **judge})
        except BaseException:
            self._file.close()
            raise

    @property
    def count(self) -> int:
        """How many verdicts there are."""
        return len(self._verdicts)

    def cached(self, judge: Judge, draw: int = 0, key: Key = case_key) -> Judge:
        """The same judge behind this cache: it judges the cases without a verdict here, and adds their verdicts.

        Cases that `case_key` cannot tell apart need a `key` of their own.
        """
        return _CachedJudge(self, judge, draw, key)

    def get(self, key: str, draw: int) -> Verdict | None:
        return self._verdicts.get((key, draw))

    def add(self, key: str, draw: int, verdict: Verdict) -> None:
        self._verdicts[key, draw] = verdict
        self._append({"key": key, "draw": draw, **verdict.to_json()})

    def _append(self, row: Mapping[str, Any]) -> None:
        append_row(self._file, row, self.path)

    def _read(self, header: dict[str, Any]) -> None:
        end = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    if number == 1 and not _could_open(line):
                        raise self._foreign(number)
                    break
                row = _decoded(line)
                if number == 1:
                    self._check_header(row, header)
                elif not self._take(row):
                    raise self._foreign(number)
                end += len(line)
        self._file.truncate(end)
        if not end:
            self._append(header)

    def _check_header(self, row: Any, header: dict[str, Any]) -> None:
        if not isinstance(row, dict) or "themis_verdicts" not in row:
            raise self._foreign(1)
        row = {_FORMER.get(name, name): value for name, value in row.items()}
        expected = json.loads(json.dumps(header))
        for name in [*expected, *row]:
            if row.get(name) != expected.get(name):
                was, now = json.dumps(row.get(name)), json.dumps(expected.get(name))
                raise DataError(
                    f"{self.path} is the verdict cache of another judge ({name} was {was}, is now {now}): give another file, or delete it"
                )

    def _take(self, row: Any) -> bool:
        try:
            self._verdicts[str(row["key"]), int(row["draw"])] = verdict_from_json(row)
        except (KeyError, TypeError, ValueError, AttributeError):
            return False
        return True

    def _foreign(self, line: int) -> DataError:
        return DataError(f"{self.path}, line {line}: not a line of a verdict cache; give another file")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()


@dataclass(frozen=True, slots=True)
class _CachedJudge(Judge):
    cache: VerdictCache
    inner: Judge
    draw: int
    key_of: Key

    def judge_all(self, cases: Iterable[Case]) -> Iterator[tuple[int, Verdict]]:
        left: list[tuple[int, Case, str]] = []
        for place, case in enumerate(cases):
            key = self.key_of(case)
            verdict = self.cache.get(key, self.draw)
            if verdict is None:
                left.append((place, case, key))
            else:
                yield place, replace(verdict, id=case.id)
        if left:
            for at, verdict in self.inner.judge_all(case for _, case, _ in left):
                place, _, key = left[at]
                self.cache.add(key, self.draw, verdict)
                yield place, verdict


def _decoded(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _could_open(line: bytes) -> bool:
    """Is this the start of a first line that an interrupted run left unfinished?"""
    return line.startswith(_OPENS.encode()) or _OPENS.encode().startswith(line)
