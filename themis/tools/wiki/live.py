"""The live half of `wiki_search`: a MediaWiki, by its REST search and its extracts.

A search takes two calls: the pages that match, then the opening of each. A page without an opening (a list, a
disambiguation) is reported by the lines in which the words were found.
Source: MediaWiki's REST API (`/v1/search/page`) and its action API (`prop=extracts`).
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from themis.errors import ConfigError
from themis.http.client import Client, Service
from themis.tools.base import AnyTool
from themis.tools.recordings.backend import recorded_backend
from themis.tools.setup.backend import Options, backend
from themis.tools.setup.options import number_option, text_option
from themis.tools.setup.services import service_of
from themis.tools.wiki.passages import Passage, WikiSource, without_markup
from themis.tools.wiki.tool import wiki_tool

MOST_PASSAGES = 20
"""MediaWiki gives at most this many extracts in one call."""


def mediawiki_source(service: Service, passages: int = 1) -> WikiSource:
    """Passages of a wiki, the best first; `service` is the wiki's script path, such as https://en.wikipedia.org/w."""

    def search(query: str) -> list[Passage]:
        if not query.strip():
            return []
        pages = _pages(service, service.get("/rest.php/v1/search/page", {"q": query[:300], "limit": passages}))
        titles = [_text(page, "title") for page in pages[:passages]]
        if not titles:
            return []
        wanted: dict[str, str | int | float] = {
            "action": "query",
            "prop": "extracts",
            "exintro": 1,
            "explaintext": 1,
            "exlimit": "max",
            "redirects": 1,
            "titles": "|".join(titles),
            "format": "json",
            "formatversion": 2,
        }
        openings = _openings(service, service.get("/api.php", wanted))
        return [_passage(service, page, openings) for page in pages[:passages]]

    return search


def mediawiki(options: Options, client: Client | None = None) -> AnyTool:
    """`wiki_search` over Wikipedia, or another wiki."""
    language = text_option(options, "language", "en")
    if not language.replace("-", "").isalnum() or not language.isascii():
        raise ConfigError("wiki_search: the option 'language' must be that of a Wikipedia, such as en or zh-yue")
    service = service_of("the wiki", options, client, url=f"https://{language}.wikipedia.org/w")
    passages = round(number_option(options, "passages", 1))
    if not 1 <= passages <= MOST_PASSAGES:
        raise ConfigError(f"wiki_search: the option 'passages' must be a whole number from 1 to {MOST_PASSAGES}")
    return wiki_tool(mediawiki_source(service, passages), deadline=2 * service.limits.deadline + 2)


def _pages(service: Service, found: Any) -> list[dict[str, Any]]:
    pages = found.get("pages") if isinstance(found, dict) else None
    if not isinstance(pages, list) or not all(isinstance(page, dict) and _text(page, "title") for page in pages):
        raise service.misread("the list 'pages'")
    return pages


def _openings(service: Service, found: Any) -> dict[str, str]:
    """Openings by the title that was asked for, also if the wiki redirects it to another title."""
    query = found.get("query") if isinstance(found, dict) else None
    pages = query.get("pages") if isinstance(query, dict) else None
    if not isinstance(query, dict) or not isinstance(pages, list) or not all(isinstance(page, dict) for page in pages):
        raise service.misread("the list 'query.pages'")
    openings = {_text(page, "title"): _text(page, "extract") for page in pages}
    for kind in ("redirects", "normalized"):
        steps = query.get(kind)
        for step in steps if isinstance(steps, list) else []:
            openings.setdefault(_text(step, "from"), openings.get(_text(step, "to"), ""))
    return openings


def _passage(service: Service, page: Mapping[str, Any], openings: Mapping[str, str]) -> Passage:
    title = _text(page, "title")
    text = openings.get(title) or without_markup(_text(page, "excerpt")) or _text(page, "description")
    return Passage(title, text, f"{service.url.removesuffix('/w')}/wiki/{quote(title.replace(' ', '_'))}")


def _text(row: Any, name: str) -> str:
    value = row.get(name) if isinstance(row, dict) else None
    return value.strip() if isinstance(value, str) else ""


_TOOL = wiki_tool(lambda query: [])

BACKENDS = (backend(_TOOL, "mediawiki", mediawiki), recorded_backend(_TOOL))
