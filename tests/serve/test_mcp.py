"""Our MCP server, spoken to by the official client: in process, over standard input and output, over HTTP."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import mcp_types
import pytest
import uvicorn
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from themis.errors import ConfigError, DataError
from themis.inference import JudgingService
from themis.serve.mcp import http_app, mcp_server
from themis.tools import Toolbox, tool
from themis.tools.demo import demo_tools
from themis.traces import Action, Case, Judge, Observation, Step, Trace, Verdict

CALENDAR = [f"Calendar_{name}" for name in ("week_day", "day_difference", "target_day", "business_days", "today")]
NAMES = [*CALENDAR, "calculator", "history_weather"]


class TuesdayJudge(Judge):
    """Likes what says Tuesday."""

    def judge_all(self, cases: Iterable[Case]) -> Iterator[tuple[int, Verdict]]:
        for place, case in enumerate(cases):
            if case.answer == "broken":
                raise DataError("a file is broken")
            step = Step("I look.", Action("Calendar.week_day", "2015-03-24"), Observation("Tuesday"))
            yield place, Verdict(case.id, 1.0 if "Tuesday" in case.answer else -1.0, None, Trace((step,)))


def service() -> JudgingService:
    return JudgingService(TuesdayJudge)


async def check(client: Client) -> None:
    listed = {entry.name: entry for entry in (await client.list_tools()).tools}
    assert list(listed) == [*NAMES, "judge"]
    assert listed["Calendar_week_day"].title == "Calendar.week_day"
    assert set(listed["calculator"].input_schema["properties"]) == {"expression", "case"}

    async def called(name: str, **arguments: Any) -> tuple[str, bool]:
        result = await client.call_tool(name, arguments)
        assert isinstance(result.content[0], mcp_types.TextContent)
        return result.content[0].text, bool(result.is_error)

    assert await called("Calendar_week_day", day="2015-03-24") == ("Tuesday", False)
    assert await called("Calendar.week_day", day="2015-03-24") == ("Tuesday", False)
    assert await called("Calendar_week_day", day="soon") == ("expected a date such as 2004-05-03 for day, found 'soon'", True)
    assert (await called("telephone"))[1]
    case = {"question": "2+2?", "answer": "2+2=<<2+2=4>>4\n#### 4"}
    assert await called("calculator", case=case) == ("Both the calculation and the answer are correct.", False)
    assert await called("calculator", case={"answer": "4"}) == ("case: field 'question' is missing", True)
    verdict = await client.call_tool("judge", {"question": "What day is 2015-03-24?", "answer": "A Tuesday."})
    assert verdict.structured_content is not None
    assert verdict.structured_content["reward"] == 1.0
    assert verdict.structured_content["trace"]["steps"][0]["observation"]["text"] == "Tuesday"
    assert await called("judge", question="?", answer="broken") == ("a file is broken", True)
    assert await called("judge", question="?") == ("judge: field 'answer' is missing", True)


def test_the_official_client_in_process() -> None:
    async def run() -> None:
        with Toolbox(demo_tools()) as toolbox:
            async with Client(mcp_server(toolbox, service())) as client:
                await check(client)

    asyncio.run(run())


def test_the_official_client_over_stdio() -> None:
    program = (
        "from tests.serve.test_mcp import service\n"
        "from themis.serve.mcp import mcp_server, run_stdio\n"
        "from themis.tools import Toolbox\n"
        "from themis.tools.demo import demo_tools\n"
        "print('a stray line is no message')\n"
        "with Toolbox(demo_tools()) as toolbox: run_stdio(mcp_server(toolbox, service()))\n"
    )

    async def run() -> None:
        server = StdioServerParameters(command=sys.executable, args=["-u", "-c", program], cwd=Path(__file__).parents[2])
        async with Client(server) as client:
            await check(client)

    asyncio.run(run())


@contextmanager
def served(app: Any) -> Iterator[str]:
    listener = socket.socket(proto=socket.IPPROTO_TCP)  # so named, asyncio sends at once
    listener.bind(("127.0.0.1", 0))
    listener.listen()  # who connects before the server runs waits for it
    http = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
    thread = threading.Thread(target=http.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
    finally:
        http.should_exit = True
        thread.join(10)


def test_the_official_client_over_http() -> None:
    async def run(url: str) -> None:
        async with Client(url) as client:
            await check(client)

    with Toolbox(demo_tools()) as toolbox, served(http_app(mcp_server(toolbox, service()), "127.0.0.1")) as url:
        asyncio.run(run(url))
        foreign = httpx2.post(url, json={}, headers={"Host": "evil.example"})
        assert foreign.status_code == 421, "a page that rebinds its name to loopback is not answered"


def test_elsewhere_than_on_loopback_a_token_is_required() -> None:
    async def run(url: str) -> None:
        http = httpx2.AsyncClient(headers={"Authorization": "Bearer s3cret"})
        async with http, Client(streamable_http_client(url, http_client=http)) as client:
            assert len((await client.list_tools()).tools) == len(NAMES)

    with Toolbox(demo_tools()) as toolbox:
        with pytest.raises(ConfigError, match="name the environment variable of a token with --token-env"):
            http_app(mcp_server(toolbox), "0.0.0.0")
        with served(http_app(mcp_server(toolbox), "0.0.0.0", "s3cret")) as url:
            assert httpx2.post(url, json={}).status_code == 401
            assert httpx2.post(url, json={}, headers={"Authorization": "Bearer wrong"}).status_code == 401
            asyncio.run(run(url))


def test_two_tools_of_one_name_over_mcp_are_refused() -> None:
    @tool(name="judge")
    def other_judge(text: str) -> str:
        """Another judge."""
        return text

    with Toolbox([other_judge]) as toolbox, pytest.raises(ConfigError, match="two tools have the same name over MCP"):
        mcp_server(toolbox, service())


def test_the_command_serves_over_http_until_it_is_interrupted(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "NO_COLOR": "1"}
    words = [sys.executable, "-m", "themis", "mcp", "--http", "--port", str(port), "--no-judge"]
    with subprocess.Popen(words, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            assert f"at http://127.0.0.1:{port}/mcp" in server.stderr.readline()

            async def run() -> str:
                async with Client(f"http://127.0.0.1:{port}/mcp") as client:
                    result = await client.call_tool("Calendar_week_day", {"day": "2015-03-24"})
                    return json.dumps([block.model_dump() for block in result.content])

            deadline = time.monotonic() + 20
            while True:
                try:
                    httpx2.get(f"http://127.0.0.1:{port}/")
                    break
                except httpx2.ConnectError:
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
            assert "Tuesday" in asyncio.run(run())
        finally:
            server.terminate()
            server.wait(10)
