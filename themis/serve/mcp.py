"""An MCP server of our tools, and of a judge: over standard input and output, or streamable HTTP.

The tools are those of a toolbox, with its deadlines, caps, memory and recordings. Models behind many clients accept no
dot in a tool's name, so over MCP it is `_`. A tool that looks at the case takes it as `case`. Cases that clients send
at the same time are judged together.

Knows nothing of models. Needs the extra `mcp`.
"""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import mcp_types
import uvicorn
from mcp.server.lowlevel.server import Server
from mcp.server.stdio import stdio_server
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from themis import __version__
from themis.errors import ConfigError, ThemisError
from themis.inference.service import JudgingService
from themis.phrases import document
from themis.serve.listening import LOOPBACK, check_host, has_token, listener
from themis.tools import Toolbox
from themis.traces import Action, case_from_json

_TEXTS = document(__package__, "judge.yaml")
_CASE: dict[str, Any] = _TEXTS["case"]
_JUDGE = mcp_types.Tool(name="judge", description=_TEXTS["description"], input_schema=_CASE, output_schema=_TEXTS["verdict"])


def mcp_server(toolbox: Toolbox, service: JudgingService | None = None) -> Server[Any]:
    """The server object, for any transport of the SDK's; with a `service`, it has the tool `judge`."""
    listed = {tool.name: (name, tool) for name, tool in _tools(toolbox)}
    if len(listed) < len(toolbox.names) or (service is not None and _JUDGE.name in listed):
        raise ConfigError(
            f"two tools have the same name over MCP, where a dot is an underscore: {', '.join((*toolbox.names, _JUDGE.name))}"
        )

    async def list_tools(context: Any, params: Any) -> mcp_types.ListToolsResult:
        tools = [tool for _, tool in listed.values()]
        return mcp_types.ListToolsResult(tools=[*tools, *([_JUDGE] if service is not None else [])])

    async def call_tool(context: Any, params: mcp_types.CallToolRequestParams) -> mcp_types.CallToolResult:
        arguments = params.arguments or {}
        if service is not None and params.name == _JUDGE.name:
            return await _judged(service, arguments)
        name = listed[params.name][0] if params.name in listed else params.name
        return await anyio.to_thread.run_sync(partial(_called, toolbox, name, arguments))

    return Server("themis", version=__version__, on_list_tools=list_tools, on_call_tool=call_tool)


def run_stdio(server: Server[Any]) -> None:
    """Serves the program that started this one, until it closes our input."""

    async def serve() -> None:
        async with stdio_server() as (read, write):
            await server.run(read, write, server.create_initialization_options())

    anyio.run(serve)


def http_app(server: Server[Any], host: str, token: str = "") -> ASGIApp:
    """The server at `/mcp`. On loopback it answers requests to loopback's names alone; elsewhere it needs a token."""
    check_host(host, token)
    security = None if host in LOOPBACK else TransportSecuritySettings(enable_dns_rebinding_protection=False)
    app: Starlette = server.streamable_http_app(host=host, transport_security=security)
    return _TokenRequired(app, token) if token else app


def run_http(server: Server[Any], host: str, port: int, token: str = "", listening: Callable[[], None] = lambda: None) -> None:
    """Serves over HTTP until it is interrupted. Calls `listening` once clients can connect."""
    config = uvicorn.Config(http_app(server, host, token), log_level="warning")
    with listener(host, port) as listening_socket, suppress(KeyboardInterrupt):
        listening()
        uvicorn.Server(config).run(sockets=[listening_socket])


class _TokenRequired:
    """Answers only requests with the bearer token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app, self._token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not has_token(scope, self._token):
            await PlainTextResponse("a bearer token is required", 401)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _tools(toolbox: Toolbox) -> list[tuple[str, mcp_types.Tool]]:
    found = []
    for entry in toolbox.schemas():
        name, schema = entry["function"]["name"], entry["function"]["parameters"]
        if toolbox.wants_case(name):
            schema = {**schema, "properties": {**schema["properties"], "case": _CASE}}
        tool = mcp_types.Tool(name=name.replace(".", "_"), title=name, description=entry["function"]["description"], input_schema=schema)
        found.append((name, tool))
    return found


def _called(toolbox: Toolbox, name: str, arguments: dict[str, Any]) -> mcp_types.CallToolResult:
    try:
        case = case_from_json(arguments.pop("case"), "case") if toolbox.wants_case(name) and "case" in arguments else None
        observation = toolbox.call(Action(name, json.dumps(arguments, ensure_ascii=False)), case)
    except ThemisError as error:
        return _result(str(error), failed=True)
    return _result(observation.text, failed=observation.status != "ok")


async def _judged(service: JudgingService, arguments: dict[str, Any]) -> mcp_types.CallToolResult:
    try:
        verdict = await asyncio.wrap_future(service.submit(case_from_json(arguments, "judge")))
    except ThemisError as error:
        return _result(str(error), failed=True)
    row = verdict.to_json()
    return _result(json.dumps(row, ensure_ascii=False), failed=False, row=row)


def _result(text: str, failed: bool, row: dict[str, Any] | None = None) -> mcp_types.CallToolResult:
    return mcp_types.CallToolResult(content=[mcp_types.TextContent(type="text", text=text)], is_error=failed, structured_content=row)
