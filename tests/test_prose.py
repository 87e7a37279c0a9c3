"""The English of pages, docstrings, helps and errors: short sentences, no odd idioms, lines that fit a screen."""

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from inspect import cleandoc
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = [*(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")), *sorted((ROOT / "docs").rglob("*.md"))]
SOURCES = sorted((ROOT / "themis").rglob("*.py"))
RECIPES = sorted((ROOT / "themis" / "recipes").rglob("*.yaml"))

MEAN_WORDS = 18
"""Of a sentence: the mean of each kind of text stays below."""
MOST_WORDS = 35
"""Of one sentence in a docstring."""
MOST_COLUMNS = 119
IDIOMS = re.compile(
    r"\b(?:[Aa]new|without\s+end|(?:go|goes|going|gone|went)\s+on\s+(?:with|from)|told\s+by|by\s+heart|for\s+want\s+of"
    r"|foreseen|stands?\s+in\s+for|(?<!here\s)(?:is|are)\s+(?:none|no(?!\s+(?:longer|more|less|fewer|earlier|later|worse|better))))\b"
)
"""Starts over, infinite, resumes, given, is not a ...: the plain word exists. `There is no ...` is plain."""
ABBREVIATIONS = re.compile(r"\b(e\.g|i\.e|eq|vs|etc|sec)\.")
BOUNDARY = re.compile(r"(?<=[.!?])[\"')*_]*\s+(?=[\"'(*_`\[]*[A-Z0-9`<])")


class Text(NamedTuple):
    """A piece of prose and where it begins."""

    file: Path
    line: int
    words: str

    def sentences(self) -> list[str]:
        """A paragraph or an item of a list ends a sentence, as a full stop does."""
        parts = re.split(r"\n\s*\n|\n\s*(?:[-*]|\d+\.) ", f"\n{self.words}")
        return [sentence for part in parts for sentence in BOUNDARY.split(ABBREVIATIONS.sub(r"\1", part)) if length(sentence)]

    def place(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line}"


def length(sentence: str) -> int:
    """Words are what blanks separate; signs alone do not count."""
    return sum(any(letter.isalnum() for letter in word) for word in sentence.split())


def page(file: Path) -> Text:
    """Without code blocks, tables, headings and the addresses of links."""
    text = re.sub(r"^```.*?^```|^(?:\||#)[^\n]*$", "", file.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return Text(file, 1, re.sub(r"\]\([^)\s]+\)", "]", text))


@cache
def nodes(source: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(source.read_text(encoding="utf-8"))))


def docstring_nodes() -> Iterator[tuple[Path, ast.Constant]]:
    """Those of modules, classes and functions, and those under attributes and constants."""
    for source in SOURCES:
        for node in nodes(source):
            match node:
                case ast.Expr(ast.Constant(str()) as docstring):
                    yield source, docstring


def docstrings() -> Iterator[Text]:
    """Indented lines and trees are not prose."""
    for source, node in docstring_nodes():
        yield Text(source, node.lineno, re.sub(r"^(?:  |[│├└]).*$", "", cleandoc(str(node.value)), flags=re.MULTILINE))


def helps() -> Iterator[Text]:
    """What the command line says of options and arguments: `help=`, and the constants `..._HELP`."""
    for source in SOURCES:
        for node in nodes(source):
            match node:
                case ast.Assign([ast.Name(name)], value) if name.endswith("_HELP"):
                    yield Text(source, node.lineno, written(value))
                case ast.keyword("help", value):
                    yield Text(source, value.lineno, written(value))


def errors() -> Iterator[Text]:
    """The words given to every error that somebody outside the code can act on."""
    classes = [node for source in SOURCES for node in nodes(source) if isinstance(node, ast.ClassDef)]
    names = {"ThemisError"}
    for _ in range(3):  # deep enough for `BudgetSpent`, a `ChatError`
        names |= {each.name for each in classes if any(isinstance(base, ast.Name) and base.id in names for base in each.bases)}
    for source in SOURCES:
        for node in nodes(source):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                yield Text(source, node.lineno, " ".join(map(written, node.args)))


def written(node: ast.expr) -> str:
    """The text of a literal, with a placeholder as one word."""
    match node:
        case ast.Constant(str(text)):
            return text
        case ast.JoinedStr(parts):
            return "".join(written(part) if isinstance(part, ast.Constant) else "X" for part in parts)
        case ast.BinOp(left, ast.Add(), right):
            return written(left) + written(right)
    return ""


KINDS: dict[str, Callable[[], Iterator[Text]]] = {
    "README": lambda: iter([page(README)]),
    "docs": lambda: map(page, PAGES),
    "docstrings": docstrings,
    "helps": helps,
    "errors": errors,
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_sentence_is_short_on_average(kind: str) -> None:
    lengths = [length(sentence) for text in KINDS[kind]() for sentence in text.sentences()]
    assert len(lengths) > 20
    assert sum(lengths) / len(lengths) < MEAN_WORDS


def test_no_sentence_of_a_docstring_is_too_long() -> None:
    found = [f"{text.place()}: {sentence}" for text in docstrings() for sentence in text.sentences() if length(sentence) > MOST_WORDS]
    assert "\n".join(found) == ""


def test_lines_fit_a_screen() -> None:
    """Tables and code may be wider, and a tool's line for the judge, marked for ruff."""
    texts = [page(file) for file in (README, *PAGES)]
    for source, node in docstring_nodes():
        text = "\n".join(source.read_text(encoding="utf-8").splitlines()[node.lineno - 1 : node.end_lineno])
        texts += [] if text.endswith("# noqa: W505") else [Text(source, node.lineno, text)]
    assert [text.place() for text in texts if any(len(line) > MOST_COLUMNS for line in text.words.splitlines())] == []


@pytest.mark.parametrize("files", [[README, *PAGES], RECIPES, SOURCES], ids=["pages", "recipes", "sources"])
def test_no_text_has_an_odd_idiom(files: list[Path]) -> None:
    texts = [(file, file.read_text(encoding="utf-8")) for file in files]
    found = [(Text(file, 1 + text.count("\n", 0, odd.start()), ""), odd[0]) for file, text in texts for odd in IDIOMS.finditer(text)]
    assert "\n".join(f"{text.place()}: {odd}" for text, odd in found) == ""
