"""A passage index: articles, cut into passages, that are found by their words.

An index is a directory with the files of one of two engines and `manifest.json`. The manifest names the engine and the
size of each file, so a truncated copy is noticed when it is opened. tantivy answers in a fraction of a millisecond.
SQLite's FTS5 replaces it where it is not installed, and takes some thirty times as long (`benchmarks/wiki_index.py`).
A directory is written beside its place and moved there when it is complete.

Passages are ranked by BM25 over stemmed English words. The title has half the weight: with more, every short title
that shares a word wins. Knows nothing of tools or of where articles come from.
"""

import errno
import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Protocol

from themis.closing import Closing
from themis.errors import ConfigError, DataError
from themis.files import LeftOut
from themis.tools.wiki.articles import articles
from themis.tools.wiki.passages import Passage, indexed, passages_of, query_words

MANIFEST, KIND, VERSION = "manifest.json", "themis passage index", 1

_TITLE_WEIGHT = 0.5
_MEMORY = 64_000_000
"""Bytes that tantivy holds before it writes a segment to disk."""


class Engine(Protocol):
    """What an index of passages must be able to do; thread-safe."""

    @staticmethod
    def build(directory: Path, passages: Iterable[Passage]) -> None: ...

    def __init__(self, directory: Path) -> None: ...

    def find(self, words: Sequence[str], limit: int) -> list[Passage]: ...

    def close(self) -> None: ...


def build_index(files: Sequence[Path], out: Path, progress: Callable[[int], None] | None = None, *, engine: str = "") -> int:
    """Indexes the articles of some files in the directory `out`, replacing an old index. Returns how many passages.

    `progress` is told now and then how many passages are indexed so far. The engine is tantivy where it is installed,
    else SQLite. Lines without a title or a text are left out, and named in the log. Raises `DataError` where nothing
    is left, and `ConfigError` where `out` is something else.
    """
    engine = engine or ("tantivy" if find_spec("tantivy") else "sqlite")
    made = _engine(engine, out)
    _refuse_foreign(out)
    count, left_out, content = 0, LeftOut(), hashlib.sha256()

    def counted() -> Iterator[Passage]:
        nonlocal count
        for path in files:
            for article in articles(path, left_out):
                for passage in passages_of(article):
                    yield passage
                    content.update(json.dumps([passage.title, passage.text, passage.url]).encode())
                    count += 1
                    if progress is not None and count % 1_000 == 0:
                        progress(count)

    beside = _folder_beside(out)
    try:
        made.build(beside, counted())
        left_out.tell(count)
        if count == 0:
            raise DataError(f"{', '.join(map(str, files)) or 'no file'}: no article to index")
        _write_manifest(beside, engine, count, files, content.hexdigest()[:32])
        _replace(out, beside)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    if progress is not None:
        progress(count)
    return count


class PassageIndex(Closing):
    """An open index, which is a wiki source: call it with a query. Thread-safe."""

    def __init__(self, directory: Path, passages: int = 1) -> None:
        """A query gives at most `passages`. Raises `DataError` if the directory is incomplete or not such an index."""
        manifest = _read_manifest(directory)
        self.passages = passages
        self.engine: str = manifest["engine"]
        self.size: int = manifest["passages"]
        self._engine = _engine(self.engine, directory)(directory)

    def __call__(self, query: str) -> list[Passage]:
        words = query_words(indexed(query))
        return self._engine.find(words, self.passages) if words else []

    def close(self) -> None:
        self._engine.close()


class TantivyEngine:
    """tantivy, a library in Rust."""

    def __init__(self, directory: Path) -> None:
        import tantivy

        # tantivy puts a lock file beside what it opens: not in the index, whose folder may be read-only.
        links = Path(tempfile.mkdtemp(prefix="themis-index-"))
        self._remove_links = weakref.finalize(self, shutil.rmtree, links, ignore_errors=True)
        for file in directory.iterdir():
            (links / file.name).symlink_to(file.resolve())
        try:
            self._index = tantivy.Index.open(str(links))
            self._index.config_reader("manual")  # a new index is another directory, so there is nothing to watch
            self._searcher = self._index.searcher()
        except (ValueError, OSError) as error:
            raise DataError(f"{directory}: tantivy cannot open this index ({error}); make it again") from error
        self._index.register_tokenizer("words", _analyser())

    @staticmethod
    def build(directory: Path, passages: Iterable[Passage]) -> None:
        import tantivy

        schema = tantivy.SchemaBuilder()
        for name in ("title", "text"):
            schema.add_text_field(name, stored=False, tokenizer_name="words")
        schema.add_bytes_field("passage", stored=True)
        index = tantivy.Index(schema.build(), str(directory))
        index.register_tokenizer("words", _analyser())
        writer = index.writer(_MEMORY, 1)
        try:
            for passage in passages:
                document = tantivy.Document(title=indexed(passage.title), text=indexed(passage.text))
                document.add_bytes("passage", json.dumps([passage.title, passage.text, passage.url]).encode())
                writer.add_document(document)
            writer.commit()
        except ValueError as error:
            if "io::Error" not in str(error):
                raise
            # tantivy tells no more than that.
            raise OSError(errno.ENOSPC, "No space left on device, or it cannot be written", str(directory)) from error
        finally:
            with suppress(ValueError):  # it says again what went wrong
                writer.wait_merging_threads()  # else they would write into a folder that is being removed
        for lock in directory.glob(".*.lock"):
            lock.unlink()

    def find(self, words: Sequence[str], limit: int) -> list[Passage]:
        # Lower-case words of letters and digits have no meaning in the query syntax.
        query, _ = self._index.parse_query_lenient(" ".join(words), ["title", "text"], field_boosts={"title": _TITLE_WEIGHT})
        hits = self._searcher.search(query, limit, count=False).hits
        kept: list[Any] = [self._searcher.doc(address).get_first("passage") for _, address in hits]
        return [Passage(*json.loads(bytes(passage))) for passage in kept]

    def close(self) -> None:
        self._remove_links()


class SqliteEngine:
    """SQLite's FTS5, which comes with Python. Words are indexed beside the passages, Chinese characters one by one."""

    FILE: ClassVar[str] = "passages.sqlite"

    def __init__(self, directory: Path) -> None:
        self._path = directory / self.FILE
        self._lock = threading.Lock()
        # `immutable` opens it in a read-only folder, too.
        address = f"{self._path.resolve().as_uri()}?mode=ro&immutable=1"
        self._connection = sqlite3.connect(address, uri=True, check_same_thread=False)

    @staticmethod
    def build(directory: Path, passages: Iterable[Passage]) -> None:
        connection = sqlite3.connect(directory / SqliteEngine.FILE, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = OFF")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("CREATE TABLE passages (id INTEGER PRIMARY KEY, title TEXT, text TEXT, url TEXT)")
            options = "content='', tokenize='porter unicode61 remove_diacritics 2'"
            connection.execute(f"CREATE VIRTUAL TABLE words USING fts5(title, text, {options})")
            connection.execute("BEGIN")
            for number, passage in enumerate(passages):
                connection.execute("INSERT INTO passages VALUES (?, ?, ?, ?)", (number, passage.title, passage.text, passage.url))
                row = (number, indexed(passage.title), indexed(passage.text))
                connection.execute("INSERT INTO words (rowid, title, text) VALUES (?, ?, ?)", row)
            connection.execute("INSERT INTO words (words) VALUES ('optimize')")
            connection.execute("COMMIT")
        finally:
            connection.close()

    def find(self, words: Sequence[str], limit: int) -> list[Passage]:
        query = " OR ".join(f'"{word}"' for word in words)
        ranked = "SELECT rowid, bm25(words, ?, 1) AS rank FROM words WHERE words MATCH ? ORDER BY rank LIMIT ?"
        statement = f"SELECT title, text, url FROM ({ranked}) JOIN passages ON id = rowid ORDER BY rank"
        with self._lock:
            try:
                rows = self._connection.execute(statement, (_TITLE_WEIGHT, query, limit)).fetchall()
            except sqlite3.DatabaseError as error:
                raise DataError(f"{self._path}: SQLite cannot read this index ({error}); make it again") from error
        return [Passage(*row) for row in rows]

    def close(self) -> None:
        self._connection.close()


ENGINES: dict[str, type[Engine]] = {"tantivy": TantivyEngine, "sqlite": SqliteEngine}


def _engine(name: str, directory: Path) -> type[Engine]:
    if name not in ENGINES:
        raise ConfigError(f"the engine of an index is one of {', '.join(ENGINES)}, not '{name}'")
    if name == "tantivy" and find_spec("tantivy") is None:
        raise ConfigError(f"{directory}: an index of the engine tantivy needs: pip install 'themis-rm[wiki]'")
    return ENGINES[name]


def _analyser() -> Any:
    from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

    builder = TextAnalyzerBuilder(Tokenizer.simple())
    for each in (Filter.remove_long(40), Filter.lowercase(), Filter.ascii_fold(), Filter.stemmer("english")):
        builder = builder.filter(each)
    return builder.build()


def _refuse_foreign(out: Path) -> None:
    """An old index may be replaced; anything else may not."""
    if not out.exists() or (out.is_dir() and (not any(out.iterdir()) or _manifest(out))):
        return
    raise ConfigError(f"{out} exists and is not a passage index; name another folder for the index")


def _manifest(directory: Path) -> dict[str, Any] | None:
    """The manifest of an index; None of anything else."""
    try:
        manifest = json.loads((directory / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) and manifest.get("kind") == KIND else None


def _folder_beside(out: Path) -> Path:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        raise ConfigError(f"{out} cannot be written: {error.strerror or error}") from error


def _replace(out: Path, whole: Path) -> None:
    whole.chmod(0o755)  # only the owner can read temporary folders
    if out.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
        os.replace(out, old)
        shutil.rmtree(old, ignore_errors=True)
    os.replace(whole, out)


def content_of_index(directory: Path) -> str | None:
    """The engine and a hash of the passages: the files of equal indexes differ. None of anything else."""
    return f"{found['engine']} {found['content']}" if (found := _manifest(directory)) and "content" in found else None


def _write_manifest(directory: Path, engine: str, passages: int, files: Sequence[Path], content: str) -> None:
    for path in directory.iterdir():
        path.chmod(0o644)  # tantivy writes some files that only the owner can read
    sizes = {path.name: path.stat().st_size for path in sorted(directory.iterdir()) if not path.name.startswith(".")}
    told = {"engine": engine, "passages": passages, "content": content, "sources": [path.name for path in files], "files": sizes}
    manifest = {"kind": KIND, "version": VERSION, **told}
    (directory / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _read_manifest(directory: Path) -> dict[str, Any]:
    again = f"make one with: themis tools index FILE.jsonl --out {directory}"
    if not directory.is_dir():
        raise DataError(f"{directory}: there is no such folder; {again}")
    if not (directory / MANIFEST).is_file():
        raise DataError(f"{directory} is not a passage index: it has no {MANIFEST}; {again}")
    manifest = _manifest(directory)
    if manifest is None:
        raise DataError(f"{directory} is not a passage index: its {MANIFEST} was written by something else, or is cut off; {again}")
    if manifest.get("version") != VERSION or manifest.get("engine") not in ENGINES:
        raise DataError(f"{directory} was made by another version of Themis; {again}")
    for name, size in manifest["files"].items():
        file = directory / name
        found = file.stat().st_size if file.is_file() else 0
        if found != size:
            raise DataError(f"{directory} is cut off: {name} has {found} of {size} bytes; {again}")
    return manifest
