"""`themis serve --ray`: no case is lost where a replica dies, and nothing is left at the end."""

import json
import signal
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

pytest.importorskip("ray", reason="the extra 'ray' is not installed")

from tests.cli.conftest import Themis, sentence, themis  # noqa: F401
from tests.cluster.processes import PATIENCE, below, command, listening_beyond_loopback, needs_nano, wait_until, weekdays
from tests.serve.serving import free_port
from themis import Case, load_judge
from themis.cluster.replicas import Deployed, ReplicaService
from themis.errors import ServerError
from themis.inference.client import JudgeClient
from themis.traces import Step, Verdict

CASES = [Case(row["question"], row["answer"]) for row in weekdays(40)]


def is_ready(url: str) -> bool:
    try:
        return httpx2.get(url + "/ready").status_code == 200
    except httpx2.TransportError:
        return False


@needs_nano
def test_a_replica_that_is_killed_under_load_loses_no_case_and_sigterm_ends_all(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log.jsonl"
    url = f"http://127.0.0.1:{port}"
    with command("serve", "--port", port, "--log", log, "--ray", "--replicas", 2) as server:
        wait_until(lambda: is_ready(url), server)
        beyond = listening_beyond_loopback(server)
        rewards: dict[int, float | None] = {}
        with JudgeClient(url, timeout=PATIENCE) as client:
            for place, verdict in client.judge_all(CASES):
                if not rewards:
                    below(server, "ray::ServeReplica")[0].kill()
                rewards[place] = verdict.reward
        counted = httpx2.get(url + "/metrics").text
        started = below(server, "")
        server.send_signal(signal.SIGTERM)
        _, stderr = server.communicate(timeout=PATIENCE)
    assert server.returncode == 0, stderr
    assert beyond == []
    assert sorted(rewards) == list(range(40))
    assert 'themis_requests_total{code="200",route="/v1/judge"} 40.0' in counted
    assert len(log.read_text().splitlines()) == 40
    assert [process for process in psutil.wait_procs(started, timeout=20)[1] if process.is_running()] == []
    with load_judge("nano") as here:
        wanted = {place: verdict.reward for place, verdict in here.judge_all(CASES[:4])}
    assert {place: rewards[place] for place in wanted} == pytest.approx(wanted, abs=1e-4)


def test_replicas_are_those_of_ray(themis: Themis) -> None:  # noqa: F811
    assert sentence(themis("serve", "--replicas", 2)) == "--replicas counts the judges of --ray: leave it out, or give --ray"


# --- cases on their way, with replicas that are told what to do -----------------------------------------


class Handle:
    """A handle whose replicas die as often as they are told to, each after a step."""

    def __init__(self, deaths: int) -> None:
        self.deaths, self.asked, self.cancelled = deaths, 0, 0
        self.judge = self

    def remote(self, row: str) -> "Answer":
        self.asked += 1
        return Answer(self, json.loads(row), self.asked <= self.deaths)


class Answer:
    def __init__(self, handle: Handle, row: dict[str, Any], dies: bool) -> None:
        self.handle, self.row, self.dies = handle, row, dies

    async def __aiter__(self) -> Any:
        from ray.exceptions import ActorDiedError

        yield json.dumps({"step": {"thought": "I look.", "action": None, "observation": None}})
        if self.dies:
            raise ActorDiedError
        yield json.dumps({"verdict": Verdict(self.row["id"], 1.0, None).to_json()})

    def cancel(self) -> None:
        self.handle.cancelled += 1


@pytest.fixture
def service(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ReplicaService, Handle]]:
    monkeypatch.setattr("themis.cluster.replicas.WAIT", 0.01)
    handle, deployed = Handle(request.param), Future[Deployed]()
    deployed.set_result(Deployed(handle))
    made = ReplicaService(deployed, 2)
    yield made, handle
    made.close(cancel_futures=True)


@pytest.mark.parametrize("service", [2], indirect=True)
def test_a_case_goes_to_another_replica_and_its_steps_are_told_once(service: tuple[ReplicaService, Handle]) -> None:
    steps: list[Step] = []
    verdict = service[0].submit(Case("q", "a", id="x"), steps.append).result(timeout=20)
    assert (verdict.id, verdict.reward, service[1].asked, len(steps)) == ("x", 1.0, 3, 1)


@pytest.mark.parametrize("service", [99], indirect=True)
def test_a_case_whose_replicas_all_die_is_given_up(service: tuple[ReplicaService, Handle]) -> None:
    with pytest.raises(ServerError, match="the replicas that were to judge it ended, 4 times"):
        service[0].submit(Case("q", "a")).result(timeout=20)
    assert service[1].asked == 4


def test_what_waits_and_what_is_judged_is_counted_and_a_cancelled_case_counts_no_more() -> None:
    deployed: Future[Deployed] = Future()
    service = ReplicaService(deployed, 2)
    futures = [service.submit(Case("q", "a")) for _ in range(5)]
    assert (service.in_flight, service.waiting) == (2, 3)
    for future in futures[1:]:
        future.cancel()
    assert (service.in_flight, service.waiting) == (1, 0)
    with pytest.raises(TimeoutError):  # given time, a cancelled case does not cancel what the others wait for
        futures[0].result(timeout=0.3)
    assert not deployed.cancelled()
    service.close(cancel_futures=True)
    assert futures[0].cancelled()
