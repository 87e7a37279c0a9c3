"""The tools of other people's MCP servers, as tools of ours.

Each is named `SERVER.TOOL`, by the server's name in the settings, so none can replace one of ours. A server that
hangs, dies, floods or lies costs only the call that met it. Its connection is dropped, and the next call opens
another. All connections live on one thread with an event loop; tools are called from any thread.

Knows nothing of judges. Needs the extra `mcp`. No server is trusted (`schema`, `transport`).
"""

import asyncio
import json
import logging
import math
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import anyio
import mcp_types
from mcp import Client, MCPError
from mcp.client.session import ClientSession
from pydantic import BaseModel, ValidationError

from themis.closing import Closing
from themis.errors import DataError, ToolError, ToolTimeout, ToolUnavailable
from themis.tools.base import AnyTool, Tool
from themis.tools.mcp.schema import DESCRIPTION_CAP, ArgumentCheck, UnusableToolError, checked_name, harmless, shown_schema
from themis.tools.mcp.transport import Meter, transport_of
from themis.tools.recordings.store import Call, Mode, ObservationStore
from themis.tools.setup.settings import McpServer
from themis.traces import Observation

LISTING = "mcp.list_tools"
"""In a store of recordings, the tool name of listings; the argument is the server's name."""
MAX_TOOLS = 128
MAX_PAGES = 20
PROBE = 2.0
"""Seconds in which a server that missed a deadline must answer a probe, or its connection is dropped."""
FAREWELL = 6.0
"""Seconds in which all programs have ended: they are asked, then terminated, then killed (`transport`)."""
REST = 5.0
"""Seconds after a failed start before a server is started again."""

_NO_SUCH = (mcp_types.INVALID_PARAMS, mcp_types.METHOD_NOT_FOUND)
_NO_CONTENT = "[no content]"
_log = logging.getLogger(__name__)

T = TypeVar("T")
Connect = Callable[[McpServer, Meter], Any]
"""What the SDK's client connects to. In tests it is a server object of the SDK."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A tool as its server lists it, made harmless. It can be stored as JSON."""

    name: str
    description: str
    schema: dict[str, Any]
    """As the judge reads it."""
    full_schema: dict[str, Any]
    """The server's own, for checking arguments."""


class McpServers(Closing):
    """Connections to the servers of the settings. A context manager that ends them."""

    def __init__(self, servers: Mapping[str, McpServer], connect: Connect = transport_of) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="themis-mcp", daemon=True)
        self._thread.start()
        self._connections = {name: _Connection(name, server, connect) for name, server in servers.items()}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the servers."""
        return tuple(self._connections)

    def listed(self, name: str) -> list[Listed]:
        """The tools of a server; raises `ToolUnavailable` if it does not list them in time."""
        connection = self._connections[name]
        return self._wait(connection.list_tools(), connection.server.startup)

    def tool(self, server: str, listed: Listed) -> AnyTool:
        """A listed tool as one of ours; raises `UnusableToolError` if its schema is invalid."""
        check = ArgumentCheck(listed.full_schema)
        connection = self._connections[server]

        def call(**arguments: Any) -> str:
            check(arguments)
            return self._wait(connection.call(listed.name, arguments), connection.server.deadline + PROBE)

        return Tool(
            f"{server}.{listed.name}",
            listed.description,
            listed.schema,
            call,
            # The connection keeps its own deadline, with a better message. This one is in case even that hangs.
            deadline=connection.server.deadline + PROBE + 2,
            plugin=f"MCP server {server}",
        )

    def close(self) -> None:
        """Ends the connections, and the programs behind them."""
        if self._thread.is_alive():
            with suppress(ToolUnavailable):
                self._wait(self._close_all(), FAREWELL)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=2)
            if not self._thread.is_alive():
                self._loop.close()

    def _wait(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(seconds + 1)
        except TimeoutError:
            future.cancel()
            raise ToolUnavailable("the connection to an MCP server does not respond") from None

    async def _close_all(self) -> None:
        await asyncio.gather(*(connection.close() for connection in self._connections.values()))


class _Opened:
    """A connection that is open or about to be. Made on the event loop."""

    def __init__(self) -> None:
        self.ready: asyncio.Future[ClientSession] = asyncio.get_running_loop().create_future()
        self.opening = anyio.CancelScope()
        self.ending = asyncio.Event()
        self.task: asyncio.Task[None] | None = None


class _Connection:
    """One server: connected when it is needed, dropped when it fails. Lives on the event loop."""

    def __init__(self, name: str, server: McpServer, connect: Connect) -> None:
        self.name = name
        self.server = server
        self._connect = connect
        self._now: _Opened | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self._meter = Meter()
        self._failed_at = float("-inf")
        self._why = ""

    async def list_tools(self) -> list[Listed]:
        """All pages. Unusable tools are left out with a warning in the log."""
        try:
            async with asyncio.timeout(self.server.startup):
                session = await self._session()
                return self._kept(await self._pages(session))
        except TimeoutError:
            self.drop()
            raise ToolUnavailable(f"the MCP server {self.name} did not list its tools within {self.server.startup:g} seconds") from None
        except (MCPError, ValidationError, RecursionError) as error:
            self.drop()
            raise self._unavailable(error) from error

    async def call(self, tool: str, arguments: dict[str, Any]) -> str:
        """The text of a result; raises `ToolError`, `ToolTimeout` or `ToolUnavailable`."""
        try:
            async with asyncio.timeout(self.server.deadline):
                session = await self._session()
                params = mcp_types.CallToolRequestParams(name=tool, arguments=arguments)
                # Not `session.call_tool`, which checks results by the server's regular expressions: one may never end.
                result = _Result.model_validate(await _raw(session, mcp_types.CallToolRequest(params=params)))
        except TimeoutError:
            await self._drop_if_silent()
            raise ToolTimeout(f"{self.name}.{tool} did not answer within {self.server.deadline:g} seconds") from None
        except MCPError as error:
            if error.code in _NO_SUCH and not self._meter.lost:
                raise ToolError(harmless(error.message, 300)) from error
            self.drop()
            raise self._unavailable(error) from error
        except (ValidationError, RecursionError) as error:
            self.drop()
            raise self._unavailable(error) from error
        if result.resultType != "complete":
            raise ToolUnavailable(f"{self.name}.{tool} asks for more input, which nobody gives here")
        text = _text_of(result)
        if result.isError:
            raise ToolError("the tool failed and does not say why" if text in ("", _NO_CONTENT) else text)
        return text

    def drop(self) -> None:
        """Drops the connection, which ends in the background. The next call opens another."""
        opened, self._now = self._now, None
        if opened is not None and opened.task is not None:
            opened.ending.set()
            if not opened.ready.done():
                opened.opening.cancel()
            self._leaving.add(opened.task)
            opened.task.add_done_callback(self._leaving.discard)

    async def close(self) -> None:
        """Ends the connection, and the program behind it."""
        self.drop()
        if self._leaving:
            _, late = await asyncio.wait(self._leaving, timeout=FAREWELL)
            for task in late:
                task.cancel()

    async def _session(self) -> ClientSession:
        if self._now is not None and self._meter.lost:
            self.drop()
        if self._now is None:
            if time.monotonic() - self._failed_at < REST:
                raise ToolUnavailable(self._why)
            self._now, self._meter = _Opened(), Meter()
            self._now.task = asyncio.create_task(self._hold(self._now, self._meter), name=f"mcp-{self.name}")
        # Shielded: a connection that is slow to open stays pending for the next call.
        return await asyncio.shield(self._now.ready)

    async def _hold(self, opened: "_Opened", meter: Meter) -> None:
        """Opens the connection and holds it until it is dropped. Every failure of an untrusted server ends here.

        It is given up by anyio's scope. Cancelling the task would break the shields behind which programs are ended.
        """
        why = f"the MCP server {self.name} did not start within {self.server.startup:g} seconds"
        try:
            opened.opening.deadline = anyio.current_time() + self.server.startup
            with opened.opening:
                async with Client(self._connect(self.server, meter), cache=None) as client:
                    opened.opening.deadline = math.inf
                    opened.ready.set_result(client.session)
                    await opened.ending.wait()
        except Exception as error:
            why = str(error if isinstance(error, ToolUnavailable) else self._unavailable(error, meter))
            _log.debug("the connection to the MCP server %s ended", self.name, exc_info=True)
        finally:
            meter.lost = True
            if not opened.ready.done():
                self._failed_at, self._why = time.monotonic(), why
                opened.ready.set_exception(ToolUnavailable(why))
                opened.ready.exception()  # marks it as retrieved: nobody may be waiting any more

    async def _drop_if_silent(self) -> None:
        """A server that is busy with one call may answer another. One that is stuck must be restarted."""
        ready = self._now.ready if self._now else None
        if ready is None or not ready.done() or ready.exception() is not None:
            return
        try:
            async with asyncio.timeout(PROBE):
                await _raw(ready.result(), mcp_types.ListToolsRequest())
        except (TimeoutError, MCPError, RecursionError):
            self.drop()

    async def _pages(self, session: ClientSession) -> list[Any]:
        """The tools of all pages as they stand; those before a page that cannot be read."""
        tools: list[Any] = []
        cursor: Any = None
        for _ in range(MAX_PAGES):
            request = mcp_types.ListToolsRequest(params=mcp_types.PaginatedRequestParams(cursor=cursor) if cursor else None)
            try:
                page = _Page.model_validate(await self._page(session, request))
            except (MCPError, ValidationError, RecursionError) as error:
                if not tools:
                    raise
                _log.warning("%s; its tools are those listed before", self._unavailable(error))
                break
            tools += page.tools
            cursor = page.nextCursor
            if not isinstance(cursor, str) or len(tools) > MAX_TOOLS:
                break
        return tools

    async def _page(self, session: ClientSession, request: mcp_types.ListToolsRequest) -> Any:
        """As the SDK reads it, who remembers what some tools want in headers; one with a bad tool, as it stands."""
        try:
            return (await session.list_tools(params=request.params)).model_dump(by_alias=True, mode="json")
        except ValidationError:
            return await _raw(session, request)

    def _kept(self, tools: list[Any]) -> list[Listed]:
        """What can be offered; what cannot is named, with its reason, and counted."""
        if len(tools) > MAX_TOOLS:
            _log.warning("the MCP server %s lists more than %d tools; the others are left out", self.name, MAX_TOOLS)
        kept: dict[str, Listed] = {}
        for place, tool in enumerate(tools[:MAX_TOOLS], 1):
            name = tool.get("name") if isinstance(tool, dict) else None
            try:
                found = listed(*_parts(tool))
            except UnusableToolError as error:
                shown = harmless(ascii(name), 70) if isinstance(name, str) else "without a name"
                _log.warning("tool %d of the MCP server %s, %s, is left out: %s", place, self.name, shown, error)
                continue
            if found.name in kept:
                _log.warning("the MCP server %s lists two tools named %s; the first is taken", self.name, found.name)
            kept.setdefault(found.name, found)
        return list(kept.values())

    def _unavailable(self, error: BaseException, meter: Meter | None = None) -> ToolUnavailable:
        meter = meter or self._meter
        if meter.flooded:
            return ToolUnavailable(f"the MCP server {self.name} sent more than is taken, and was cut off")
        if isinstance(error, ValidationError | RecursionError):
            return ToolUnavailable(f"the MCP server {self.name} gave an answer that cannot be read")
        words = harmless(meter.last_words.decode(errors="replace").strip().rpartition("\n")[2], 200)
        why = f"{_innermost(error)}{f' ({words})' if words else ''}"
        return ToolUnavailable(f"the MCP server {self.name} failed: {why}")


def tools_of_servers(servers: McpServers, mode: Mode, store: ObservationStore | None) -> tuple[list[AnyTool], dict[str, str]]:
    """All tools of all servers, and for each server without tools the reason.

    Listings are recorded and replayed as answers are. In replay no server is started: what was not listed when the
    recordings were made is missing now.
    """
    tools: list[AnyTool] = []
    failed: dict[str, str] = {}
    with ThreadPoolExecutor(16, thread_name_prefix="themis-mcp-list") as threads:
        listings = {name: threads.submit(_listing, servers, name, mode, store) for name in servers.names}
    for name, listing in listings.items():
        try:
            tools += [servers.tool(name, entry) for entry in listing.result()]
        except ToolUnavailable as error:
            failed[name] = str(error)
            _log.warning("%s; its tools are missing", error)
    return tools, failed


def _listing(servers: McpServers, name: str, mode: Mode, store: ObservationStore | None) -> list[Listed]:
    call = Call(LISTING, name)
    recorded = store.get(call) if store is not None and mode in ("replay", "auto") else None
    kept = listing_of_text(recorded.text, store.path) if store is not None and recorded is not None else None
    if mode == "replay":
        return kept or []
    try:
        found = servers.listed(name)
    except ToolUnavailable as error:
        if kept is None:
            raise
        _log.warning("%s; its tools are those that were recorded", error)
        return kept
    if store is not None and mode in ("record", "auto"):
        store.put(call, Observation(listing_to_text(found)))
    return found


def listed(name: str, description: str, schema: Mapping[str, Any]) -> Listed:
    """A tool from what its server says of it, made harmless; raises `UnusableToolError` if it cannot be offered."""
    shown = shown_schema(schema)
    ArgumentCheck(schema)
    return Listed(checked_name(name), harmless(description, DESCRIPTION_CAP) or name, shown, dict(schema))


def listing_to_text(tools: list[Listed]) -> str:
    """A listing as it is recorded."""
    rows = [{"name": tool.name, "description": tool.description, "schema": tool.full_schema} for tool in tools]
    return json.dumps(rows, ensure_ascii=False)


def listing_of_text(text: str, where: str) -> list[Listed]:
    """A recorded listing, checked as if the server had just sent it: a stranger may have written the store."""
    try:
        return [listed(row["name"], row["description"], row["schema"]) for row in json.loads(text)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{where}: the recorded list of tools is invalid ({type(error).__name__})") from error


class _Page(BaseModel):
    """A page of tools, of which each is looked at by itself."""

    tools: list[Any]
    nextCursor: Any = None


class _Result(BaseModel):
    """The result of a call. Servers leave out its content where they have another form of it."""

    content: list[Any] | None = None
    structuredContent: Any = None
    isError: bool = False
    resultType: str = "complete"


async def _raw(session: ClientSession, request: mcp_types.CallToolRequest | mcp_types.ListToolsRequest) -> Any:
    """What a server answered, as it stands: the SDK refuses all of an answer for one bad part of it.

    This is its `send_request` without the checks, for which it has no public name.
    """
    data = request.model_dump(by_alias=True, mode="json", exclude_none=True)
    options: Any = {}
    session._stamp(data, options)
    return await session._dispatcher.send_raw_request(data["method"], data.get("params"), options)


def _parts(tool: Any) -> tuple[str, str, Mapping[str, Any]]:
    """Name, description and schema of a tool; raises `UnusableToolError` that names the field."""
    if not isinstance(tool, dict):
        raise UnusableToolError("it is not an object")
    for field, kind, words in (("name", str, "text"), ("inputSchema", dict, "an object")):
        if not isinstance(tool.get(field), kind):
            raise UnusableToolError(f"its field '{field}' is {f'not {words}' if field in tool else 'missing'}")
    description = tool.get("description")
    return tool["name"], description if isinstance(description, str) else "", tool["inputSchema"]


def _text_of(result: _Result) -> str:
    """What a judge can read of a result: its texts, and a word for anything else."""
    blocks = result.content or []
    parts = [_block_text(block) if isinstance(block, dict) else "[unknown]" for block in blocks]
    if not parts and result.structuredContent is not None:
        parts.append(json.dumps(result.structuredContent, ensure_ascii=False))
    # JSON can spell half a character (a lone surrogate), which cannot be stored.
    return "\n".join(parts or [_NO_CONTENT]).encode("utf-8", "replace").decode()


def _block_text(block: Mapping[str, Any]) -> str:
    resource = block.get("resource")
    text = resource.get("text") if isinstance(resource, dict) else block.get("text")
    return text if isinstance(text, str) else f"[{harmless(str(block.get('type', 'unknown')), 40)}]"


def _innermost(error: BaseException) -> str:
    """The first error inside nested groups, in words."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return harmless(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__, 200)
