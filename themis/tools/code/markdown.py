"""The code in a text that may be Markdown: the program of an answer, and what a question gives with it.

Texts are untrusted, and Python's own parser is not made for such: where a text can be read in several ways, the
sandbox takes the first that is Python (`job`).
Source: CommonMark 0.31. Unlike there, a fence that only closes opens nothing, and one that says Python always opens.
"""

import re
from dataclasses import dataclass, field
from textwrap import dedent

_OPENS = re.compile(r"(?P<before>[ \t]*(?:>[ \t]*|(?:[-*+]|\d{1,9}[.)])[ \t]+){0,8})(?P<fence>`{3,}(?=[^`]*$)|~{3,})(?P<info>.*)")
_PYTHON = re.compile(r"[\s{.]*(?:i?python|py)[\d.]*(?![\w-])|\S+\.py\b", re.IGNORECASE)
_INDENTED = re.compile(r"(?:\A|\n[ \t]*\n)((?:(?: {4}|\t).*\n?|[ \t]*\n)+)")
_CODE = re.compile(r"^(?:(?:from|import|def|class)\b|@\w|[A-Za-z_]\w* = )", re.MULTILINE)


@dataclass(slots=True)
class _Block:
    """A fenced block."""

    before: str
    """Blanks, and the marks of lists and quotations."""
    fence: str
    info: str
    starts: int
    lines: list[str] = field(default_factory=list)
    closed: bool = False

    def inner(self, line: str) -> str:
        """A line without the marks and the indentation that its fence has, too."""
        for _ in range(self.before.count(">")):
            line = re.sub(r"^[ \t]*> ?", "", line)
        width, at, column = len(self.before.rpartition(">")[2].expandtabs(4)), 0, 0
        while column < width and line[at : at + 1] in (" ", "\t"):
            column, at = column + (1 if line[at] == " " else 4 - column % 4), at + 1
        return line[at:]

    def closes(self, line: str) -> bool:
        mark = line.strip()
        return len(mark) >= len(self.fence) and not mark.strip(self.fence[0]) and _indentation(line) < 4


def program_of(text: str) -> str:
    """The code in a text: its fenced blocks of Python, or all of it without such blocks."""
    ways = _ways(text)
    return "\n".join(ways[0]) if ways else text


def readings(text: str) -> list[list[str]]:
    """The ways to read a text as blocks of code, the likeliest first. A program may hold fences in its own texts."""
    text = text.removeprefix("\ufeff")
    ways = [[text], *_ways(text)]
    indented = [] if _blocks(text) or _CODE.search(text) else [_INDENTED.findall(text)]
    return [*ways, *([dedent(block) for block in way] for way in (*ways, *indented))]


def given(question: str) -> str:
    """The code in a question; without fences, from the first line on that looks like code."""
    ways, start = _ways(question), _CODE.search(question)
    return "\n".join(ways[0]) if ways else question[start.start() :] if start else ""


def _ways(text: str) -> list[list[str]]:
    """Blocks that say they are Python, else those without a language. The last fence may only close what is above."""
    blocks = _blocks(text)
    python = ["".join(block.lines) for block in blocks if _PYTHON.match(block.info)]
    bare = [block for block in blocks if not block.info.strip()]
    ways = [python or ["".join(block.lines) for block in bare]]
    if not python and bare and bare[-1] is blocks[-1] and not bare[-1].closed:
        ways = sorted([*ways, [text[: blocks[0].starts]]], key=lambda way: -len("".join(way)))
    return [way for way in ways if "".join(way).strip()]


def _blocks(text: str) -> list[_Block]:
    blocks: list[_Block] = []
    for found in re.finditer(r".*\n|.+", text):
        line = found[0]
        block = blocks[-1] if blocks and not blocks[-1].closed else None
        inner = block.inner(line) if block else line
        opens = _OPENS.fullmatch(inner.rstrip())
        if opens and (block is None or (_PYTHON.match(opens["info"]) and _indentation(inner) < 4)):
            blocks.append(_Block(opens["before"], opens["fence"], opens["info"], found.start()))
        elif block and block.closes(inner):
            block.closed = True
        elif block:
            block.lines.append(inner)
    return blocks


def _indentation(line: str) -> int:
    return len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip(" "))
