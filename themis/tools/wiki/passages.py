"""Passages of an encyclopaedia: cut out of articles, looked up by the words of a query, reported in one wording.

A wiki source is a function from a query to passages, the best first. Sources are elsewhere: an index on disk
(`index`), an OpenZIM dump (`zim`), the live wiki (`live`).
"""

import html
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from themis.errors import ToolError

WORDS = 100
"""Words of a passage that are reported, as in TARA's published observations."""
MAX_WORDS = 16
"""Words of a query that are looked up."""
UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Kana and Chinese characters, for a character class. Each counts as a word, since no blanks separate them."""
STOP_WORDS = frozenset(
    "a an and are as at be but by can did do does for from had has have he her his how i if in into is it its not of on or she such "
    "that the their them then there these they this to was were what when where which who whom whose why will with would".split()
)
"""Most passages hold them, so looking them up takes most of the time for nothing."""

_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,100}>")
_WORD = re.compile(rf"[{UNSPACED}]\s*|[^\s{UNSPACED}]+\s*")
_UNSPACED = re.compile(rf"([{UNSPACED}])")
_SIGNED = re.compile(r"(?<![\w.])(?:\.[^\W_]+[+#*]{0,3}|[^\W_]+[+#*]{1,3})(?![\w+#*])")
_SIGNS = {".": "dot", "+": "plus", "#": "sharp", "*": "star"}
_QUERY_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of an article."""

    title: str
    text: str
    url: str = ""


WikiSource: TypeAlias = Callable[[str], list[Passage]]
"""Passages for a query, the best first; an empty list if nothing was found."""


def passages_of(article: Passage) -> Iterator[Passage]:
    """The article in passages of `WORDS` words. The last one overlaps the one before, so that it is not short."""
    words = _WORD.findall(article.text)
    last = max(len(words) - WORDS, 0)
    for start in (*range(0, last, WORDS), last):
        yield Passage(article.title, " ".join("".join(words[start : start + WORDS]).split()), article.url)


def query_words(query: str) -> list[str]:
    """The words of a query to look up, in lower case, each once. Stop words count only if there are no others."""
    words = list(dict.fromkeys(_QUERY_WORD.findall(spaced(query[:2_000]).lower())))
    return ([word for word in words if word not in STOP_WORDS] or words)[:MAX_WORDS]


def spaced(text: str) -> str:
    """The text with blanks around each Chinese character and kana, which search engines would take for one word."""
    return text if text.isascii() else _UNSPACED.sub(r" \1 ", text)


def indexed(text: str) -> str:
    """The text as it is indexed and looked up: `spaced`, with a word beside each name that signs tell from others.

    Search engines read `C++`, `C#` and `.NET` as `c` and `net`.
    """

    def beside(name: re.Match[str]) -> str:
        word = "".join(_SIGNS.get(letter, letter) for letter in name[0])
        return f"{name[0]} {word}"

    return spaced(_SIGNED.sub(beside, text))


def written_passages(passages: Sequence[Passage]) -> str:
    """Passages in TARA's wording: `Title | text`, a line each; raises `ToolError` if there is none."""
    if not passages:
        raise ToolError("no article was found; try other words, or fewer")
    return "\n".join(f"{' '.join(passage.title.split())} | {' '.join(passage.text.split()[:WORDS])}" for passage in passages)


def without_markup(text: str) -> str:
    """The text of a search's HTML snippet: bold words and entities as plain text."""
    return html.unescape(_TAG.sub("", text))
