"""A judge behind a server of ours, by `POST URL/v1/judge`. It is a `Judge`, so it goes wherever a judge goes.

Each case is a request of its own, and many are in flight. So a verdict comes as soon as it is made, and the server
batches over all its clients. Judging changes nothing on the server, so a failed request is repeated. Threads and event
loops can share a client.
"""

import asyncio
import json
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from itertools import islice
from typing import Any, NoReturn

from themis.errors import ConfigError
from themis.integrations.connection import Connection
from themis.traces.case import Case, check_case
from themis.traces.judge import Judge
from themis.traces.trace import Verdict, verdict_from_json


class JudgeClient(Judge):
    """Raises `ServerError`, `ConfigError` for a wrong address or token, and `DataError` for a case that is refused."""

    def __init__(self, url: str, *, token: str | None = None, timeout: float = 150.0, concurrency: int = 64) -> None:
        """`timeout` is in seconds, for one case with all its tries; `concurrency` is the number of cases in flight."""
        self._connection, self._concurrency = Connection(url, token, timeout, concurrency), concurrency

    def judge_all(self, cases: Iterable[Case]) -> Iterator[tuple[int, Verdict]]:
        """Verdicts as they come. Cases are pulled when there is room; what is in flight is cancelled with an error."""
        places = enumerate(cases)
        asked: dict[Future[Any], int] = {}
        try:
            while True:
                for place, case in islice(places, self._concurrency - len(asked)):
                    asked[self._ask(case)] = place
                if not asked:
                    return
                for future in wait(asked, return_when=FIRST_COMPLETED).done:
                    yield asked.pop(future), self._verdict(future.result())
        finally:
            for future in asked:
                future.cancel()

    async def ajudge(self, case: Case) -> Verdict:
        """`judge`, without blocking the event loop. A cancelled task cancels its request."""
        return self._verdict(await asyncio.wrap_future(self._ask(case)))

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
        return self._connection.post("/v1/judge", json.dumps({"cases": [row]}).encode())

    def _verdict(self, answer: Any) -> Verdict:
        try:
            return verdict_from_json(answer["verdicts"][0])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise self._connection.misread("the verdict") from error
