"""From the cases of a request to their verdicts: one service for all clients, each with a deadline.

What every form of request shares, the native one and the dialects. Knows nothing of HTTP beyond `Refusal`.
"""

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, Self

from themis.errors import DataError, ThemisError, where_raised
from themis.inference.judgement import Scale
from themis.inference.service import OnStep
from themis.serve.metrics import Metrics
from themis.serve.refusal import Forms, Refusal
from themis.serve.verdict_log import VerdictLog
from themis.traces import Case, Step, Trace, Usage, Verdict
from themis.traces.one_text import Marks

DEADLINE = 150.0
QUEUE = 1024
LONGEST_DEADLINE = 180.0
"""OpenRLHF's trainer gives up after so many seconds, so every deadline is below."""
SILENCE = 15.0
"""Seconds after which a stream says that it is still there: proxies drop what is silent for a minute."""
RETRY_WITHIN = 60
RECENT = 64

logger = logging.getLogger(__name__)


class Service(Protocol):
    """Takes cases: a `JudgingService`, or what has others judge them."""

    @property
    def waiting(self) -> int: ...

    @property
    def in_flight(self) -> int: ...

    @property
    def scale(self) -> Scale: ...

    def submit(self, case: Case, on_step: OnStep | None = None) -> Future[Verdict]: ...


@dataclass(frozen=True)
class Options:
    """What the operator chose."""

    model: str = "nano"
    """The name by which clients know it."""
    queue: int = QUEUE
    """Most cases that wait to be taken up."""
    deadline: float = DEADLINE
    """Most seconds from a request to its verdicts."""
    missing: float | None = None
    """What a dialect whose clients can read no reason answers where there is no reward. None: an error."""
    marks: Marks | None = None
    """How the chat template writes turns by which texts of question and answer are split. None: they are refused."""


@dataclass
class Serving:
    """One service for all clients, with what is counted and kept of its verdicts."""

    service: Service
    options: Options = field(default_factory=Options)
    log: VerdictLog | None = None
    forms: Forms = field(default_factory=dict)
    """How refusals are said at the paths of dialects."""
    known: Mapping[str, Any] = field(default_factory=dict)
    """What `/v1/models` says once the judge is loaded: `judge`, a hash of all that decides a verdict, and `tools`."""

    def __post_init__(self) -> None:
        self.metrics = Metrics(lambda: self.service.waiting, lambda: self.service.in_flight)
        self._judged: deque[float] = deque(maxlen=RECENT)
        """When the latest verdicts were made."""

    async def judge(self, cases: Sequence[Case], deadline: float | None = None) -> list[Verdict]:
        """The verdicts in the order of the cases. Cancel the task to free their rows."""
        with self.ask(cases, deadline) as asked:
            verdicts = {place: told async for place, told in asked.told() if isinstance(told, Verdict)}
        return [verdicts[place] for place in range(len(cases))]

    def ask(self, cases: Sequence[Case], deadline: float | None = None) -> "Asked":
        """Submit the cases. Raises `Refusal` where too many wait, or where the deadline is out of bounds."""
        options = self.options
        seconds = options.deadline if deadline is None else deadline
        if not 0 < seconds <= options.deadline:
            raise Refusal(422, f"field 'deadline' must be above 0 and at most {options.deadline:g} seconds, found {seconds:g}")
        if len(cases) > options.queue:
            raise Refusal(422, f"a request may hold {options.queue} cases, found {len(cases)}: send them in several requests")
        waiting = self.service.waiting
        if waiting + len(cases) > options.queue:
            raise Refusal(429, f"{waiting} cases are waiting, and {options.queue} may wait: come again later", self._retry_after(waiting))
        return Asked(self, cases, seconds)

    def numbers(self, verdicts: Sequence[Verdict]) -> list[float]:
        """`number` of each verdict of a request."""
        return [self.number(verdict, place) for place, verdict in enumerate(verdicts)]

    def number(self, verdict: Verdict, place: int = 0) -> float:
        """The reward, for clients that read a number alone. Raises `Refusal` where there is none, and no --missing."""
        if verdict.reward is not None:
            return verdict.reward
        if self.options.missing is None:
            why = f": {verdict.error}" if isinstance(verdict, FailedVerdict) else ""
            raise Refusal(503, f"case {place} has no reward, for the reason '{verdict.reason}'{why}")
        self.metrics.replaced.inc()
        logger.warning("a missing reward (%s) was answered as %g, as --missing says", verdict.reason, self.options.missing)
        return self.options.missing

    def keep(self, case: Case, verdict: Verdict) -> None:
        """Count a verdict, and log it if that was asked for, before it is answered."""
        if self.log is not None:
            try:
                self.log.append(case, verdict)
            except DataError as error:
                logger.error("a verdict was not answered, as it cannot be logged: %s", error)
                raise Refusal(503, "the log of verdicts cannot be written", retry_after=RETRY_WITHIN) from error
        self.metrics.count(verdict)
        self._judged.append(time.monotonic())

    def _retry_after(self, waiting: int) -> int:
        """Seconds until those that wait are judged, if all goes on as lately."""
        if len(self._judged) < 2:
            return 1
        each = (time.monotonic() - self._judged[0]) / len(self._judged)
        return min(RETRY_WITHIN, max(1, math.ceil(waiting * each)))


def likelihood(verdict: Verdict, number: float) -> float:
    """The verdict's probability, or the sigmoid of what `Serving.number` gave where the verdict has none."""
    if verdict.probability is not None:
        return verdict.probability
    return 1 / (1 + math.exp(min(700.0, -number)))


@dataclass(frozen=True, slots=True)
class FailedVerdict(Verdict):
    """That of a case which the judge could not judge."""

    error: str = ""
    """One sentence for whoever asked."""

    def to_json(self) -> dict[str, Any]:
        """With `error` beside the reason."""
        return {**Verdict.to_json(self), "error": self.error}


class Asked:
    """The cases of one request, on their way. Closing it cancels those that have no verdict yet."""

    def __init__(self, serving: Serving, cases: Sequence[Case], seconds: float) -> None:
        self._serving, self._cases, self._seconds = serving, cases, seconds
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()
        self._came: asyncio.Queue[tuple[int, Step | Future[Verdict]]] = asyncio.Queue()
        self._steps: list[list[Step]] = [[] for _ in cases]
        """Those that were told."""
        self._futures: dict[int, Future[Verdict]] = {}
        """Those that have no verdict yet."""
        for place, case in enumerate(cases):
            self._futures[place] = serving.service.submit(case, partial(self._comes, place))
        for place, future in list(self._futures.items()):
            future.add_done_callback(partial(self._comes, place))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for future in self._futures.values():
            future.cancel()

    async def told(self) -> AsyncIterator[tuple[int, Step | Verdict | None]]:
        """Steps and verdicts as they come, each with its case's place; None after a long silence.

        A case that misses its deadline has no reward: its verdict holds the steps until then, and the reason `budget`.
        """
        while self._futures:
            ends = self._started + self._seconds
            try:
                async with asyncio.timeout_at(min(ends, self._loop.time() + SILENCE)):
                    place, came = await self._came.get()
            except TimeoutError:
                if self._loop.time() < ends:
                    yield 0, None
                    continue
                for place in list(self._futures):
                    yield place, self._overdue(place)
                return
            if isinstance(came, Step):
                self._steps[place].append(came)
                yield place, came
            elif place in self._futures:
                verdict = self._result(place)
                for step in verdict.trace.steps[len(self._steps[place]) :]:
                    yield place, step
                yield place, verdict

    def _comes(self, place: int, came: Step | Future[Verdict]) -> None:
        """Called in the service's thread."""
        with suppress(RuntimeError):  # the loop is closed, so nobody waits
            self._loop.call_soon_threadsafe(self._came.put_nowait, (place, came))

    def _result(self, place: int) -> Verdict:
        try:
            verdict = self._futures.pop(place).result()
        except Exception as error:  # whatever it is, it costs this case alone
            verdict = self._failed(place, error)
        self._serving.keep(self._cases[place], verdict)
        return verdict

    def _failed(self, place: int, error: Exception) -> Verdict:
        logger.error("a case could not be judged: %s", where_raised(error))
        told = str(error) if isinstance(error, ThemisError) else f"the judge failed ({type(error).__name__})"
        usage = Usage(seconds=self._loop.time() - self._started)
        return FailedVerdict(self._cases[place].id, None, "failed", Trace(tuple(self._steps[place])), usage, error=told)

    def _overdue(self, place: int) -> Verdict:
        future = self._futures[place]
        if not future.cancel():
            return self._result(place)
        del self._futures[place]
        steps = tuple(self._steps[place])
        usage = Usage(tool_calls=sum(step.observation is not None for step in steps), seconds=self._loop.time() - self._started)
        verdict = Verdict(self._cases[place].id, None, "budget", Trace(steps), usage)
        self._serving.keep(self._cases[place], verdict)
        return verdict
