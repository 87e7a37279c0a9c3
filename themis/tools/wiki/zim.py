"""OpenZIM dumps, such as those of Kiwix: their articles, to be indexed, and a search by the index they carry.

A dump's own index finds only what holds all words of a query. A query that finds nothing is tried again with fewer
words: its names and numbers, then its longest word. Needs libzim (the extra `zim`).
"""

import threading
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from themis.errors import ConfigError, DataError
from themis.tools.wiki.passages import Passage, passages_of, query_words

INSTALL = "pip install 'themis-rm[zim]'"

_LEFT_OUT = frozenset({"script", "style", "table", "sup", "nav", "head", "figure"})
_PROSE = frozenset({"p", "li", "dd"})


def zim_articles(path: Path) -> Iterator[Passage]:
    """The whole articles of a dump that have a text, in the order of their paths."""
    archive = _opened(path)
    for number in range(archive.all_entry_count):
        article = _article(archive._get_entry_by_id(number))  # libzim has no other way to walk through a dump
        if article is not None:
            yield article


class ZimSource:
    """An open dump, which is a wiki source: call it with a query. Thread-safe."""

    def __init__(self, path: Path, passages: int = 1) -> None:
        """A query gives `passages`, each from another article. Raises `DataError` if the dump is incomplete."""
        self._archive = _opened(path)
        self._lock = threading.Lock()
        self._passages = passages
        if not self._archive.has_fulltext_index:
            raise DataError(f"{path} has no index of its own; make one with: themis tools index {path} --out DIR")

    def __call__(self, query: str) -> list[Passage]:
        words = query_words(query)
        with self._lock:
            found = [_article(self._archive.get_entry_by_path(path)) for path in self._paths(query, words)]
        return [_best_passage(article, words) for article in found if article is not None]

    def _paths(self, query: str, words: Sequence[str]) -> list[str]:
        from libzim.search import Query, Searcher

        for tried in _fewer_and_fewer(query, words):
            paths = list(Searcher(self._archive).search(Query().set_query(" ".join(tried))).getResults(0, self._passages))
            if paths:
                return paths
        return []


class _Prose(HTMLParser):
    """Gathers the text of paragraphs and list items, without tables, notes and programs."""

    def __init__(self) -> None:
        super().__init__()
        self.prose: list[str] = []
        self.everything: list[str] = []
        self._left_out = 0
        self._in_prose = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._left_out += tag in _LEFT_OUT
        if tag in _PROSE:
            self._in_prose += 1
            self.handle_data(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in _LEFT_OUT:
            self._left_out = max(self._left_out - 1, 0)
        if tag in _PROSE:
            self._in_prose = max(self._in_prose - 1, 0)

    def handle_data(self, data: str) -> None:
        if self._left_out:
            return
        self.everything.append(data)
        if self._in_prose:
            self.prose.append(data)


def html_text(html: str) -> str:
    """The prose of a page, on one line; all its text if it has no paragraphs."""
    parser = _Prose()
    parser.feed(html)
    parser.close()
    return " ".join("".join(parser.prose).split()) or " ".join("".join(parser.everything).split())


def _opened(path: Path) -> Any:
    if find_spec("libzim") is None:
        raise ConfigError(f"{path}: an OpenZIM dump needs: {INSTALL}")
    from libzim.reader import Archive

    if not path.is_file():
        raise DataError(f"{path} cannot be read: there is no such file")
    try:
        return Archive(path)
    except RuntimeError as error:
        raise DataError(f"{path} is cut off, or not an OpenZIM dump ({error})") from error


def _article(entry: Any) -> Passage | None:
    if entry.is_redirect:
        return None
    item = entry.get_item()
    if not item.mimetype.startswith("text/html"):
        return None
    text = html_text(bytes(item.content).decode("utf-8", errors="replace"))
    return Passage(entry.title, text) if text else None


def _best_passage(article: Passage, words: Sequence[str]) -> Passage:
    """The passage that holds most words of the query; of equals, the first."""
    return max(passages_of(article), key=lambda passage: sum(word in passage.text.lower() for word in words))


def _fewer_and_fewer(query: str, words: Sequence[str]) -> Iterator[Sequence[str]]:
    if not words:
        return
    yield words
    names = [word for word in query_words(" ".join(each for each in query.split() if not each[0].islower())) if word in words]
    if names and names != list(words):
        yield names
    if len(words) > 1:
        yield [max(words, key=len)]
