"""The passage index of `wiki_search`: time to build it, time of a query, and how often it finds the right article.

    python -m benchmarks.wiki_index [FILE.jsonl[.gz|.xz]] [--json]

Without a file it reads the introductions below THEMIS_DATA, or makes up articles. A query is a question about a title,
or eight words in a row from a passage. The right article is the one that the query was taken from. SQLite and tantivy
are measured in the same run.
"""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from themis.config import data_root
from themis.tools.wiki.articles import articles
from themis.tools.wiki.index import ENGINES, PassageIndex, build_index
from themis.tools.wiki.passages import Passage

QUERIES, WARM_UP, WORDS_IN_A_ROW = 2_000, 100, 8
MADE_UP, VOCABULARY = 40_000, 60_000


def introductions() -> Path | None:
    """The file of introductions in the folder of data sets, if it is there."""
    root = data_root()
    file = root / "wikipedia" / "intros.jsonl.xz" if root else None
    return file if file is not None and file.is_file() else None


def made_up(folder: Path) -> Path:
    """Articles of a hundred words each. The n-th most frequent word is drawn in proportion to 1/n."""
    rng = Random(1)
    words = ["".join(rng.choices("abcdefghiklmnoprstu", k=rng.randint(2, 9))) for _ in range(VOCABULARY)]
    weights = [1 / rank for rank in range(1, VOCABULARY + 1)]
    file = folder / "made-up.jsonl"
    with file.open("w", encoding="utf-8") as lines:
        for _ in range(MADE_UP):
            title = " ".join(rng.choices(words, k=2))
            lines.write(json.dumps({"title": title, "text": " ".join([title, *rng.choices(words, weights, k=100)])}) + "\n")
    return file


def queries(read: list[Passage]) -> Iterator[tuple[str, str]]:
    """Queries, each with the title of the article it is about."""
    rng = Random(2)
    for number in range(QUERIES + WARM_UP):
        article = rng.choice(read)
        words = article.text.split()
        start = rng.randrange(max(1, len(words) - WORDS_IN_A_ROW))
        yield (f"What is known about {article.title}?" if number % 2 else " ".join(words[start : start + WORDS_IN_A_ROW])), article.title


def measured(engine: str, file: Path, asked: list[tuple[str, str]], folder: Path) -> dict[str, Any]:
    """Seconds, milliseconds, megabytes, and the share of queries whose right article came first."""
    out = folder / engine
    started = time.perf_counter()
    passages = build_index([file], out, engine=engine)
    build_s = time.perf_counter() - started
    seconds, right = [], 0
    with PassageIndex(out) as index:
        for query, title in asked:
            started = time.perf_counter()
            found = index(query)
            seconds.append(time.perf_counter() - started)
            right += bool(found) and found[0].title == title
    seconds = sorted(seconds[WARM_UP:])
    return {
        "engine": engine,
        "passages": passages,
        "build_s": round(build_s, 2),
        "query_p50_ms": round(1e3 * seconds[len(seconds) // 2], 3),
        "query_p99_ms": round(1e3 * seconds[len(seconds) * 99 // 100], 3),
        "size_mb": round(sum(path.stat().st_size for path in out.iterdir()) / 1e6, 1),
        "right_first": round(right / len(asked), 3),
    }


def main() -> None:
    """Measure each engine on the same articles and queries."""
    given = [argument for argument in sys.argv[1:] if argument != "--json"]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(given[0]) if given else introductions() or made_up(Path(folder))
        read = list(articles(file))
        asked = list(queries(read))
        rows = [measured(engine, file, asked, Path(folder)) for engine in ENGINES]
    if "--json" in sys.argv:
        print(json.dumps({"file": file.name, "articles": len(read), "queries": QUERIES, "engines": rows}))
        return
    print(f"{file.name}: {len(read):,} articles, {rows[0]['passages']:,} passages, {QUERIES:,} queries")
    for row in rows:
        print(
            f"{row['engine']:>8}: made in {row['build_s']:.1f} s, {row['size_mb']:.0f} MB; a query takes {row['query_p50_ms']:.2f} ms "
            f"(p50), {row['query_p99_ms']:.2f} ms (p99); the right article comes first in {row['right_first']:.1%}"
        )
    print(f"{rows[1]['engine']}: {rows[1]['query_p50_ms'] / rows[0]['query_p50_ms']:.1f} times the query of {rows[0]['engine']} (p50)")


if __name__ == "__main__":
    main()
