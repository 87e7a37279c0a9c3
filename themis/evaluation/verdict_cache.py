"""A cache of verdicts in a file: an interrupted evaluation resumes, and judges no case twice.

The first line says who judged and how; the cache of another judge is refused. Each further line is a verdict, with the
hash of what was judged: question, answer, context and tests, and the observations of a counterfactual pair. The order
of the cases does not matter. A line that an interrupted run left unfinished is cut off.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from themis.errors import DataError
from themis.files import Journal, difference
from themis.traces import Case, Judge, Verdict, case_key, verdict_from_json

FORM = 2
"""Of the file."""
Key = Callable[[Case], str]
"""The same for two cases whose verdicts are the same."""


class VerdictCache(Journal):
    """The verdicts in a file, and those that are added to it."""

    def __init__(self, path: Path, judge: Mapping[str, Any]) -> None:
        """`judge` says who judges and how, as JSON. Raises `DataError` where the file holds something else."""
        self._header: dict[str, Any] = json.loads(json.dumps({"themis_verdicts": FORM, **judge}))
        self._verdicts: dict[tuple[str, int], Verdict] = {}
        self._has_header = False
        super().__init__(path, ('{"themis_verdicts": ', '{"key": '), self._take, "not a line of a verdict cache; give another file")

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
        if not self._has_header:
            self.append(self._header)
            self._has_header = True
        self.append({"key": key, "draw": draw, **verdict.to_json()})

    def _take(self, number: int, row: Any) -> bool:
        if number == 1:
            self._has_header = True
            return self._is_header(row)
        try:
            self._verdicts[str(row["key"]), int(row["draw"])] = verdict_from_json(row)
        except (KeyError, TypeError, ValueError, AttributeError):
            return False
        return True

    def _is_header(self, row: Any) -> bool:
        """Raises `DataError` where it is that of another judge."""
        if not isinstance(row, dict) or "themis_verdicts" not in row:
            return False
        if differs := difference(row, self._header):
            raise DataError(f"{self.path} is the verdict cache of another judge ({differs}): give another file, or delete it")
        return True


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
