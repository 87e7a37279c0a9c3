"""Judges all over a cluster, as replicas of Ray Serve, behind the face of one `JudgingService`.

The server that clients talk to is our own, and stays in one process: so token, queue, deadlines, log, metrics and its
end are those of a server without Ray. A replica that dies takes no case along: each goes to another one.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from typing import Any

import ray
from ray import serve
from ray.exceptions import RayActorError, RayError
from ray.serve.exceptions import RayServeException

from themis.background import BackgroundLoop
from themis.cluster.workers import JudgeSource, Workers, check_alike, told
from themis.errors import ConfigError, ServerError, ThemisError
from themis.inference.judgement import Scale
from themis.inference.service import JudgingService, OnStep
from themis.serve.listening import LOOPBACK
from themis.traces import Case, Step, Verdict, case_from_json, verdict_from_json
from themis.traces.case import check_case
from themis.traces.trace import step_from_json

TRIES = 4
"""Of a case whose replica died: it may be the case that killed them."""
WAIT = 0.5
"""Seconds until a case is given to another replica, once Ray knows that one is gone."""


class Replica:
    """One judge in a process of its own. The cases of all requests are judged together."""

    def __init__(self, source: JudgeSource, known_by: Mapping[str, Any]) -> None:
        """Raises `ConfigError` where this machine's judge would give other verdicts."""
        _stay_on_loopback()
        check_alike(source, known_by)
        self._opened = source.opened()
        self._service = JudgingService(self._opened.__enter__())

    def scale(self) -> dict[str, Any]:
        """How the rewards are read."""
        return asdict(self._service.scale)

    async def judge(self, row: str) -> AsyncIterator[str]:
        """A case as JSON; back come its steps, and at last its verdict. Whoever stops asking frees its row."""
        loop = asyncio.get_running_loop()
        came: asyncio.Queue[Step | Future[Verdict]] = asyncio.Queue()

        def comes(message: Step | Future[Verdict]) -> None:
            with suppress(RuntimeError):  # the loop is closed, so nobody waits
                loop.call_soon_threadsafe(came.put_nowait, message)

        future = self._service.submit(case_from_json(json.loads(row), "a case"), comes)
        future.add_done_callback(comes)
        try:
            while isinstance(message := await came.get(), Step):
                yield json.dumps({"step": asdict(message)})
            yield json.dumps({"verdict": message.result().to_json()})
        finally:
            future.cancel()


@dataclass(frozen=True)
class Deployed:
    """Replicas that are all up."""

    handle: Any
    """Of Ray Serve; it streams."""
    scale: Scale = field(default_factory=Scale)


class ReplicaService:
    """Takes cases from many threads, as `JudgingService` does, and has replicas judge them."""

    def __init__(self, deployed: "Future[Deployed]", capacity: int) -> None:
        """`deployed` are the replicas to come: cases wait for it. All replicas judge `capacity` cases at once."""
        self._deployed, self._capacity = deployed, capacity
        self._unfinished: set[Future[Verdict]] = set()
        self._loop = BackgroundLoop("themis-replicas", lambda: None, _nothing)

    @property
    def waiting(self) -> int:
        """How many cases no replica has room for yet."""
        return max(0, len(self._unfinished) - self._capacity)

    @property
    def in_flight(self) -> int:
        """How many cases are being judged."""
        return min(len(self._unfinished), self._capacity)

    @property
    def scale(self) -> Scale:
        """How the rewards are read; mean 0 and temperature 1 until the replicas are up."""
        return self._deployed.result().scale if self._deployed.done() else Scale()

    def submit(self, case: Case, on_step: OnStep | None = None) -> Future[Verdict]:
        """The verdict to come. Cancelling the future takes its case out of the batch of its replica."""
        future = self._loop.submit(self._judged(check_case(case), on_step))
        self._unfinished.add(future)
        future.add_done_callback(self._unfinished.discard)
        return future

    def close(self, *, cancel_futures: bool = False) -> None:
        """Ends the thread; what has no verdict yet is cancelled."""
        for future in list(self._unfinished) if cancel_futures else ():
            future.cancel()
        self._loop.close()

    async def _judged(self, case: Case, on_step: OnStep | None) -> Verdict:
        # Without the shield, whoever cancels a case would cancel what all others wait for.
        handle = (await asyncio.shield(asyncio.wrap_future(self._deployed))).handle
        row, steps = json.dumps(asdict(case)), 0
        for tried in range(1, TRIES + 1):
            if tried > 1:
                await asyncio.sleep(WAIT)
            asked = handle.judge.remote(row)
            try:
                seen = 0
                async for message in asked:
                    said = json.loads(message)
                    if "verdict" in said:
                        return verdict_from_json(said["verdict"])
                    seen += 1
                    if seen > steps and on_step is not None:  # another replica begins with the steps that were told
                        on_step(step_from_json(said["step"]))
                    steps = max(steps, seen)
            except (RayActorError, RayServeException) as error:
                logging.getLogger(__name__).info("a replica is gone (%s): its case goes to another", type(error).__name__)
            except RayError as error:
                raise told(error) from error
            finally:
                with suppress(RayError):
                    asked.cancel()
        raise ServerError(f"the replicas that were to judge it ended, {TRIES} times")


@contextmanager
def no_replicas_left(name: str) -> Iterator[None]:
    """After the block, the replicas of that name are gone, whether or not they had come up."""
    try:
        yield
    finally:
        with suppress(RayError, RayServeException):
            serve.delete(name)


def deploy(name: str, workers: Workers, source: JudgeSource, known_by: Mapping[str, Any]) -> Deployed:
    """Replicas that are all up. Those of the same name that were there before are replaced.

    Raises `ConfigError` where they do not come up.
    """
    for logger in ("ray.serve", "ray"):
        logging.getLogger(logger).setLevel(logging.ERROR)
    serve.start(proxy_location="Disabled")
    deployment = serve.deployment(
        name="Judge",
        num_replicas=workers.count,
        max_ongoing_requests=2 * workers.batch_size,  # so that the next cases are there when a row is free
        ray_actor_options={"num_cpus": workers.cpus, "num_gpus": workers.gpus},
        graceful_shutdown_timeout_s=5,
    )
    try:
        handle = serve.run(deployment(Replica).bind(source, known_by), name=name, route_prefix=None)
    except (RuntimeError, RayError, RayServeException) as error:
        if isinstance(cause := told(error), ThemisError):
            raise cause from error
        last = str(error).strip().splitlines()[-1][:300]
        raise ConfigError(f"the replicas did not come up: {last}") from error
    return Deployed(handle.options(stream=True), Scale(**handle.scale.remote().result()))


def _stay_on_loopback() -> None:
    """A replica listens for other replicas, on all addresses. Ray has no setting for it, and we need no such calls."""
    from ray.serve._private import replica

    if ray.util.get_node_ip_address() in LOOPBACK and (listen := getattr(replica, "add_port_to_grpc_server", None)):
        at_home = lambda server, address: listen(server, address.replace("[::]", "127.0.0.1"))  # noqa: E731
        setattr(replica, "add_port_to_grpc_server", at_home)  # noqa: B010  # it is private, so types know nothing of it


async def _nothing() -> None:
    pass
