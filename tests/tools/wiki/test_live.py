"""A live wiki: MediaWiki's published JSON to passages and TARA's observation."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.tools.fake_service import BUSY, FAILURES, Asked, FakeService, NotedClient, Said, quick
from themis.errors import ConfigError, ToolError, ToolUnavailable
from themis.tools.setup.services import service_of
from themis.tools.wiki.live import BACKENDS, mediawiki, mediawiki_source
from themis.tools.wiki.passages import Passage, written_passages

FOUND = {
    "pages": [
        {
            "id": 1,
            "key": "Brentwood,_Tennessee",
            "title": "Brentwood, Tennessee",
            "excerpt": '<span class="searchmatch">Brentwood</span> is a suburb &amp; city',
            "matched_title": None,
            "description": "City in Tennessee",
            "thumbnail": None,
        },
        {"id": 2, "key": "Brentwood", "title": "Brentwood", "excerpt": "<b>Brentwood</b> may mean", "description": None},
    ]
}
OPENINGS = {
    "batchcomplete": True,
    "query": {
        "redirects": [{"from": "Brentwood", "to": "Brentwood (disambiguation)"}],
        "pages": [
            {"pageid": 1, "ns": 0, "title": "Brentwood, Tennessee", "extract": "Brentwood is a suburb\nof Nashville."},
            {"pageid": 2, "ns": 0, "title": "Brentwood (disambiguation)", "extract": ""},
        ],
    },
}
TOLD = "Brentwood, Tennessee | Brentwood is a suburb of Nashville."


@pytest.fixture
def client() -> Iterator[NotedClient]:
    with NotedClient() as client:
        yield client


def answer(asked: Asked) -> Said:
    return Said(FOUND if asked.path == "/rest.php/v1/search/page" else OPENINGS)


def test_a_search_asks_for_pages_and_then_for_their_openings(client: NotedClient) -> None:
    with FakeService(answer) as fake:
        assert mediawiki(quick(fake, contact="me@example.org"), client)(query="Brentwood county") == TOLD
    search, openings = fake.asked
    assert (search.path, search.params) == ("/rest.php/v1/search/page", {"q": "Brentwood county", "limit": "1"})
    assert openings.path == "/api.php"
    assert openings.params["titles"] == "Brentwood, Tennessee"
    assert (openings.params["prop"], openings.params["explaintext"], openings.params["formatversion"]) == ("extracts", "1", "2")
    assert all(asked.headers["user-agent"].endswith("(me@example.org)") for asked in fake.asked)


def test_a_page_without_an_opening_is_told_by_what_was_found_in_it(client: NotedClient) -> None:
    with FakeService(answer) as fake:
        passages = mediawiki_source(service_of("the wiki", quick(fake), client), passages=2)("Brentwood")
    assert passages == [
        Passage("Brentwood, Tennessee", "Brentwood is a suburb\nof Nashville.", f"{fake.url}/wiki/Brentwood%2C_Tennessee"),
        Passage("Brentwood", "Brentwood may mean", f"{fake.url}/wiki/Brentwood"),
    ]
    assert written_passages(passages) == f"{TOLD}\nBrentwood | Brentwood may mean"


def test_only_a_hundred_words_are_told() -> None:
    told = written_passages([Passage("Many\nwords", "word " * 300)])
    assert told == "Many words | " + " ".join(["word"] * 100)


@pytest.mark.parametrize("query", ["Xqzzt", " "])
def test_finding_nothing_is_said_to_the_judge(client: NotedClient, query: str) -> None:
    with FakeService(Said({"pages": []})) as fake, pytest.raises(ToolError, match="no article was found; try other words") as told:
        mediawiki(quick(fake), client)(query=query)
    assert not isinstance(told.value, ToolUnavailable)


@pytest.mark.parametrize("searched", [True, False], ids=["the search", "the extracts"])
@pytest.mark.parametrize(("said", "options", "kind", "words"), FAILURES.values(), ids=FAILURES)
def test_each_failure_of_either_call_has_its_kind(
    client: NotedClient, searched: bool, said: Said, options: dict[str, Any], kind: type[ToolError], words: str
) -> None:
    with FakeService(*([] if searched else [Said(FOUND)]), said) as fake, pytest.raises(kind, match=words):
        mediawiki(quick(fake, **options), client)(query="Brentwood")
    assert all(address.startswith(fake.url) for address in client.noted.addresses)


def test_a_busy_wiki_is_asked_again(client: NotedClient) -> None:
    with FakeService(BUSY, Said(FOUND), BUSY, Said(OPENINGS)) as fake:
        assert mediawiki(quick(fake), client)(query="Brentwood") == TOLD


@pytest.mark.parametrize("options", [{"language": "../x"}, {"passages": 21}, {"passages": 0}, {"url": "wikipedia.org"}])
def test_a_wrong_setting_is_named(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"'{next(iter(options))}'"):
        mediawiki(options)


def test_the_wiki_needs_no_setting() -> None:
    assert BACKENDS[0].missing({}) is None
    assert BACKENDS[0].build({}).name == "wiki_search"
