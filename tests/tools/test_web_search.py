"""Web search: four services' published JSON to one shape and one written observation."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.tools.fake_service import BUSY, FAILURES, FakeService, NotedClient, Said, quick
from themis.errors import ConfigError, DataError, ToolError, ToolUnavailable
from themis.http.client import Client
from themis.tools import web_search
from themis.tools.base import AnyTool, normalised
from themis.tools.recordings.store import Call, ObservationStore
from themis.tools.toolbox import Toolbox
from themis.tools.web_search import BACKENDS, LONGEST_QUERY, LONGEST_SNIPPET, RESULTS, Result, web_search_tool, written_results
from themis.traces import Action, Observation

KEY = "sesame-123"
PAGES = "The Kola well reached 12 km. It was begun in 1970."


@dataclass(frozen=True, slots=True)
class Adapter:
    """A service, an answer in its published form, the request it should get, and an answer that found nothing."""

    build: Callable[[dict[str, Any], Client], AnyTool]
    found: dict[str, Any]
    nothing: dict[str, Any]
    path: str
    asked: dict[str, Any]
    key_header: tuple[str, str] | None = None
    options: dict[str, Any] = field(default_factory=dict)


ADAPTERS = {
    "serper": Adapter(
        web_search.serper,
        {
            "searchParameters": {"q": "deepest hole", "type": "search"},
            "organic": [
                {"title": "Kola", "link": "https://a.example/", "snippet": "The Kola well reached 12 km.", "position": 1},
                {"title": "no snippet", "link": "https://b.example/", "position": 2},
                {"title": "Hole", "link": "https://c.example/", "snippet": "It was begun in 1970.", "position": 3},
            ],
        },
        {"searchParameters": {"q": "deepest hole"}, "organic": []},
        "/search",
        {"q": "deepest hole", "num": 10},
        ("x-api-key", KEY),
        {"key": KEY},
    ),
    "searxng": Adapter(
        web_search.searxng,
        {
            "query": "deepest hole",
            "number_of_results": 0,
            "results": [
                {"url": "https://a.example/", "title": "Kola", "content": "The Kola well reached 12 km.", "engine": "bing", "score": 1.0},
                {"url": "https://c.example/", "title": "Hole", "content": "It was begun in 1970.", "engine": "bing", "score": 0.5},
            ],
            "answers": [],
            "infoboxes": [],
            "suggestions": [],
            "unresponsive_engines": [],
        },
        {"query": "deepest hole", "results": [], "answers": []},
        "/search",
        {"q": "deepest hole", "format": "json"},
    ),
    "brave": Adapter(
        web_search.brave,
        {
            "type": "search",
            "query": {"original": "deepest hole"},
            "web": {
                "type": "search",
                "results": [
                    {"title": "Kola", "url": "https://a.example/", "description": "The <strong>Kola</strong> well reached 12 km."},
                    {"title": "Hole", "url": "https://c.example/", "description": "It was begun in&nbsp;1970."},
                ],
            },
        },
        {"type": "search", "query": {"original": "deepest hole"}},
        "/web/search",
        {"q": "deepest hole", "count": "10"},
        ("x-subscription-token", KEY),
        {"key": KEY},
    ),
    "tavily": Adapter(
        web_search.tavily,
        {
            "query": "deepest hole",
            "answer": None,
            "images": [],
            "results": [
                {"title": "Kola", "url": "https://a.example/", "content": "The Kola well reached 12 km.", "score": 0.9},
                {"title": "Hole", "url": "https://c.example/", "content": "It was begun in 1970.", "score": 0.8},
            ],
            "response_time": 1.0,
        },
        {"query": "deepest hole", "results": []},
        "/search",
        {"query": "deepest hole", "max_results": 10},
        ("authorization", f"Bearer {KEY}"),
        {"key": KEY},
    ),
}
every_adapter = pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=ADAPTERS)


@pytest.fixture
def client() -> Iterator[NotedClient]:
    with NotedClient() as client:
        yield client


def searching(adapter: Adapter, fake: FakeService, client: Client, **options: Any) -> AnyTool:
    return adapter.build({**quick(fake), **adapter.options, **options}, client)


@every_adapter
def test_each_service_is_asked_its_way_and_told_in_one(adapter: Adapter, client: NotedClient) -> None:
    with FakeService(Said(adapter.found)) as fake:
        assert searching(adapter, fake, client)(query="deepest hole") == PAGES
    (asked,) = fake.asked
    assert asked.path == adapter.path
    assert (asked.body or asked.params) == adapter.asked
    if adapter.key_header:
        assert asked.headers[adapter.key_header[0]] == adapter.key_header[1]
        assert KEY not in client.noted.addresses[0]


@every_adapter
def test_finding_nothing_is_said_to_the_judge(adapter: Adapter, client: NotedClient) -> None:
    with FakeService(Said(adapter.nothing)) as fake, pytest.raises(ToolError, match="found nothing; try other words") as told:
        searching(adapter, fake, client)(query="deepest hole")
    assert not isinstance(told.value, ToolUnavailable)


FAILED_INSIDE: dict[str, tuple[str, Any, str]] = {
    "every engine suspended": (
        "searxng",
        {"results": [], "answers": [], "unresponsive_engines": [["google", "Suspended: CAPTCHA"], ["brave", "timeout"]]},
        "engines failed: google: Suspended: CAPTCHA, brave: timeout",
    ),
    "one engine silent, the others found nothing": (
        "searxng",
        {"results": [], "unresponsive_engines": [["bing", "timeout"]]},
        "bing: timeout",
    ),
    "engines in another form": ("searxng", {"results": [], "unresponsive_engines": ["bing"]}, "engines failed: bing"),
    "results without a word": ("searxng", {"results": [{"url": "u"}], "unresponsive_engines": [["bing", "timeout"]]}, "bing: timeout"),
    "an error of Brave's with the status 200": ("brave", {"type": "ErrorResponse", "web": {"results": []}}, "the type 'search' is missing"),
    "an error of Serper's with the status 200": ("serper", {"error": "quota", "organic": []}, "answered with an error: quota"),
    "an error of Tavily's with the status 200": ("tavily", {"error": {"message": "quota"}, "results": []}, "answered with an error: quota"),
    "no results at all": ("tavily", {"query": "deepest hole"}, "the list 'results' is missing"),
}


@pytest.mark.parametrize(("name", "said", "words"), FAILED_INSIDE.values(), ids=FAILED_INSIDE)
def test_a_failure_inside_of_an_answer_is_not_told_as_nothing_found(client: NotedClient, name: str, said: Any, words: str) -> None:
    with FakeService(Said(said)) as fake, pytest.raises(ToolUnavailable, match=words):
        searching(ADAPTERS[name], fake, client)(query="deepest hole")


def test_such_a_failure_is_not_recorded(client: NotedClient, tmp_path: Path) -> None:
    down = FAILED_INSIDE["every engine suspended"][1]
    with (
        FakeService(Said(down), Said(ADAPTERS["searxng"].found)) as fake,
        ObservationStore(tmp_path / "seen.db") as store,
        Toolbox([searching(ADAPTERS["searxng"], fake, client)], "auto", store) as toolbox,
    ):
        assert toolbox.call(Action("google_serper", "deepest hole")).status == "unavailable"
        assert len(store) == 0
        assert toolbox.call(Action("google_serper", "deepest hole")) == Observation(PAGES)


def test_results_count_although_some_engines_are_silent(client: NotedClient) -> None:
    said = {**ADAPTERS["searxng"].found, "unresponsive_engines": [["google", "timeout"]]}
    with FakeService(Said(said)) as fake:
        assert searching(ADAPTERS["searxng"], fake, client)(query="deepest hole") == PAGES


def test_a_box_or_titles_alone_are_something_found(client: NotedClient) -> None:
    box = {"infobox": "Kola", "id": "https://a.example/", "content": "The Kola well."}
    for said, told in (({"results": [], "infoboxes": [box]}, "The Kola well."), ({"results": [{"title": "Kola", "url": "u"}]}, "Kola")):
        with FakeService(Said(said)) as fake:
            assert searching(ADAPTERS["searxng"], fake, client)(query="deepest hole") == told


@every_adapter
@pytest.mark.parametrize(("said", "options", "kind", "words"), FAILURES.values(), ids=FAILURES)
def test_each_failure_of_each_service_has_its_kind(
    adapter: Adapter, client: NotedClient, said: Said, options: dict[str, Any], kind: type[ToolError], words: str
) -> None:
    with FakeService(said) as fake, pytest.raises(kind, match=words):
        searching(adapter, fake, client, **options)(query="deepest hole")
    assert all(address.startswith(fake.url) for address in client.noted.addresses)


@every_adapter
def test_a_busy_service_is_asked_again(adapter: Adapter, client: NotedClient) -> None:
    with FakeService(BUSY, Said(adapter.found)) as fake:
        assert searching(adapter, fake, client)(query="deepest hole") == PAGES


@every_adapter
def test_a_refusal_says_what_to_mend(adapter: Adapter, client: NotedClient) -> None:
    with FakeService(Said({"message": f"no access for {adapter.options.get('key')}"}, 403)) as fake, pytest.raises(ConfigError) as wrong:
        searching(adapter, fake, client)(query="deepest hole")
    assert ("option 'key'" if adapter.options else "settings.yml") in str(wrong.value)
    assert KEY not in str(wrong.value)


def test_a_direct_answer_stands_alone(client: NotedClient) -> None:
    box = {"title": "178 Centimeters", "answer": "5 feet 10.079 inches", "snippet": "178 cm is"}
    with FakeService(Said({**ADAPTERS["serper"].found, "answerBox": box})) as fake:
        assert searching(ADAPTERS["serper"], fake, client)(query="178 cm in feet") == "5 feet 10.079 inches"
    for answer in ("12,262 m", {"answer": "12,262 m", "url": "https://a.example/"}):
        with FakeService(Said({**ADAPTERS["searxng"].found, "answers": [answer]})) as fake:
            assert searching(ADAPTERS["searxng"], fake, client)(query="deepest hole") == "12,262 m"


def test_what_google_knows_of_a_thing_comes_first_and_attributes_are_written_out(client: NotedClient) -> None:
    found = {
        "knowledgeGraph": {"title": "Kola", "type": "Borehole", "description": "A well.", "attributes": {"Begun": "1970"}},
        "organic": [{"title": "Hole", "link": "https://c.example/", "snippet": "It is deep.", "attributes": {"Date": "May 1970"}}],
    }
    with FakeService(Said(found)) as fake:
        told = searching(ADAPTERS["serper"], fake, client)(query="kola")
    assert told == "Kola: Borehole. A well. Kola Begun: 1970. It is deep. Date: May 1970."


def test_only_so_many_results_are_told_and_each_is_cut() -> None:
    rows = [{"title": "t", "url": f"https://{n}.example/", "content": "word " * 200} for n in range(9)]
    with NotedClient() as client, FakeService(Said({"results": rows})) as fake:
        told = searching(ADAPTERS["tavily"], fake, client, results=3)(query="words")
    assert told.count("...") == 3
    assert len(told) <= 3 * (LONGEST_SNIPPET + 1)


def test_results_are_written_in_their_order() -> None:
    assert written_results([Result("", "", "One.", 1), Result("", "", "", 2), Result("", "", "Two.", 3)]) == "One. Two."
    assert written_results([Result("", "", "Yes.", 0), Result("", "", "One.", 1)]) == "Yes."


def test_a_query_that_is_empty_or_too_long_is_asked_of_nobody() -> None:
    def asked(query: str) -> list[Result]:
        raise AssertionError("nobody should be asked")

    for query in (" ", "w" * (LONGEST_QUERY + 1)):
        with pytest.raises(ToolError, match="expected"):
            web_search_tool(asked)(query=query)


def test_what_a_backend_lacks_is_said_before_it_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("SERPER_API_KEY", "BRAVE_API_KEY", "TAVILY_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    lacking = {backend.name: backend.missing({}) or "" for backend in BACKENDS}
    assert lacking["serper"] == "no key: set the environment variable SERPER_API_KEY, or the option 'key'"
    assert "BRAVE_API_KEY" in lacking["brave"]
    assert "TAVILY_API_KEY" in lacking["tavily"]
    assert "option 'url'" in lacking["searxng"]
    assert "option 'path'" in lacking["recordings"]
    for backend in BACKENDS:
        with pytest.raises(ConfigError):
            backend.build({})
    monkeypatch.setenv("SERPER_API_KEY", KEY)
    assert BACKENDS[0].missing({}) is None
    assert BACKENDS[0].build({}).name == "google_serper"


def test_recordings_answer_without_a_network_and_say_where_they_lack_an_answer(tmp_path: Path) -> None:
    recordings = next(backend for backend in BACKENDS if backend.name == "recordings")
    with ObservationStore(tmp_path / "seen.db") as store:
        store.put(Call("google_serper", normalised({"query": "deepest hole"})), Observation(PAGES))
        store.put(Call("google_serper", normalised({"query": "x"})), Observation("the search found nothing", "error"))
        store.put(Call("google_serper", normalised({"query": "y"})), Observation("no network", "unavailable"))
        store.export_jsonl(tmp_path / "seen.jsonl")
    with pytest.raises(ToolUnavailable, match="no network"):
        recordings.build({"path": str(tmp_path / "seen.db")})(query="y")
    for name in ("seen.db", "seen.jsonl"):
        recorded = recordings.build({"path": str(tmp_path / name)})
        assert recorded(query="deepest hole") == PAGES
        with pytest.raises(ToolError, match="found nothing"):
            recorded(query="x")
        with pytest.raises(DataError, match="no recording of google_serper"):
            recorded(query="something else")


def test_the_option_names_the_number_of_results_that_is_usual() -> None:
    assert f"{RESULTS} where not given" in BACKENDS[0].options["results"]
