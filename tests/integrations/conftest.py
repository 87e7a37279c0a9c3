"""A judge that needs no model, a server of exactly our wire form, and nano, loaded once."""

import json
import socket
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from tests.integrations.local_server import LocalServer, QuietHandler
from themis.inference import load_judge
from themis.integrations.judges import shared_judge
from themis.model.named import NANO
from themis.traces import Action, Case, Judge, Observation, Step, Trace, Verdict, case_from_json
from themis.traces.trace import Reason

QUESTION = "What day of the week is 2015-03-24?"
ANSWERS = ("2015-03-24 is a Tuesday.", "2015-03-24 is a Friday.", "A Tuesday.", "It is Sunday.")
needs_nano = pytest.mark.skipif(not NANO.is_dir(), reason="no nano model here: `themis train nano --out themis/model/nano`")


class TuesdayJudge(Judge):
    """Likes what says Tuesday, trusts nothing that says Friday, and gives no reward to what says nothing."""

    def __init__(self) -> None:
        self.cases: list[Case] = []

    def judge_all(self, cases: Iterable[Case]) -> Iterator[tuple[int, Verdict]]:
        """The last comes first, as no order is promised."""
        for place, case in reversed(list(enumerate(cases))):
            self.cases.append(case)
            yield place, verdict_of(case)


def verdict_of(case: Case) -> Verdict:
    step = Step("I look.", Action("Calendar.week_day", "2015-03-24"), Observation("Tuesday"))
    if not case.answer.strip():
        return Verdict(case.id, None, "empty_answer")
    reason: Reason | None = "no_evidence" if "Friday" in case.answer else None
    return Verdict(case.id, 2.0 if "Tuesday" in case.answer else -1.0, reason, Trace((step,), "So it is."), probability=0.75)


class JudgeServer(LocalServer):
    """Speaks `POST /v1/judge`. What is in `failures` (status, headers, body) is answered first, in that order."""

    def __init__(self, judged: Callable[[Case], Verdict] = verdict_of) -> None:
        self.failures: list[tuple[int, dict[str, str], str]] = []
        self.requests: list[dict[str, Any]] = []
        self.tokens: list[str | None] = []
        self.judged = judged
        ours = self

        class Handler(QuietHandler, BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                ours.requests.append({"path": self.path, **body})
                ours.tokens.append(self.headers.get("Authorization"))
                if ours.failures:
                    self.say(*ours.failures.pop(0))
                else:
                    verdicts = [ours.judged(case_from_json(row, "case")).to_json() for row in body["cases"]]
                    self.say(200, {}, json.dumps({"model": "fake", "verdicts": verdicts}))

            def say(self, status: int, headers: dict[str, str], body: str) -> None:
                if status == 0:  # dies in the middle of a request
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.send(status, body.encode(), headers)

        super().__init__(Handler)


@pytest.fixture
def server() -> Iterator[JudgeServer]:
    served = JudgeServer()
    yield served
    served.close()


@pytest.fixture(scope="session")
def nano() -> Judge:
    """The judge that the adapters share by its name, too."""
    return shared_judge("nano")


@pytest.fixture(scope="session")
def wanted() -> list[float]:
    """What `load_judge` gives for the four answers."""
    with load_judge("nano") as judge:
        verdicts = dict(judge.judge_all([Case(QUESTION, answer) for answer in ANSWERS]))
    rewards = [verdicts[place].reward for place in range(len(ANSWERS))]
    return [reward for reward in rewards if reward is not None]


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("THEMIS_MODEL", "THEMIS_TOKEN", "THEMIS_MISSING", "THEMIS_TEMPLATE"):
        monkeypatch.delenv(name, raising=False)
