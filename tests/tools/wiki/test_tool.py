"""The tool `wiki_search`, its offline backends, and OpenZIM dumps."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from themis.config import data_root
from themis.errors import ConfigError, DataError
from themis.tools.base import read_argument
from themis.tools.setup.backend import Backend
from themis.tools.toolbox import Toolbox
from themis.tools.wiki.articles import articles
from themis.tools.wiki.index import PassageIndex, build_index
from themis.tools.wiki.passages import WORDS, Passage
from themis.tools.wiki.tool import BACKENDS, wiki_tool
from themis.tools.wiki.zim import ZimSource, html_text
from themis.traces import Action

PAGE = """<html><head><title>Alpha</title><style>p {}</style></head><body><h1>Alpha</h1>
<table><tr><td>Sound: [a]</td></tr></table><p>Alpha is the <b>first</b> letter<sup>[1]</sup> of the Greek alphabet.</p>
<script>alert("no")</script><ul><li>It stands for one.</li></ul></body></html>"""


def backend(name: str) -> Backend:
    return next(backend for backend in BACKENDS if backend.name == name)


def test_an_observation_reads_as_the_published_ones_do() -> None:
    words = " ".join(f"w{number}" for number in range(150))
    tool = wiki_tool(lambda query: [Passage("Brentwood, Tennessee", f"{query} {words}")])
    assert tool("Where?") == "Brentwood, Tennessee | Where? " + " ".join(f"w{number}" for number in range(WORDS - 1))
    assert (tool.name, read_argument(tool.schema, "Nashville, Tennessee")) == ("wiki_search", {"query": "Nashville, Tennessee"})


def test_where_nothing_is_found_the_judge_is_told_so() -> None:
    with Toolbox([wiki_tool(lambda query: [])]) as toolbox:
        observation = toolbox.call(Action("wiki_search", "xyzzy"))
    assert (observation.status, observation.text) == ("error", "no article was found; try other words, or fewer")


def test_the_published_form_is_ours() -> None:
    root = data_root()
    if root is None or not (root / "tara" / "wikisearch").is_dir():
        pytest.skip("the published TARA files are not on this machine (set THEMIS_DATA)")
    rows = [json.loads(line) for line in (root / "tara" / "wikisearch" / "dev.jsonl").read_text().splitlines()]
    for row in rows:
        actions = row["pos_answer"]["actions"]
        title, _, text = actions["Observation"].partition(" | ")
        tool = wiki_tool(partial(_answered, Passage(title, text)))
        assert tool(**read_argument(tool.schema, actions["Action Input"])) == actions["Observation"]


def _answered(passage: Passage, query: str) -> list[Passage]:
    return [passage]


def test_the_backend_index_answers_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"title": "Alpha", "text": "The first letter."}\n{"title": "Beta", "text": "The second letter."}\n')
    build_index([tmp_path / "a.jsonl"], tmp_path / "index", engine="sqlite")
    options = {"path": str(tmp_path / "index")}
    assert backend("index").missing(options) is None
    assert backend("index").build(options)("second letter") == "Beta | The second letter."
    assert backend("index").build({**options, "passages": 2})("letter alpha").count("\n") == 1


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("index", {}, "the option 'path' of wiki_search is not set"),
        ("index", {"path": "/nowhere/index"}, "there is no such folder; make one with: themis tools index"),
        ("zim", {}, "the option 'path' of wiki_search is not set"),
        ("zim", {"path": "/nowhere/wiki.zim"}, "there is no such file"),
    ],
)
def test_what_a_backend_lacks_is_one_sentence(name: str, options: dict[str, Any], sentence: str) -> None:
    if name == "zim":
        pytest.importorskip("libzim", reason="the extra 'zim' is not installed")
    lack = backend(name).missing(options)
    assert lack is not None
    assert sentence in lack
    with pytest.raises((ConfigError, DataError)):
        backend(name).build(options)


def test_a_wrong_number_of_passages_is_a_config_error(tmp_path: Path) -> None:
    for number in (0, 6, 1.5, "two"):
        with pytest.raises(ConfigError, match="passages"):
            backend("zim").build({"path": str(tmp_path), "passages": number})


def test_the_prose_of_a_page_is_its_paragraphs_and_lists() -> None:
    assert html_text(PAGE) == "Alpha is the first letter of the Greek alphabet. It stands for one."
    assert html_text("<div>No paragraph &amp; no list</div>") == "No paragraph & no list"
    assert html_text("<p>unclosed <b>tags") == "unclosed tags"


def make_zim(path: Path, *, indexed: bool = True) -> Path:
    """A dump of three pages and a redirect."""
    writer = pytest.importorskip("libzim.writer", reason="the extra 'zim' is not installed")

    class Page(writer.Item):  # type: ignore[misc, name-defined]
        def __init__(self, path: str, title: str, html: str) -> None:
            super().__init__()
            self.parts = path, title, html

        def get_path(self) -> str:
            return self.parts[0]

        def get_title(self) -> str:
            return self.parts[1]

        def get_mimetype(self) -> str:
            return "text/html"

        def get_contentprovider(self) -> Any:
            return writer.StringProvider(self.parts[2])

        def get_hints(self) -> dict[Any, Any]:
            return {writer.Hint.FRONT_ARTICLE: True}

    with writer.Creator(str(path)).config_indexing(indexed, "eng") as creator:
        creator.set_mainpath("Alpha")
        creator.add_item(Page("Alpha", "Alpha", PAGE))
        creator.add_item(
            Page("Beta", "Beta", "<p>" + "Filler words. " * 120 + "</p><p>Beta is the second letter of the Greek alphabet.</p>")
        )
        creator.add_item(Page("Empty", "Empty", "<p></p>"))
        creator.add_redirection("Alfa", "Alfa", "Alpha", {writer.Hint.FRONT_ARTICLE: True})
        creator.add_metadata("Title", "Letters")
    return path


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_zim(tmp_path_factory.mktemp("zim") / "letters.zim")


def test_a_dump_answers_by_the_index_it_carries(dump: Path) -> None:
    source = ZimSource(dump)
    assert source("first Greek letter") == [Passage("Alpha", "Alpha is the first letter of the Greek alphabet. It stands for one.")]
    assert [passage.title for passage in source("second letter")] == ["Beta"]
    assert source("second letter")[0].text.endswith("Beta is the second letter of the Greek alphabet.")
    assert source("") == source("xylophone") == []


def test_a_query_that_no_page_holds_whole_is_tried_with_fewer_words(dump: Path) -> None:
    source = ZimSource(dump)
    assert [passage.title for passage in source("in which century was Beta invented?")] == ["Beta"]
    assert [passage.title for passage in source("alphabet qwerty")] != []


def test_the_articles_of_a_dump_are_indexed_like_others(dump: Path, tmp_path: Path) -> None:
    assert [article.title for article in articles(dump)] == ["Alpha", "Beta"]
    build_index([dump], tmp_path / "index", engine="sqlite")
    with PassageIndex(tmp_path / "index") as index:
        assert index("second letter")[0].text.endswith("Beta is the second letter of the Greek alphabet.")


def test_a_dump_that_is_cut_off_or_has_no_index_is_one_sentence(dump: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.zim"
    short.write_bytes(dump.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"short\.zim is cut off, or not an OpenZIM dump"):
        ZimSource(short)
    (tmp_path / "text.zim").write_text("no dump")
    with pytest.raises(DataError, match=r"text\.zim is cut off, or not an OpenZIM dump"):
        list(articles(tmp_path / "text.zim"))
    bare = make_zim(tmp_path / "bare.zim", indexed=False)
    with pytest.raises(DataError, match=r"bare\.zim has no index of its own; make one with: themis tools index"):
        ZimSource(bare)
    assert backend("zim").build({"path": str(dump)})("first letter").startswith("Alpha | ")
