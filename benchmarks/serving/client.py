"""Clients of a server under test. Written by hand, as they must cost little beside it, and be able to misbehave."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

HOST = "127.0.0.1"
Answer = tuple[int, bytes]
"""Status and body."""


class Client:
    """One connection, kept between requests."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def post(self, path: str, body: Any) -> Any:
        """The JSON that a call answers. Raises `RuntimeError` for any other status than 200."""
        status, said = await self.ask("POST", path, json.dumps(body).encode())
        if status != 200:
            raise RuntimeError(f"{path} answered {status}: {said[:300]!r}")
        return json.loads(said)

    async def ask(self, method: str, path: str, body: bytes, kind: str = "application/json") -> Answer:
        """Send a whole request, and read its answer."""
        await self.send(head_of(method, path, len(body), kind) + body)
        return await self.answer()

    async def send(self, raw: bytes) -> None:
        """Write what is given, be it a request or not."""
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(HOST, self._port, limit=2**24)
        self._writer.write(raw)
        await self._writer.drain()

    async def answer(self) -> Answer:
        """The next answer. Raises an `OSError` or `IncompleteReadError` where the server hangs up."""
        assert self._reader is not None
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        status = int(head.split(b" ", 2)[1])
        if b"transfer-encoding: chunked" in head:
            said = b"".join([piece async for piece in self._chunks()])
        else:
            length = head.partition(b"content-length:")[2].split(b"\r\n", 1)[0]
            said = await self._reader.readexactly(int(length))
        if b"connection: close" in head:
            await self.leave()
        return status, said

    async def leave(self) -> None:
        """Close the connection, whatever is under way."""
        if self._writer is not None:
            self._writer.close()
            with suppress(OSError):
                await self._writer.wait_closed()
            self._reader = self._writer = None

    async def _chunks(self) -> Any:
        assert self._reader is not None
        while size := int(await self._reader.readline(), 16):
            yield await self._reader.readexactly(size)
            await self._reader.readline()
        await self._reader.readline()


def head_of(method: str, path: str, length: int, kind: str = "application/json") -> bytes:
    """The head of a request with a body of so many bytes."""
    lines = (f"{method} {path} HTTP/1.1", f"Host: {HOST}", f"Content-Type: {kind}", f"Content-Length: {length}")
    return "\r\n".join((*lines, "", "")).encode("latin-1", "replace")


@dataclass
class Pace:
    """Judges as fast as so many clients ask, each with one request under way.

    Counting begins when there were as many answers as clients. It ends after `seconds`, but not before there were as
    many again.
    """

    clients: int
    seconds: float
    count: Callable[[Any], int]
    """How many cases an answer holds. Raises an error where a reward is missing."""
    clocks: Callable[[], tuple[float, float]]
    """Seconds by the wall, and those that the server has computed."""
    answers: int = 0
    cases: int = 0

    async def measure(self, port: int, path: str, bodies: Iterator[Any]) -> tuple[float, float]:
        """Cases a second by the wall, and cases a second of the server's computing."""
        begun = ended = (0.0, 0.0)

        async def one() -> None:
            nonlocal begun, ended
            client = Client(port)
            while not ended[0]:
                cases = self.count(await client.post(path, next(bodies)))
                self.answers += 1
                if self.answers == self.clients:
                    begun = self.clocks()
                elif self.answers > self.clients and not ended[0]:
                    self.cases += cases
                    now = self.clocks()
                    ended = now if self.answers >= 2 * self.clients and now[0] - begun[0] >= self.seconds else ended
            await client.leave()

        await asyncio.gather(*(one() for _ in range(self.clients)))
        return self.cases / (ended[0] - begun[0]), self.cases / max(0.01, ended[1] - begun[1])
