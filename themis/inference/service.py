"""One judge for many callers: their cases are judged together, in a thread of its own.

The thread lives while there is something to judge. After an error of the judge, the cases that it touched are judged
again in halves, until it is known whose it is: that case alone gets it. The next case starts afresh. Knows nothing of
models: an engine takes cases one by one, any other judge takes all that wait.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import count
from typing import Any, Protocol, Self, runtime_checkable

from themis.errors import where_raised
from themis.inference.judgement import Scale
from themis.traces.case import Case, check_case
from themis.traces.judge import Judge
from themis.traces.trace import Step, Verdict

_log = logging.getLogger(__name__)

OnStep = Callable[[Step], None]
"""Gets the steps of a case as its trace grows, in the service's thread: it must be quick, and not raise."""


class StepwiseJudging(Protocol):
    """Judges cases that join and leave between its steps; `engine.Engine` is one."""

    @property
    def has_room(self) -> bool: ...

    @property
    def is_empty(self) -> bool: ...

    def add(self, index: int, case: Case, on_step: OnStep | None = None) -> None: ...

    def drop(self, indices: Collection[int]) -> None: ...

    def wait(self, wake: Future[Any] | None = None) -> None:
        """Where a step would do nothing yet, wait until it would, or until `wake` is done."""
        ...

    def step(self) -> Iterable[tuple[int, Verdict | Exception]]: ...


@runtime_checkable
class HasEngine(Protocol):
    """A judge that judges step by step."""

    def new_engine(self) -> StepwiseJudging: ...


@runtime_checkable
class HasScale(Protocol):
    """A judge that says how its rewards are read."""

    @property
    def scale(self) -> Scale | None: ...


class JudgingService:
    """Takes cases from many threads; a context manager that waits for their verdicts, as an executor does."""

    def __init__(self, judge: Judge | Callable[[], Judge]) -> None:
        """A function is called when the first case comes; the judge that it returns is closed with the service."""
        self._load = judge if callable(judge) else None
        self._judge = None if callable(judge) else judge
        self._lock = threading.Lock()
        self._queue: deque[_Submitted] = deque()
        self._unfinished: set[Future[Verdict]] = set()
        self._in_flight: set[Future[Verdict]] = set()
        """Those of the unfinished that the judge has taken up."""
        self._thread: threading.Thread | None = None
        self._wake: Future[None] = Future()
        """Done when the thread has something new to look at."""
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many cases the judge has not taken up yet."""
        with self._lock:
            return len(self._unfinished) - len(self._in_flight)

    @property
    def in_flight(self) -> int:
        """How many cases are being judged."""
        with self._lock:
            return len(self._in_flight)

    @property
    def scale(self) -> Scale:
        """How the rewards are read: mean 0 and temperature 1 where the judge does not say, or is not loaded."""
        known = self._judge.scale if isinstance(self._judge, HasScale) else None
        return known or Scale()

    def submit(self, case: Case, on_step: OnStep | None = None) -> Future[Verdict]:
        """The verdict to come. A future that is cancelled takes its case out of the batch, and drops its tool call.

        A judge without an engine tells no steps.
        """
        check_case(case)
        future: Future[Verdict] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("the judging service is closed: make a new one")
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="themis-judging")
                thread.start()
                self._thread = thread
            self._queue.append(_Submitted(case, future, on_step))
            self._unfinished.add(future)
            self._notify()
        future.add_done_callback(self._forget)
        return future

    def close(self, *, cancel_futures: bool = False) -> None:
        """Take no more cases, and wait for the verdicts of those that were submitted, or cancel them."""
        with self._lock:
            self._closed = True
            unfinished, thread = list(self._unfinished), self._thread
        for future in unfinished if cancel_futures else ():
            future.cancel()
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        if self._load is not None and self._judge is not None:
            self._judge.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self.close(cancel_futures=kind is not None)

    def _forget(self, future: Future[Verdict]) -> None:
        with self._lock:
            self._unfinished.discard(future)
            self._in_flight.discard(future)
            if future.cancelled():
                self._sweep()
                self._notify()

    def _sweep(self) -> None:
        """Let go of the cases of cancelled futures once they are most of the queue: a judge may be busy for long."""
        if len(self._queue) > 2 * len(self._unfinished) + 16:
            cancelled = {submitted.future for submitted in self._queue if submitted.future.cancelled()}
            self._queue = deque(submitted for submitted in self._queue if submitted.future not in cancelled)
            for future in cancelled:
                future.set_running_or_notify_cancel()

    def _notify(self) -> None:
        if not self._wake.done():
            self._wake.set_result(None)

    def _run(self) -> None:
        """The thread: one engine until nothing is left to judge, and a new one after an error."""
        taken: dict[int, _Submitted] = {}
        apart: list[deque[_Submitted]] = []
        """Groups that an error touched: each is judged by itself."""
        while apart or self._has_work():
            group = apart.pop() if apart else None
            try:
                self._serve(self._new_engine(), taken, group)
            except BaseException as error:  # whatever it is, the callers get it
                touched = list(taken.values())
                taken.clear()
                if group:
                    apart.append(group)
                if len(touched) > 1 and isinstance(error, Exception):
                    _log.warning("an error touched %d cases, which are judged again in halves: %s", len(touched), where_raised(error))
                    half = len(touched) // 2
                    apart += [deque(touched[half:]), deque(touched[:half])]
                    continue
                if not touched:  # the judge could not be loaded, for any of them
                    touched = [*(submitted for group in apart for submitted in group), *self._queued()]
                    apart.clear()
                for submitted in touched:
                    _finish(submitted.future, error)

    def _has_work(self) -> bool:
        """Is a case waiting? Else the thread ends, and the next case starts another."""
        with self._lock:
            if not self._queue:
                self._thread = None
            return bool(self._queue)

    def _new_engine(self) -> StepwiseJudging:
        if self._judge is None:
            assert self._load is not None
            self._judge = self._load()
        return self._judge.new_engine() if isinstance(self._judge, HasEngine) else _AllAtOnce(self._judge)

    def _serve(self, engine: StepwiseJudging, taken: "dict[int, _Submitted]", group: "deque[_Submitted] | None") -> None:
        """Judge the group, or all that are in the queue and come meanwhile."""
        indices = count()
        while True:
            with self._lock:
                wake: Future[None] = Future()
                self._wake = wake
            engine.drop(_cancelled(taken))
            while engine.has_room and (submitted := self._next(group)):
                index = next(indices)
                taken[index] = submitted
                engine.add(index, submitted.case, submitted.new_steps())
            if engine.is_empty:
                return
            engine.wait(wake)
            for index, outcome in engine.step():
                _finish(taken.pop(index).future, outcome)

    def _next(self, group: "deque[_Submitted] | None") -> "_Submitted | None":
        """The next case of the group, or in the queue; those that were cancelled meanwhile are left out."""
        with self._lock:
            queue = self._queue if group is None else group
            while queue:
                submitted = queue.popleft()
                if not submitted.future.cancelled():
                    self._in_flight.add(submitted.future)
                    return submitted
                submitted.future.set_running_or_notify_cancel()
            return None

    def _queued(self) -> "list[_Submitted]":
        with self._lock:
            queued = list(self._queue)
            self._queue.clear()
        return queued


@dataclass(eq=False, slots=True)
class _Submitted:
    """A case on its way."""

    case: Case
    future: Future[Verdict]
    on_step: OnStep | None
    told: int = 0
    """How many of its steps were told."""

    def new_steps(self) -> OnStep | None:
        """Tells the steps of one try; those that an earlier try told are not told again."""
        places = count()

        def tell(step: Step) -> None:
            if self.on_step is not None and next(places) >= self.told:
                self.told += 1
                self.on_step(step)

        return None if self.on_step is None else tell


class _AllAtOnce:
    """The cases that wait, given to `judge_all` in one step."""

    has_room = True

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._cases: dict[int, Case] = {}

    @property
    def is_empty(self) -> bool:
        return not self._cases

    def add(self, index: int, case: Case, on_step: OnStep | None = None) -> None:
        self._cases[index] = case

    def drop(self, indices: Collection[int]) -> None:
        for index in indices:
            self._cases.pop(index, None)

    def wait(self, wake: Future[Any] | None = None) -> None:
        """A step always judges something."""

    def step(self) -> Iterable[tuple[int, Verdict]]:
        indices, cases = list(self._cases), list(self._cases.values())
        self._cases.clear()
        for place, verdict in self._judge.judge_all(cases):
            yield indices[place], verdict


def _cancelled(taken: dict[int, _Submitted]) -> list[int]:
    """Take the cancelled ones out of `taken`; their indices."""
    indices = [index for index, submitted in taken.items() if submitted.future.cancelled()]
    for index in indices:
        taken.pop(index).future.set_running_or_notify_cancel()
    return indices


def _finish(future: Future[Verdict], outcome: Verdict | BaseException) -> None:
    if not future.set_running_or_notify_cancel():
        return
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
