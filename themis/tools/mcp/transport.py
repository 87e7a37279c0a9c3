"""Connections to MCP servers that cannot flood us: standard input and output of a program, or streamable HTTP.

The SDK's own transports read lines and streams of any length. Here, what a server sends between two of our requests is
metered, and a server that sends too much is cut off.

Knows nothing of tools. Source: Model Context Protocol, specification 2025-11-25, "Transports" and "Lifecycle".
"""

import os
import signal
import subprocess
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.lowlevel
import httpx2
import mcp_types
from anyio.abc import Process
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.client.stdio import get_default_environment
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.message import SessionMessage

from themis.errors import ToolUnavailable
from themis.tools.keeper import END, kept
from themis.tools.setup.settings import McpServer

MAX_BYTES = 4 * 2**20
MAX_MESSAGES = 2_000
STAGES: tuple[tuple[signal.Signals | None, float], ...] = ((None, 1.0), (END, 3.5), (signal.SIGKILL, 1.0))
"""How a program is ended, and the seconds it has: its input is closed; its keeper is told to end all of it."""
LAST_WORDS = 2_000
"""Bytes kept of a program's standard error."""

Streams = tuple[Any, Any]
"""What the SDK's client reads from and writes to."""


class Flood(Exception):
    """The server sent more than any request asks for."""


@dataclass(slots=True)
class Meter:
    """How much a server sent since our last request, and what became of it."""

    bytes_read: int = 0
    messages: int = 0
    flooded: bool = False
    lost: bool = False
    """The connection has ended."""
    last_words: bytes = b""

    def restart(self) -> None:
        self.bytes_read = self.messages = 0

    def count(self, bytes_read: int, messages: int = 0) -> None:
        """Raises `Flood` if it is too much."""
        self.bytes_read += bytes_read
        self.messages += messages
        if self.bytes_read > MAX_BYTES or self.messages > MAX_MESSAGES:
            self.flooded = True
            raise Flood


def transport_of(server: McpServer, meter: Meter) -> Any:
    """The transport to a server, for the SDK's client."""
    return over_http(server, meter) if server.url else over_stdio(server, meter)


@asynccontextmanager
async def over_stdio(server: McpServer, meter: Meter) -> AsyncGenerator[Streams]:
    """Starts a program with a keeper, which ends all that the program started, whatever became of it."""
    process = await anyio.open_process(
        kept(list(server.command)), stderr=subprocess.PIPE, env=_environment(server), cwd=server.cwd or None, start_new_session=True
    )
    came, read_stream = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    write_stream, goes = anyio.create_memory_object_stream[SessionMessage](0)
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_read, process, came, meter)
            tasks.start_soon(_write, process, goes, meter)
            tasks.start_soon(_listen, process, meter)
            try:
                yield read_stream, write_stream
            finally:
                tasks.cancel_scope.cancel()
    finally:
        meter.lost = True
        with anyio.CancelScope(shield=True):
            await _end(process)
            for stream in (read_stream, came, write_stream, goes):
                await stream.aclose()


@asynccontextmanager
async def over_http(server: McpServer, meter: Meter) -> AsyncGenerator[Streams]:
    """Streamable HTTP. The SDK keeps redirects on the server's own address."""
    headers = {"Accept-Encoding": "identity"}
    if server.token_env:
        token = os.environ.get(server.token_env)
        if not token:
            raise ToolUnavailable(f"the environment variable {server.token_env}, which holds the server's token, is not set")
        headers["Authorization"] = f"Bearer {token}"
    timeout = httpx2.Timeout(max(server.deadline, server.startup), read=300)
    async with (
        httpx2.AsyncClient(transport=_Metered(meter), headers=headers, timeout=timeout) as client,
        streamable_http_client(server.url, http_client=client) as streams,
    ):
        try:
            yield streams
        finally:
            meter.lost = True


class _Metered(httpx2.AsyncBaseTransport):
    """HTTP with metered bodies, not compressed: a small body may unpack to a huge one."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._inner = httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST":
            self._meter.restart()
        response = await self._inner.handle_async_request(request)
        if response.headers.get("content-encoding", "identity") != "identity":
            await response.aclose()
            raise httpx2.RemoteProtocolError("the response is compressed, which was not asked for", request=request)
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _MeteredBody(response.stream, self._meter)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _MeteredBody(httpx2.AsyncByteStream):
    def __init__(self, body: httpx2.AsyncByteStream, meter: Meter) -> None:
        self._body = body
        self._meter = meter

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._body:
            try:
                self._meter.count(len(chunk), chunk.count(b"\n\n"))
            except Flood:
                raise httpx2.ReadError("the server sent more than is taken") from None
            yield chunk

    async def aclose(self) -> None:
        await self._body.aclose()


def _environment(server: McpServer) -> dict[str, str]:
    """PATH, HOME and the like, and what the settings name. Keys of ours reach a program only by name."""
    passed = {name: os.environ[name] for name in server.env_from if name in os.environ}
    return {**get_default_environment(), **passed, **server.env}


async def _read(process: Process, came: MemoryObjectSendStream[SessionMessage | Exception], meter: Meter) -> None:
    """Lines of JSON. Anything else (a banner, a stray print) is skipped, but counted."""
    assert process.stdout is not None
    rest = b""
    async with came:
        with suppress(Flood, anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
            async for chunk in process.stdout:
                *lines, rest = (rest + chunk).split(b"\n")
                meter.count(len(chunk), len(lines))
                for line in lines:
                    with suppress(ValueError, RecursionError):
                        await came.send(SessionMessage(mcp_types.jsonrpc_message_adapter.validate_json(line, by_name=False)))
        meter.lost = True
        if meter.flooded:
            _signal(process, END)


async def _write(process: Process, goes: MemoryObjectReceiveStream[SessionMessage], meter: Meter) -> None:
    assert process.stdin is not None
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
        async for message in goes:
            meter.restart()
            line = message.message.model_dump_json(by_alias=True, exclude_unset=True)
            await process.stdin.send(line.encode() + b"\n")


async def _listen(process: Process, meter: Meter) -> None:
    """Keeps the end of the program's standard error: the reason if it dies."""
    assert process.stderr is not None
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
        async for chunk in process.stderr:
            meter.last_words = (meter.last_words + chunk)[-LAST_WORDS:]


async def _end(process: Process) -> None:
    assert process.stdin is not None
    with suppress(OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
        await process.stdin.aclose()
    for told, seconds in STAGES:
        if told is not None:
            _signal(process, told)
        with anyio.move_on_after(seconds):
            await process.wait()
        if process.returncode is not None:
            break
    # After a flood, asyncio keeps the unread pipe open and anyio cannot close it: close its transport, like the SDK.
    transport = getattr(getattr(process, "_process", None), "_transport", None)
    if transport is not None:
        with suppress(PermissionError):  # before 3.13 it kills the program again, which may run as another user by then
            transport.close()
    await anyio.lowlevel.checkpoint()


def _signal(process: Process, number: signal.Signals) -> None:
    """To all of the group, while its leader, the keeper, is there."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
