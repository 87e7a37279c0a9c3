"""A server to test: the real one over a judge whose time is in the test's hands."""

import json
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import httpx2

from themis.errors import DataError
from themis.inference import JudgingService
from themis.serve.app import server_of
from themis.serve.guard import Door
from themis.serve.lifecycle import DrainingServer
from themis.serve.listening import listener
from themis.serve.serving import Options, Serving
from themis.serve.verdict_log import VerdictLog
from themis.traces import Action, Case, Judge, Observation, Step, Trace, Usage, Verdict

PATIENCE = 60.0
STEPS = tuple(Step(f"I look {time}.", Action("echo", time), Observation(f"you said {time}")) for time in ("once", "twice"))


class HeldJudge(Judge):
    """Two steps a case, and a reward of the answer's length. The answer `hold` gets one, then waits for `release`."""

    def __init__(self, places: int = 4) -> None:
        self.places = places
        self.engine = HeldEngine(self)
        self.dropped: list[Case] = []
        self.released = threading.Event()

    def judge_all(self, cases: Iterable[Case]) -> Iterator[tuple[int, Verdict]]:
        for place, case in enumerate(cases):
            yield place, verdict_of(case)

    def new_engine(self) -> "HeldEngine":
        self.engine = HeldEngine(self)
        return self.engine

    def release(self) -> None:
        self.released.set()


class HeldEngine:
    """Judges at once what is not held."""

    def __init__(self, judge: HeldJudge) -> None:
        self.judge = judge
        self.rows: dict[int, tuple[Case, Callable[[Step], None] | None, bool]] = {}

    @property
    def has_room(self) -> bool:
        return len(self.rows) < self.judge.places

    @property
    def is_empty(self) -> bool:
        return not self.rows

    def add(self, index: int, case: Case, on_step: Callable[[Step], None] | None = None) -> None:
        self.rows[index] = case, on_step, False

    def drop(self, indices: Collection[int]) -> None:
        for index in indices:
            self.judge.dropped.append(self.rows.pop(index)[0])

    def wait(self, wake: Future[Any] | None = None) -> None:
        self.judge.released.wait(0.005)

    def step(self) -> list[tuple[int, Verdict | Exception]]:
        done: list[tuple[int, Verdict | Exception]] = []
        for index, (case, on_step, begun) in list(self.rows.items()):
            if on_step is not None and not begun:
                on_step(STEPS[0])
            self.rows[index] = case, on_step, True
            if case.answer != "hold" or self.judge.released.is_set():
                del self.rows[index]
                done.append((index, _outcome(case)))
        return done


def _outcome(case: Case) -> Verdict | Exception:
    if case.answer == "crash":
        try:
            dict[str, int]()["what the client sent"]
        except KeyError as error:
            return error
    return DataError("the store holds no answer") if case.answer == "break" else verdict_of(case)


def verdict_of(case: Case) -> Verdict:
    """What a `HeldJudge` says."""
    reward, reason = (float(len(case.answer)), None) if case.answer else (None, "empty_answer")
    return Verdict(case.id, reward, reason, Trace(STEPS), Usage(2, 10, 20, 0.25))  # type: ignore[arg-type]


class Served:
    """A server in a thread, and requests to it."""

    def __init__(self, url: str, serving: Serving, server: DrainingServer) -> None:
        self.url, self.serving, self.server = url, serving, server

    def post(self, body: Any, path: str = "/v1/judge", **settings: Any) -> httpx2.Response:
        return httpx2.post(self.url + path, json=body, timeout=PATIENCE, **settings)

    def get(self, path: str, **settings: Any) -> httpx2.Response:
        return httpx2.get(self.url + path, timeout=PATIENCE, **settings)

    def metric(self, name: str) -> float:
        """The value of a line of `/metrics`; 0 where it is not there."""
        lines = (line.rpartition(" ") for line in self.serving.metrics.text().decode().splitlines())
        return next((float(value) for found, _, value in lines if found == name), 0.0)


@contextmanager
def served(
    judge: Judge | None = None,
    options: Options | None = None,
    door: Door | None = None,
    log: VerdictLog | None = None,
    is_loaded: Callable[[], bool] = lambda: True,
) -> Iterator[Served]:
    """The real server at a free port of loopback."""
    judge = judge or HeldJudge()
    service = JudgingService(judge)
    serving = Serving(service, options or Options(), log)
    server = server_of(serving, door or Door(), is_loaded)
    listening = listener("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield Served(f"http://127.0.0.1:{listening.getsockname()[1]}", serving, server)
    finally:
        if isinstance(judge, HeldJudge):
            judge.release()
        server.should_exit = True
        thread.join(PATIENCE)
        service.close(cancel_futures=True)


def events_of(text: str) -> list[tuple[str, Any]]:
    """The events of a stream, each with its data."""
    found = []
    for block in text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        found.append((fields["event"], json.loads(fields["data"])))
    return found


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def until(true: Callable[[], bool]) -> None:
    """Wait for what a server does in its own time."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)
