"""A stand-in for every HTTP service: it listens on loopback, says what it is told to, and notes what it was asked.

Beside it, a client whose transport notes each address before anything is sent: a refused redirect is one that
never gets there.
"""

import gzip
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import httpx2

from themis.errors import ToolError, ToolTimeout, ToolUnavailable
from themis.http.client import Client

ELSEWHERE = "http://203.0.113.7/secret"
"""An address of the documentation's network: nobody has it, and no test may reach it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came in."""

    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    """Their names in lower case."""
    body: Any


@dataclass(frozen=True, slots=True)
class Said:
    """One answer."""

    body: Any = None
    """JSON, or bytes as they stand."""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: float = 0.0
    """Seconds of silence before the answer."""
    trickle: float = 0.0
    """Seconds between the bytes of the body."""
    gzipped: bool = False

    def encoded(self) -> bytes:
        raw = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        return gzip.compress(raw) if self.gzipped else raw


BIG = Said(b'{"results": "' + b"x" * 10_000_000 + b'"}')
GARBAGE = Said(b"<html>not at all JSON</html>")
BROKEN = Said({"error": "it broke"}, status=500)
BUSY = Said({"message": "slow down"}, status=429, headers={"Retry-After": "0"})
AWAY = Said(b"", status=302, headers={"Location": ELSEWHERE})

FAILURES: dict[str, tuple[Said, dict[str, Any], type[ToolError], str]] = {
    "429": (BUSY, {}, ToolUnavailable, "HTTP 429: slow down"),
    "500": (BROKEN, {}, ToolUnavailable, "HTTP 500: it broke"),
    "hang": (Said({}, hang=20), {"deadline": 0.4}, ToolTimeout, "did not answer within 0.4 seconds"),
    "garbage": (GARBAGE, {}, ToolUnavailable, "not JSON"),
    "another form": (Said([1, 2]), {}, ToolUnavailable, "unknown form"),
    "10 MB": (BIG, {}, ToolUnavailable, "more than 2,000,000 bytes"),
    "redirect": (AWAY, {}, ToolUnavailable, "redirects to"),
}
"""What every adapter must withstand: the answer, the options it needs to be quick, the failure and its words."""

Answer = Said | Callable[[Asked], Said]


class FakeService:
    """Says its answers in turn, the last one for ever; a context manager."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[Asked] = []
        self.sent = 0
        """Bytes of bodies that were written before the other side hung up."""
        self._leave = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._leave.set()
        self._server.shutdown()
        self._server.server_close()

    def _next(self, asked: Asked) -> Said:
        self.asked.append(asked)
        answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
        return answer if isinstance(answer, Said) else answer(asked)

    def _handler(fake: "FakeService") -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the handler's
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                params = dict(parse_qsl(parts.query))
                said = fake._next(Asked(self.command, parts.path, params, headers, json.loads(raw) if raw else None))
                if said.hang and fake._leave.wait(said.hang):
                    return
                self._say(said)

            do_POST = do_GET

            def _say(self, said: Said) -> None:
                body = said.encoded()
                self.send_response(said.status)
                for name, value in said.headers.items():
                    self.send_header(name, value)
                if said.gzipped:
                    self.send_header("Content-Encoding", "gzip")
                if "Content-Length" not in said.headers:
                    self.send_header("Connection", "close")
                self.end_headers()
                size = 1 if said.trickle else 65_536
                try:
                    for at in range(0, len(body), size):
                        fake.sent += self.wfile.write(body[at : at + size])
                        if said.trickle and fake._leave.wait(said.trickle):
                            return
                except OSError:  # the other side has read enough
                    pass

            def log_message(self, format: str, *args: Any) -> None:
                """Tests print nothing."""

        return Handler


class Noted(httpx2.AsyncBaseTransport):
    """A transport that only reaches loopback, and notes every address before it opens a connection."""

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self._inner = httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.addresses.append(str(request.url))
        assert request.url.host == "127.0.0.1", f"a test tried to reach {request.url.host}"
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


class NotedClient(Client):
    """An HTTP client for tests, and the addresses that were reached through it."""

    def __init__(self) -> None:
        self.noted = Noted()
        self.later = 0.0
        """Seconds by which its clock is ahead."""
        super().__init__(self.noted, lambda: time.monotonic() + self.later)


def quick(service: FakeService, **options: Any) -> dict[str, Any]:
    """Options for an adapter that asks a stand-in, without waiting for anything."""
    return {"url": service.url, "attempts": 2, "per_second": 1000, **options}


def seconds(call: Callable[[], Any]) -> float:
    """How long a call takes."""
    began = time.monotonic()
    call()
    return time.monotonic() - began
