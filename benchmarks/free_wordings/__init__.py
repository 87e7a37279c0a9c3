"""240 pairs in eight kinds, written by hand: what people's words do to a judge. Never trained on.

Each right value is what the tool says, which `tests/benchmarks/test_free_wordings.py` checks.

    python -m benchmarks.free_wordings > free.jsonl
    themis eval bench free.jsonl --out free.json
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent
TOOLS = ("dates", "sums", "stories", "weather", "chains", "languages")
"""Kinds whose rows hold question, right and wrong answer, tool, argument and what the tool says of it."""


@dataclass(frozen=True, slots=True)
class Written:
    """One pair."""

    kind: str
    question: str
    right: str
    wrong: str
    context: str | None = None
    tests: tuple[str, ...] = ()
    call: tuple[str, str] | None = None
    says: str = ""
    """Part of what the tool says."""

    def row(self) -> dict[str, Any]:
        """As `themis eval bench` reads it."""
        row: dict[str, Any] = {"prompt": self.question, "chosen": self.right, "rejected": self.wrong, "subset": self.kind}
        return row | ({"context": self.context} if self.context else {}) | ({"tests": list(self.tests)} if self.tests else {})


def written() -> Iterator[Written]:
    """All pairs, kind by kind."""
    for kind in TOOLS:
        for question, right, wrong, tool, argument, says in _rows(kind):
            yield Written(kind, question, right, wrong, call=(tool, argument), says=says)
    for context, question, right, wrong in _rows("facts"):
        yield Written("facts", question, right, wrong, context)
    for row in yaml.safe_load((FOLDER / "code.yaml").read_text(encoding="utf-8")):
        yield Written("code", row["q"], row["right"], row["wrong"], tests=tuple(row["tests"]))


def _rows(kind: str) -> Iterator[list[str]]:
    for line in (FOLDER / f"{kind}.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield [part.strip() for part in line.split(" | ")]
