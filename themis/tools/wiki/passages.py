"""What a search in an encyclopaedia gives back, and the one wording in which it is reported.

A wiki source is a function from a query to passages, the best first; where they come from (a live wiki,
an index on disk) is the business of `wiki_live` and `wiki_search`.
"""

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from themis.errors import ToolError

_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,100}>")

WORDS = 100
"""Words of a passage that are reported, as in TARA's published observations."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of an article."""

    title: str
    text: str
    url: str = ""


WikiSource: TypeAlias = Callable[[str], list[Passage]]
"""Passages for a query, the best first; none where nothing was found."""


def written_passages(passages: Sequence[Passage]) -> str:
    """Passages in TARA's words: `Title | text`, a line each; raises `ToolError` where there is none."""
    if not passages:
        raise ToolError("no article was found; try other words, or fewer")
    return "\n".join(f"{_one_line(passage.title)} | {' '.join(passage.text.split()[:WORDS])}" for passage in passages)


def without_markup(text: str) -> str:
    """The text of a piece of HTML, as searches give it: bold words, entities."""
    return html.unescape(_TAG.sub("", text))


def _one_line(title: str) -> str:
    return " ".join(title.split())
