"""The log that `--log FILE` asks for: every verdict with its case, one line of JSON each.

A line is with the operating system before its verdict is answered, so `kill -9` loses no line that was answered.
"""

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from themis.closing import Closing
from themis.files import Journal
from themis.traces import Case, Verdict

OPENING = '{"at": "'


class VerdictLog(Closing):
    """Appends to a file, which no other server may write to meanwhile."""

    def __init__(self, path: Path, model: str, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Raises `DataError` where the file cannot be written, or holds something else."""
        self._model, self._clock = model, clock
        self._journal = Journal(path, (OPENING, OPENING), _is_ours, "does not belong to a log of verdicts: give another --log")

    def append(self, case: Case, verdict: Verdict) -> None:
        """Raises `DataError` where the disk refuses."""
        at = self._clock().isoformat(timespec="milliseconds")
        self._journal.append({"at": at, "model": self._model, "case": asdict(case), "verdict": verdict.to_json()})

    def close(self) -> None:
        self._journal.close()


def _is_ours(number: int, row: Any) -> bool:
    return isinstance(row, dict) and {"at", "case", "verdict"} <= row.keys()
