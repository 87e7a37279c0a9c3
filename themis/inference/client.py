"""A judge behind a server of ours, by `POST URL/v1/judge`. It is a `Judge`, so it goes wherever a judge goes.

Each case is a request of its own, and many are in flight. So a verdict comes as soon as it is made, and the server
batches over all its clients. Judging changes nothing on the server, so a failed request is repeated. Threads and event
loops can share a client.
"""

import asyncio
import json
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from themis.errors import ConfigError
from themis.inference.connection import Connection, TooLargeError
from themis.inference.in_flight import in_flight
from themis.traces.case import Case, check_case
from themis.traces.judge import Judge
from themis.traces.trace import Verdict, verdict_from_json


@dataclass(frozen=True, slots=True)
class AboutServer:
    """The judge of a server."""

    model: str
    """Its name."""
    judge: str
    """A hash of all that decides a verdict there: weights, tools, budget."""
    tools: tuple[str, ...]
    """The names of its tools."""


class JudgeClient(Judge):
    """Raises `ServerError`, `ConfigError` for a wrong address or token, and `DataError` for a case that is refused.

    A case that is too large to be sent has no reward, as in process: its reason is `too_long`.
    """

    def __init__(
        self, url: str, *, token: str | None = None, timeout: float = 180.0, deadline: float | None = None, concurrency: int = 64
    ) -> None:
        """`timeout` is in seconds, for one case with all its tries; `concurrency` is the number of cases in flight.

        `deadline` is the most seconds that the server may take for a case, by default its own `--deadline`. A case
        that misses it has no reward, and the reason `budget`. The timeout is longer than any server's deadline.
        """
        self._connection, self._concurrency, self._deadline = Connection(url, token, timeout, concurrency), concurrency, deadline

    def judge_all(self, cases: Iterable[Case]) -> Iterator[tuple[int, Verdict]]:
        """Verdicts as they come. Cases are pulled when there is room; what is in flight is cancelled with an error."""
        for place, case, future in in_flight(cases, self._concurrency, self._ask):
            yield place, self._verdict(case, future)

    async def ajudge(self, case: Case) -> Verdict:
        """`judge`, without blocking the event loop. A cancelled task cancels its request."""
        asked = self._ask(case)
        with suppress(TooLargeError):
            await asyncio.wrap_future(asked)
        return self._verdict(case, asked)

    def about(self) -> "AboutServer":
        """What the server says of its judge, once that is loaded."""
        self._connection.get("/ready")
        model = self._connection.get("/v1/models")
        try:
            said = model["data"][0]
            return AboutServer(str(said["id"]), str(said["judge"]), tuple(map(str, said["tools"])))
        except (KeyError, IndexError, TypeError) as error:
            raise self._connection.misread("what judges there") from error

    def sampled(self, temperature: float, seed: str) -> NoReturn:
        """A server draws no tokens."""
        raise ConfigError("a judge behind a server cannot be sampled; load the model in this process")

    def close(self) -> None:
        """Closes all connections and ends the thread."""
        self._connection.close()

    def _ask(self, case: Case) -> Future[Any]:
        check_case(case)
        row: dict[str, Any] = {"question": case.question, "answer": case.answer}
        beside = {"context": case.context, "tests": case.tests, "id": case.id}
        row |= {name: value for name, value in beside.items() if value}
        body = {"cases": [row]} if self._deadline is None else {"cases": [row], "deadline": self._deadline}
        # Half a character, which a policy may write, is read as '?' in process, too.
        return self._connection.post("/v1/judge", json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"))

    def _verdict(self, case: Case, asked: Future[Any]) -> Verdict:
        try:
            return verdict_from_json(asked.result()["verdicts"][0])
        except TooLargeError:
            return Verdict(case.id, None, "too_long")
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise self._connection.misread("the verdict") from error
