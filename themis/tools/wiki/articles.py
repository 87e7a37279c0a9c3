"""Articles to be indexed: read from JSONL files, plain or compressed, and from OpenZIM dumps; cut into passages.

A line of JSONL is an object with the texts `title` and `text`, and `url` where there is one.

Knows nothing of indexes.
"""

import gzip
import json
import lzma
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from themis.errors import DataError
from themis.tools.wiki.passages import WORDS, Passage

ENDINGS = (".jsonl", ".jsonl.gz", ".jsonl.xz", ".zim")
UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Kana and Chinese characters: each counts as a word, as no blanks part them. For use in a character class."""

_WORD = re.compile(rf"[{UNSPACED}]\s*|[^\s{UNSPACED}]+\s*")
_OPENERS: dict[str, Any] = {".gz": gzip.open, ".xz": lzma.open, ".jsonl": open}


def articles(path: Path) -> Iterator[Passage]:
    """The articles of a file, each whole; raises `DataError` with file, line and field."""
    if not path.name.endswith(ENDINGS):
        raise DataError(f"{path}: expected a file named {', '.join('*' + ending for ending in ENDINGS)}")
    if path.suffix == ".zim":
        from themis.tools.wiki.zim import zim_articles

        yield from zim_articles(path)
        return
    for number, line in enumerate(_lines(path), start=1):
        if line.strip():
            yield _article(line, f"{path}:{number}")


def passages_of(article: Passage) -> Iterator[Passage]:
    """The article in passages of as many words as are reported; the last one reaches back rather than be short."""
    words = _WORD.findall(article.text)
    last = max(len(words) - WORDS, 0)
    for start in (*range(0, last, WORDS), last):
        yield Passage(article.title, " ".join("".join(words[start : start + WORDS]).split()), article.url)


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with _OPENERS[path.suffix](path, "rb") as file:
            yield from file
    except (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error) as error:
        raise DataError(f"{path}: cut off, or not compressed as its name says ({error})") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def _article(line: bytes, where: str) -> Passage:
    try:
        found: Any = json.loads(line)
    except ValueError as error:
        raise DataError(f"{where}: not JSON ({error})") from error
    if not isinstance(found, dict):
        raise DataError(f"{where}: expected an object, found {type(found).__name__}")
    for name in ("title", "text"):
        if not isinstance(found.get(name), str) or not found[name].strip():
            raise DataError(f"{where}: field '{name}' is missing or not text")
    url = found.get("url") or ""
    if not isinstance(url, str):
        raise DataError(f"{where}: field 'url' is not text")
    return Passage(found["title"], found["text"], url)
