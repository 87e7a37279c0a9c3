"""The connection to one server of ours: asks, again where that may help, and reads the JSON of the answer.

Each cause of failure has one kind of error. Requests run in one event loop, in a thread of its own. A Retry-After is
respected; other failures are repeated some times with growing waits. A server that has answered before and cannot be
reached may be about to come back: it is tried until the timeout. Knows nothing of cases.
"""

import asyncio
import random
from concurrent.futures import Future
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from themis.background import BackgroundLoop
from themis.errors import ConfigError, DataError, ServerError
from themis.http.client import BUSY, USER_AGENT, is_base_url, masked
from themis.http.retry_after import seconds_of

if TYPE_CHECKING:
    import httpx2

TRIES = 8
"""Of a request that fails without a Retry-After; with the waits between them, about 15 seconds."""
LONGEST_WAIT = 5.0
"""Seconds between two tries, where the server does not say how many."""
SHOWN = 300
"""Characters of the server's words that an error quotes."""


class Connection:
    """Connections to one server, at most `concurrency`. Thread-safe; starts with the first request."""

    def __init__(self, url: str, token: str | None, timeout: float, concurrency: int) -> None:
        """`timeout` is in seconds, for one request with all its tries."""
        if not is_base_url(url):
            raise ConfigError(f"the address of a judge must be of the form http://host:port, found '{url}'")
        if token and not (token.isprintable() and token == token.strip()):
            raise ConfigError("the token of a server must be one line without blanks around it: set THEMIS_TOKEN so")
        self._url, self._host = url.rstrip("/"), urlsplit(url).netloc.rpartition("@")[2]
        self._token, self._timeout, self._concurrency = token, timeout, concurrency
        self._has_answered = False
        self._loop = BackgroundLoop("themis-judge-client", self._open, lambda: self._client.aclose())
        self._client: httpx2.AsyncClient
        self._turns: asyncio.Semaphore

    def post(self, path: str, body: bytes) -> Future[Any]:
        """The JSON to come; cancelling the future cancels the request. A body over the cap is a `TooLargeError`."""
        return self._loop.submit(self._asked("POST", self._url + path, body))

    def get(self, path: str) -> Any:
        """The JSON of an answer."""
        return self._loop.submit(self._asked("GET", self._url + path, None)).result()

    def misread(self, expected: str) -> ServerError:
        """The error for an answer that lacks what it should hold."""
        return ServerError(f"{self._host} answered in an unknown form: {expected} is missing")

    def close(self) -> None:
        """Closes all connections and ends the thread."""
        self._loop.close()

    def _open(self) -> None:
        import httpx2

        self._turns = asyncio.Semaphore(self._concurrency)
        headers = {b"User-Agent": USER_AGENT.encode(), b"Content-Type": b"application/json"}
        headers |= {b"Authorization": f"Bearer {self._token}".encode()} if self._token else {}
        self._client = httpx2.AsyncClient(timeout=None, headers=headers, limits=httpx2.Limits(max_connections=self._concurrency))

    async def _asked(self, method: str, url: str, body: bytes | None) -> Any:
        async with self._turns:
            try:
                async with asyncio.timeout(self._timeout) as clock:
                    return await self._tried(method, url, body, clock.when() or 0.0)
            except TimeoutError as error:
                raise ServerError(f"{self._host} did not answer within {self._timeout:g} seconds") from error

    async def _tried(self, method: str, url: str, body: bytes | None, deadline: float) -> Any:
        tries = count(1)
        while True:
            try:
                return await self._attempt(method, url, body)
            except _Again as error:
                pause = error.wait
                if pause is None:
                    if (tried := next(tries)) >= TRIES and not (error.is_away and self._has_answered):
                        raise ServerError(f"{error}, {tried} times") from error
                    pause = min(LONGEST_WAIT, 0.25 * 2**tried) * random.uniform(0.5, 1.0)
                elif asyncio.get_running_loop().time() + pause > deadline:
                    raise ServerError(f"{error}; it asks to wait {pause:g} seconds, longer than the timeout") from error
            await asyncio.sleep(pause)

    async def _attempt(self, method: str, url: str, body: bytes | None) -> Any:
        import httpx2

        try:
            response = await self._client.request(method, url, content=body)
        except httpx2.TransportError as error:
            raise _Again(f"{self._host} cannot be reached ({type(error).__name__})", is_away=True) from error
        self._has_answered = True
        if response.status_code != 200:
            raise self._failure(response)
        try:
            return response.json()
        except ValueError as error:
            raise self.misread("JSON") from error

    def _failure(self, response: "httpx2.Response") -> Exception:
        """The error that an HTTP status other than success means."""
        status, said = response.status_code, " ".join(response.text.split())[:SHOWN]
        what = masked(f"{self._host} answered HTTP {status}: {said}", [self._token] if self._token else [])
        if status in BUSY:
            return _Again(what, seconds_of(response.headers.get("Retry-After", "")))
        if status in (401, 403):
            return ConfigError(f"{what}; give the server's token, such as by THEMIS_TOKEN")
        if status in (400, 413, 422):
            return TooLargeError(what) if status == 413 else DataError(what)
        return ConfigError(f"{what}; is it a server of Themis?") if status < 500 else ServerError(what)


class TooLargeError(DataError):
    """The server reads no body of this size."""


class _Again(ServerError):
    """An attempt failed, and the next one may succeed."""

    def __init__(self, text: str, wait: float | None = None, *, is_away: bool = False) -> None:
        super().__init__(text)
        self.is_away = is_away
        self.wait = wait
        """Seconds that the server asks us to wait."""
