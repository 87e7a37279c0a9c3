"""The tool `google_serper`, a web search: four services, one shape of results, one written observation.

The observation reads as in TARA, which used Serper: the direct answer if there is one, else the snippets in one line.
Source: Tool-Augmented Reward Modeling, arXiv:2310.01045, and its released data.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from themis.errors import ConfigError, ToolError, ToolUnavailable
from themis.http.client import Client, Service
from themis.tools.base import AnyTool, tool
from themis.tools.recordings.backend import recorded_backend
from themis.tools.setup.backend import Options, backend
from themis.tools.setup.options import key_option, lacks_key, lacks_url, no_key, number_option
from themis.tools.setup.services import service_of
from themis.tools.wiki.passages import without_markup

RESULTS = 10
LONGEST_QUERY = 400
"""Characters: the limit of the strictest service."""
LONGEST_SNIPPET = 320
"""Characters: some services give whole paragraphs."""


@dataclass(frozen=True, slots=True)
class Result:
    """One thing that a search found."""

    title: str
    url: str
    snippet: str
    rank: int
    """From 1; 0 is the direct answer to the query."""


Search: TypeAlias = Callable[[str], list[Result]]
"""Results of a query, the best first."""


def written_results(results: Sequence[Result]) -> str:
    """Results in TARA's words, or their titles where no page has any; raises `ToolError` where nothing was found."""
    told = [result for result in results if result.snippet]
    if not told and (titles := [result.title for result in results if result.title]):
        return " ".join(titles)
    if not told:
        raise ToolError("the search found nothing; try other words, or fewer")
    if told[0].rank == 0:
        return told[0].snippet
    return " ".join(result.snippet for result in told)


def web_search_tool(search: Search, deadline: float = 10.0) -> AnyTool:
    """The tool `google_serper` over a search, whose `deadline` is in seconds."""

    @tool(name="google_serper", deadline=deadline + 2)
    def google_serper(query: str) -> str:
        """Search the web, e.g. `deepest hole humans have dug`. Gives the direct answer, or snippets of the pages found."""  # noqa: W505
        if not query.strip():
            raise ToolError("expected words to search for, found none")
        if len(query) > LONGEST_QUERY:
            raise ToolError(f"expected a query of at most {LONGEST_QUERY} characters, found {len(query)}; leave out what matters less")
        return written_results(search(query))

    return google_serper


def serper(options: Options, client: Client | None = None) -> AnyTool:
    """Google's results by Serper."""
    service = _keyed("Serper", options, client, "https://google.serper.dev", "SERPER_API_KEY", "X-API-KEY")
    count = _count(options)

    def search(query: str) -> list[Result]:
        found = _object(service, service.post("/search", {"q": query, "num": count}))
        direct = _direct_answer(found.get("answerBox"))
        known = _knowledge(found.get("knowledgeGraph"))
        pages = [_result(row, "title", "link", "snippet", _attributes(row)) for row in _rows(service, found, "organic")]
        return _ranked([*known, *pages], direct, count)

    return web_search_tool(search, service.limits.deadline)


def searxng(options: Options, client: Client | None = None) -> AnyTool:
    """A SearXNG of your own, which must offer the format `json`."""
    refusal = "add json to `search: formats:` in its settings.yml"
    service = service_of("SearXNG", options, client, refusal=refusal)
    count = _count(options)

    def search(query: str) -> list[Result]:
        found = _object(service, service.get("/search", {"q": query, "format": "json"}))
        pages = [_result(row, "title", "url", "content") for row in _rows(service, found, "results")]
        answers = found.get("answers")
        first = answers[0] if isinstance(answers, list) and answers else None
        direct = _result(first if isinstance(first, dict) else {"answer": first}, "title", "url", "answer")
        boxes = found.get("infoboxes") if not pages else None
        known = [_result(box, "infobox", "id", "content") for box in boxes if isinstance(box, dict)] if isinstance(boxes, list) else []
        ranked = _ranked([*pages, *known], direct, count)
        if not any(each.snippet or each.title for each in ranked) and (silent := found.get("unresponsive_engines")):
            # Nobody has looked everywhere: that nothing was found is not known.
            raise ToolUnavailable(f"SearXNG's engines failed: {service.shown(_reasons(silent))}")
        return ranked

    return web_search_tool(search, service.limits.deadline)


def _reasons(silent: Any) -> str:
    """Of engines that did not answer, each a list of its name and its reason."""
    rows = silent if isinstance(silent, list) else [silent]
    return ", ".join(": ".join(map(str, row)) if isinstance(row, list) else str(row) for row in rows)


def brave(options: Options, client: Client | None = None) -> AnyTool:
    """Brave's own index."""
    # A wrong key is a 422 there, as is a wrong argument, which we never send.
    service = _keyed(
        "Brave Search",
        options,
        client,
        "https://api.search.brave.com/res/v1",
        "BRAVE_API_KEY",
        "X-Subscription-Token",
        refusals=frozenset({401, 403, 422}),
        per_second=1.0,
    )
    count = min(20, _count(options))

    def search(query: str) -> list[Result]:
        found = _object(service, service.get("/web/search", {"q": query, "count": count}))
        if found.get("type") != "search":
            raise service.misread("the type 'search'")
        pages = _object(service, found.get("web", {"results": []}))  # where nothing was found, there is no such list
        plain = [{**row, "description": without_markup(str(row.get("description", "")))} for row in _rows(service, pages, "results")]
        return _ranked([_result(row, "title", "url", "description") for row in plain], None, count)

    return web_search_tool(search, service.limits.deadline)


def tavily(options: Options, client: Client | None = None) -> AnyTool:
    """Tavily, made for agents."""
    service = _keyed("Tavily", options, client, "https://api.tavily.com", "TAVILY_API_KEY", "Authorization", "Bearer ")
    count = min(20, _count(options))

    def search(query: str) -> list[Result]:
        found = _object(service, service.post("/search", {"query": query, "max_results": count}))
        direct = _result(found, "query", "", "answer")
        return _ranked([_result(row, "title", "url", "content") for row in _rows(service, found, "results")], direct, count)

    return web_search_tool(search, service.limits.deadline)


def _keyed(
    name: str,
    options: Options,
    client: Client | None,
    url: str,
    variable: str,
    header: str,
    before: str = "",
    *,
    refusals: frozenset[int] = frozenset({401, 403}),
    per_second: float = 5.0,
) -> Service:
    key = key_option(options, variable)
    if not key:
        raise ConfigError(f"google_serper: {no_key(variable)}")
    return service_of(
        name,
        options,
        client,
        url=url,
        headers={header: before + key},
        secrets=(key,),
        refusal=f"the key in {variable}, or in the option 'key', is not valid there",
        refusals=refusals,
        per_second=per_second,
        faults=frozenset(),  # a bad request there is more often a key without credit than a wrong query
    )


def _count(options: Options) -> int:
    return max(1, round(number_option(options, "results", RESULTS)))


def _object(service: Service, found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise service.misread("an object")
    return found


def _rows(service: Service, found: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    rows = found.get(name)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise service.misread(f"the list '{name}'")
    return rows


def _result(row: Mapping[str, Any], title: str, url: str, snippet: str, more: str = "") -> Result:
    """A result, not ranked yet."""
    return Result(_plain(row.get(title)), _plain(row.get(url)), f"{_plain(row.get(snippet))} {more}".strip(), 0)


def _ranked(results: Sequence[Result], direct: Result | None, count: int) -> list[Result]:
    ranked = [Result(each.title, each.url, each.snippet, rank) for rank, each in enumerate(results[:count], start=1)]
    return [direct, *ranked] if direct and direct.snippet else ranked


def _direct_answer(box: Any) -> Result | None:
    """Serper's answer box: the answer in a few words, or the passage that holds it."""
    if not isinstance(box, dict):
        return None
    name = next((name for name in ("answer", "snippet") if _plain(box.get(name))), "answer")
    return _result(box, "title", "link", name)


def _knowledge(graph: Any) -> list[Result]:
    """Serper's knowledge graph in the words of the published observations: `Title: type. description Born: 1920.`"""
    if not isinstance(graph, dict):
        return []
    title, kind = _plain(graph.get("title")), _plain(graph.get("type"))
    attributes = graph.get("attributes")
    facts = [f"{title} {name}: {_plain(value)}." for name, value in attributes.items()] if isinstance(attributes, dict) else []
    told = [f"{title}: {kind}." if kind else "", _plain(graph.get("description")), *facts]
    return [Result(title, _plain(graph.get("descriptionLink")), " ".join(part for part in told if part), 0)]


def _attributes(row: Mapping[str, Any]) -> str:
    attributes = row.get("attributes")
    return " ".join(f"{name}: {_plain(value)}." for name, value in attributes.items()) if isinstance(attributes, dict) else ""


def _plain(text: Any) -> str:
    """A text in one line, cut to size; empty for anything but text or a number."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        return str(text)
    if not isinstance(text, str):
        return ""
    plain = " ".join(text.split())
    return plain if len(plain) <= LONGEST_SNIPPET else f"{plain[: LONGEST_SNIPPET - 3].rsplit(' ', 1)[0]}..."


_TOOL = web_search_tool(lambda query: [])

BACKENDS = (
    backend(_TOOL, "serper", serper, lacks_key("SERPER_API_KEY")),
    backend(_TOOL, "searxng", searxng, lacks_url("SearXNG, such as http://localhost:8080")),
    backend(_TOOL, "brave", brave, lacks_key("BRAVE_API_KEY")),
    backend(_TOOL, "tavily", tavily, lacks_key("TAVILY_API_KEY")),
    recorded_backend(_TOOL),
)
