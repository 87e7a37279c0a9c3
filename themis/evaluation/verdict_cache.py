"""A file of verdicts that an evaluation keeps as it judges: a run that was killed goes on where it stood.

The first line says who judged and how; a file of another judge is refused. Each further line is a verdict with the hash of what was
judged (question, answer, context, tests; of counterfactual pairs the world, too), so a case that comes again, in whatever order, is
not judged again. A line is written whole or, after a kill, cut off on the next run. Knows nothing of models: the judge is handed in.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from themis.errors import DataError
from themis.evaluation.items import JudgeAll
from themis.traces import Case, Verdict, case_key, verdict_from_json

Key = Callable[[Case], str]
"""By what a case is known again."""

_OPENS = '{"themis_verdicts": '


class KeptVerdicts:
    """The verdicts of a file, and those that are judged from now on; a context manager."""

    def __init__(self, path: Path, judge: Mapping[str, Any]) -> None:
        """`judge` says who judges and how, as JSON. Raises `DataError` where the file holds something else."""
        self.path = path
        self._verdicts: dict[tuple[str, int], Verdict] = {}
        try:
            self._file = path.open("ab", buffering=0)  # what was written stays written, whatever becomes of this process
        except OSError as error:
            raise DataError(f"{path} cannot be written: {error.strerror or error}") from error
        try:
            self._read({"themis_verdicts": 1, **judge})
        except BaseException:
            self._file.close()
            raise

    @property
    def count(self) -> int:
        """How many verdicts are there."""
        return len(self._verdicts)

    def judge_all(self, judge_all: JudgeAll, draw: int = 0, key: Key | None = None) -> JudgeAll:
        """The same judge, but that cases with a verdict here are not judged again, and new verdicts are kept.

        A `key` of its own is for cases that are not told apart by what `case_key` looks at.
        """
        return _Keeping(self, judge_all, draw, key or case_key)

    def get(self, key: str, draw: int) -> Verdict | None:
        return self._verdicts.get((key, draw))

    def keep(self, key: str, draw: int, verdict: Verdict) -> None:
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
        expected = json.loads(json.dumps(header))
        for name in [*expected, *row]:
            if row.get(name) != expected.get(name):
                was, now = json.dumps(row.get(name)), json.dumps(expected.get(name))
                raise DataError(
                    f"{self.path} keeps verdicts of another judge ({name} was {was}, is now {now}): give another file, or delete it"
                )

    def _take(self, row: Any) -> bool:
        try:
            self._verdicts[str(row["key"]), int(row["draw"])] = verdict_from_json(row)
        except (KeyError, TypeError, ValueError, AttributeError):
            return False
        return True

    def _foreign(self, line: int) -> DataError:
        return DataError(f"{self.path}, line {line}: not a verdict that an evaluation kept; give another file")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()


@dataclass(frozen=True, slots=True)
class _Keeping:
    kept: KeptVerdicts
    inner: JudgeAll
    draw: int
    key_of: Key

    def __call__(self, cases: Iterable[Case], /) -> Iterator[tuple[int, Verdict]]:
        left: list[tuple[int, Case, str]] = []
        for place, case in enumerate(cases):
            key = self.key_of(case)
            verdict = self.kept.get(key, self.draw)
            if verdict is None:
                left.append((place, case, key))
            else:
                yield place, replace(verdict, id=case.id)
        if left:
            for at, verdict in self.inner(case for _, case, _ in left):
                place, _, key = left[at]
                self.kept.keep(key, self.draw, verdict)
                yield place, verdict


def append_row(file: FileIO, row: Mapping[str, Any], path: Path) -> None:
    """Write a row as a line, all of it, to a file without a buffer; raises `DataError`."""
    rest = (json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8", "replace")
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}") from error


def _decoded(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _could_open(line: bytes) -> bool:
    """Is this the beginning of a file that was being begun when its run was killed?"""
    return line.startswith(_OPENS.encode()) or _OPENS.encode().startswith(line)
