"""A question with a better and a worse answer, each perhaps with the trace that judged it.

Knows nothing of files (`tara`) or of tokens (`segments`).
"""

from dataclasses import dataclass

from themis.traces.case import Case
from themis.traces.trace import Trace


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two answers of a pair."""

    answer: str
    score: float
    """The label it was published or generated with; only its order against the other side counts in training."""
    trace: Trace | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers to one question, the chosen one better than the rejected one."""

    id: str
    question: str
    chosen: Side
    rejected: Side
    context: str | None = None
    tests: tuple[str, ...] = ()
    task: str = ""
    """The folder it was published in, such as `calendar`."""

    @property
    def chosen_case(self) -> Case:
        """The case of the better answer."""
        return Case(self.question, self.chosen.answer, self.context, self.tests, f"{self.id}/chosen")

    @property
    def rejected_case(self) -> Case:
        """The case of the worse answer."""
        return Case(self.question, self.rejected.answer, self.context, self.tests, f"{self.id}/rejected")
