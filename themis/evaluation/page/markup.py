"""Elements of HTML and SVG. Text inside them is escaped here, and its invisible characters are spelled out."""

import html
import unicodedata
from collections.abc import Mapping
from typing import Any

from themis.phrases import document

TEXTS: Mapping[str, Any] = document(__package__, "texts.yaml")
"""For each section its note, and the headings of its table."""

_SHOWN = frozenset("\n\t\u200c\u200d")
_INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")
_VOID = frozenset({"meta", "line", "circle", "rect", "polyline", "br"})


class Markup(str):
    """Text that is markup already; anything else is escaped."""

    __slots__ = ()


def element(tag: str, /, *inside: Any, **attributes: Any) -> Markup:
    """An element. Attribute names are spelled as in Python (`class_`, `stroke_width`); None leaves one out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(visible(str(value)))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if tag in _VOID and not inside:
        return Markup(f"<{tag}{written}/>")
    return Markup(f"<{tag}{written}>{joined(*inside)}</{tag}>")


def joined(*inside: Any) -> Markup:
    """Pieces one after the other."""
    return Markup("".join(piece if isinstance(piece, Markup) else html.escape(visible(str(piece))) for piece in inside))


def visible(text: str) -> str:
    """The text with invisible characters, and those that turn the writing direction, spelled out."""
    return "".join(
        letter if letter in _SHOWN or unicodedata.category(letter) not in _INVISIBLE else f"\\u{ord(letter):04x}" for letter in text
    )


def table(headings: list[Any], rows: list[list[Any]], *, foot: int = 0, texts: int = 1) -> Markup:
    """A table. The first `texts` columns are text, the others figures. The last `foot` rows are its foot."""
    head = element("thead", element("tr", *(element("th", heading, class_=_kind(at, texts)) for at, heading in enumerate(headings))))
    lines = [element("tr", *(element("td", cell, class_=_kind(at, texts)) for at, cell in enumerate(row))) for row in rows]
    body, feet = lines[: len(lines) - foot], lines[len(lines) - foot :]
    tail = element("tfoot", *feet) if feet else Markup("")
    return element("div", element("table", head, element("tbody", *body), tail), class_="scroll")


def _kind(column: int, texts: int) -> str | None:
    return "words" if column < texts else None


def section(title: str, *inside: Any, note: str = "") -> Markup:
    """A part of the page under a heading."""
    words = [element("p", note, class_="note")] if note else []
    return element("section", element("h2", title), *words, *inside)


def figure(picture: Markup, caption: str) -> Markup:
    """A plot with its caption."""
    return element("figure", picture, element("figcaption", caption))
