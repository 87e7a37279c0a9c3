"""A judge: whatever gives cases their verdicts.

A judge writes `judge_all`, and inherits the rest. The async twins open with `a`, as LangChain's `ainvoke` and DSPy's
`acall` do. Knows nothing of models or tools.
"""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Protocol, Self

from themis.traces.case import Case
from themis.traces.trace import Verdict


class Judge(Protocol):
    """Judges cases; a context manager that closes what the judge opened."""

    @abstractmethod
    def judge_all(self, cases: Iterable[Case]) -> Iterator[tuple[int, Verdict]]:
        """Verdicts as they come, each with its case's place in the input."""
        ...

    def judge(self, case: Case) -> Verdict:
        """The verdict of one case."""
        return next(verdict for _, verdict in self.judge_all([case]))

    async def ajudge(self, case: Case) -> Verdict:
        """`judge`, without blocking the event loop."""
        return await asyncio.to_thread(self.judge, case)

    async def ajudge_all(self, cases: Iterable[Case]) -> AsyncIterator[tuple[int, Verdict]]:
        """`judge_all`, without blocking the event loop. The cases are pulled in another thread."""
        coming = self.judge_all(cases)
        while (entry := await asyncio.to_thread(next, coming, None)) is not None:
            yield entry

    def sampled(self, temperature: float, seed: str) -> "Judge":
        """A judge that draws its tokens at a temperature. The same seed and case give the same trace.

        A judge that writes no tokens returns itself.
        """
        del temperature, seed
        return self

    def close(self) -> None:
        """Close what this judge opened; it judges no more after that."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
