"""Whatever JSON a service says, a tool gives a text or a `ToolError`: never a crash, never another type."""

import json
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import httpx2
import pytest

from tests.tools import test_translate, test_web_search
from tests.tools.weather import test_live as test_weather_live
from tests.tools.wiki import test_live as test_wiki_live
from themis.errors import ToolError
from themis.http.client import Client
from themis.tools.base import AnyTool
from themis.tools.translate import deepl, libretranslate
from themis.tools.weather.live import open_meteo
from themis.tools.wiki.live import mediawiki

LIES: tuple[Any, ...] = (None, True, -1, 1e300, "", "x", [], [7], {}, {"x": 7})
URL = "http://127.0.0.1:9"
QUICK = {"url": URL, "attempts": 1, "per_second": 1e6}

Built = tuple[Callable[[Client], AnyTool], dict[str, Any], list[Any]]
SERVICES: dict[str, Built] = {
    name: (lambda client, adapter=adapter: adapter.build({**QUICK, **adapter.options}, client), {"query": "deepest hole"}, [adapter.found])
    for name, adapter in test_web_search.ADAPTERS.items()
} | {
    "mediawiki": (lambda client: mediawiki(QUICK, client), {"query": "Brentwood"}, [test_wiki_live.FOUND, test_wiki_live.OPENINGS]),
    "open_meteo": (
        lambda client: open_meteo({**QUICK, "geocoding_url": URL, "forecasts_url": URL}, client),
        {"city": "Riyadh", "day": test_weather_live.DAY},
        [test_weather_live.PLACES, test_weather_live.ARCHIVE, test_weather_live.FORECAST],
    ),
    "libretranslate": (lambda client: libretranslate(QUICK, client), {"text": "Hola"}, [test_translate.LIBRE]),
    "deepl": (lambda client: deepl({**QUICK, "key": "k"}, client), {"text": "Hola"}, [test_translate.DEEPL]),
}


def lied(truth: Any) -> Iterator[Any]:
    """The JSON with each of its parts in turn replaced by each lie."""
    yield from LIES
    parts = truth.items() if isinstance(truth, dict) else enumerate(truth) if isinstance(truth, list) else ()
    for key, part in parts:
        for lie in lied(part):
            whole = dict(truth) if isinstance(truth, dict) else list(truth)
            whole[key] = lie
            yield whole


class Saying(httpx2.AsyncBaseTransport):
    """Says what it was given, in turn, and opens no connection."""

    def __init__(self) -> None:
        self.answers: list[Any] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, stream=httpx2.ByteStream(json.dumps(self.answers.pop(0)).encode()))


@pytest.mark.parametrize(("build", "arguments", "truths"), SERVICES.values(), ids=SERVICES)
def test_no_lie_of_a_service_does_more_than_cost_its_observation(
    build: Callable[[Client], AnyTool], arguments: dict[str, Any], truths: list[Any]
) -> None:
    transport = Saying()
    hours = count(step=3600)  # an hour between any two looks at the clock: no host rests for long
    with Client(transport, lambda: float(next(hours))) as client:
        for at, truth in enumerate(truths):
            for lie in lied(truth):
                transport.answers = [*truths[:at], lie, *truths[at + 1 :]]
                try:
                    told = build(client)(**arguments)
                except ToolError:
                    continue
                assert isinstance(told, str)
                assert told.strip()
