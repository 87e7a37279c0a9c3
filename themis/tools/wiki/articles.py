"""Reads the articles of JSON lines (plain, gzip, xz) and of OpenZIM dumps.

A line is an object with the texts `title` and `text`, and `url` if it has one. Knows nothing of indexes.
"""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

from themis.errors import DataError
from themis.files import LeftOut, checked_text, json_lines, text_field
from themis.tools.wiki.passages import Passage
from themis.tools.wiki.zim import zim_articles

ENDINGS = (".jsonl", ".jsonl.gz", ".jsonl.xz", ".zim")


def articles(path: Path, left_out: LeftOut | None = None) -> Iterator[Passage]:
    """The articles of a file, each whole; raises `DataError` with file, line and field, or leaves such lines out."""
    if not path.name.endswith(ENDINGS):
        raise DataError(f"{path}: expected a file named {', '.join('*' + ending for ending in ENDINGS)}")
    if path.suffix == ".zim":
        yield from zim_articles(path)
        return
    for number, row in json_lines(path, left_out):
        where = f"{path}, line {number}"
        with left_out.row() if left_out else nullcontext():
            title, text = (text_field(row, name, where) for name in ("title", "text"))
            yield Passage(title, text, checked_text(row.get("url") or "", "url", where))
