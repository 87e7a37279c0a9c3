"""The passage index: what is found, what a cut-off or foreign directory says, and OpenZIM dumps."""

import gzip
import json
import lzma
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from themis.errors import ConfigError, DataError
from themis.tools.wiki import index as wiki_index
from themis.tools.wiki.articles import articles
from themis.tools.wiki.index import MANIFEST, PassageIndex, build_index
from themis.tools.wiki.passages import MAX_WORDS, WORDS, Passage, passages_of, query_words

ARTICLES = [
    {"title": "Brentwood, Tennessee", "text": "Brentwood is a suburb of Nashville, Tennessee, located in Williamson County.", "url": "w/B"},
    {"title": "São Paulo", "text": "São Paulo is the most populous city of Brazil."},
    {"title": "Joey Jordison", "text": "Joey Jordison was the drummer of the heavy metal band Slipknot."},
    {"title": "北京市", "text": "北京市是中华人民共和国的首都。"},
    {"title": "Nashville", "text": "Nashville is the capital of Tennessee."},
]


@pytest.fixture(params=["tantivy", "sqlite"])
def engine(request: pytest.FixtureRequest) -> str:
    if request.param == "tantivy":
        pytest.importorskip("tantivy", reason="the extra 'wiki' is not installed")
    name: str = request.param
    return name


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "articles.jsonl"
    path.write_text("".join(json.dumps(article) + "\n" for article in ARTICLES), encoding="utf-8")
    return path


@pytest.fixture
def index(engine: str, file: Path, tmp_path: Path) -> Iterator[PassageIndex]:
    assert build_index([file], tmp_path / "index", engine=engine) == len(ARTICLES)
    with PassageIndex(tmp_path / "index") as opened:
        yield opened


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("Location of Brentwood in Tennessee", "Brentwood, Tennessee"),
        ("what county is brentwood tennessee in?", "Brentwood, Tennessee"),
        ("Sao Paulo", "São Paulo"),
        ("biggest CITIES of brazil", "São Paulo"),
        ("Joey Jordison Slipknot instrument", "Joey Jordison"),
        ("drummers", "Joey Jordison"),
        ("北京", "北京市"),
        ('"Slipknot" AND (OR) title:x * ^ NEAR', "Joey Jordison"),
    ],
)
def test_the_passage_that_a_query_is_about_comes_first(index: PassageIndex, query: str, title: str) -> None:
    assert [passage.title for passage in index(query)] == [title]


def test_a_passage_comes_back_as_it_was_given(index: PassageIndex) -> None:
    assert index("Williamson County") == [Passage("Brentwood, Tennessee", ARTICLES[0]["text"], "w/B")]


def test_nothing_is_found_for_words_that_no_passage_has_and_for_no_words(index: PassageIndex) -> None:
    assert [index(query) for query in ("xylophone", "", "?!", "_", "\x00", '"')] == [[]] * 6


def test_as_many_passages_as_asked_for(engine: str, file: Path, tmp_path: Path) -> None:
    build_index([file], tmp_path / "index", engine=engine)
    with PassageIndex(tmp_path / "index", passages=2) as index:
        assert {passage.title for passage in index("Tennessee")} == {"Brentwood, Tennessee", "Nashville"}
        assert (index.engine, index.size) == (engine, len(ARTICLES))


def test_both_engines_find_the_same(file: Path, tmp_path: Path) -> None:
    pytest.importorskip("tantivy", reason="the extra 'wiki' is not installed")
    found = []
    for engine in ("tantivy", "sqlite"):
        build_index([file], tmp_path / engine, engine=engine)
        with PassageIndex(tmp_path / engine) as index:
            found.append([index(article["text"][:30]) for article in ARTICLES])
    assert found[0] == found[1]
    assert [each[0].title for each in found[0]] == [article["title"] for article in ARTICLES]


def test_many_threads_may_ask_at_once(index: PassageIndex) -> None:
    found: list[str] = []

    def ask(number: int) -> None:
        for _ in range(20):
            found.append(index(str(ARTICLES[number]["text"]))[0].title)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(ARTICLES))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted(article["title"] for article in ARTICLES for _ in range(20))


def test_stop_words_are_looked_up_only_where_there_is_nothing_else() -> None:
    assert query_words("What is the Who?") == ["what", "is", "the", "who"]
    assert query_words("who sang The Wall, the wall?") == ["sang", "wall"]
    assert query_words("北京市 in 2008") == ["北", "京", "市", "2008"]
    assert len(query_words(" ".join(map(str, range(1_000))))) == MAX_WORDS


def test_a_long_article_is_cut_into_full_passages_that_hold_all_of_it() -> None:
    words = [f"w{number}" for number in range(2 * WORDS + 30)]
    passages = [passage.text.split() for passage in passages_of(Passage("a", " ".join(words), "u"))]
    assert passages == [words[:WORDS], words[WORDS : 2 * WORDS], words[-WORDS:]]
    assert [passage.text for passage in passages_of(Passage("a", "one  two\nthree"))] == ["one two three"]
    assert [len(passage.text) for passage in passages_of(Passage("a", "北" * 250))] == [WORDS] * 3


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz", ".jsonl.xz"])
def test_compressed_files_read_as_plain_ones(file: Path, tmp_path: Path, ending: str) -> None:
    plain = file.read_bytes()
    packed = {".jsonl": plain, ".jsonl.gz": gzip.compress(plain), ".jsonl.xz": lzma.compress(plain)}[ending]
    path = tmp_path / f"again{ending}"
    path.write_bytes(packed)
    assert [article.title for article in articles(path)] == [article["title"] for article in ARTICLES]
    if ending != ".jsonl":
        path.write_bytes(packed[:-30])
        with pytest.raises(DataError, match=rf"again{ending} is cut off"):
            list(articles(path))


BAD_LINES = (
    ("{", "articles.jsonl, line 2: not valid JSON"),
    ("[]", "articles.jsonl, line 2: expected a JSON object, found a list"),
    ('{"title": "a"}', "articles.jsonl, line 2: field 'text' is missing"),
    ('{"title": "a", "text": ""}', "articles.jsonl, line 2: field 'text' is empty"),
    ('{"title": "a", "text": null}', "articles.jsonl, line 2: field 'text' is missing"),
    ('{"title": " ", "text": "a"}', "articles.jsonl, line 2: field 'title' is empty"),
    ('{"title": "a", "text": "a", "url": 3}', "articles.jsonl, line 2: field 'url' must be text, found a number"),
    ('{"title": "a", "text": "\\ud800"}', "articles.jsonl, line 2: field 'text' holds half a character"),
)


@pytest.mark.parametrize(("line", "sentence"), BAD_LINES)
def test_a_line_without_an_article_is_named_and_costs_itself(
    engine: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, line: str, sentence: str
) -> None:
    path = tmp_path / "articles.jsonl"
    path.write_text("\n".join([json.dumps(ARTICLES[0]), line, json.dumps(ARTICLES[4]), line]))
    assert build_index([path], tmp_path / "index", engine=engine) == 2
    assert sentence in caplog.text
    assert "left out, as are 1 more rows" in caplog.text
    with PassageIndex(tmp_path / "index") as index:
        assert index("Nashville")[0].title == "Nashville"


def test_a_file_of_nothing_but_such_lines_leaves_no_index_behind(engine: str, tmp_path: Path) -> None:
    path = tmp_path / "articles.jsonl"
    for line, sentence in BAD_LINES:
        path.write_text("\n" + line + "\n")
        with pytest.raises(DataError, match=sentence):
            build_index([path], tmp_path / "index", engine=engine)
        assert os.listdir(tmp_path) == ["articles.jsonl"]


@pytest.mark.parametrize("query", ["C++", "C#", "C", ".NET", "Net", "F#", "F*", "who made C++?", "the language C#."])
def test_names_that_signs_tell_apart_are_told_apart(engine: str, tmp_path: Path, query: str) -> None:
    titles = ["C#", "C++", "C", "Net", ".NET", "F*", "F#"]
    path = tmp_path / "articles.jsonl"
    path.write_text("\n".join(json.dumps({"title": title, "text": f"{title} is a name, made by people."}) for title in titles))
    build_index([path], tmp_path / "index", engine=engine)
    with PassageIndex(tmp_path / "index") as index:
        assert index(query)[0].title == next(title for title in (*titles[:2], *titles[4:], "C", "Net") if title in query)


def test_files_of_other_names_and_files_without_articles_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "a.jsonl").write_text("\n")
    for name, sentence in (("a.txt", r"expected a file named \*.jsonl"), ("a.jsonl", "no article to index"), ("b.jsonl", "cannot be read")):
        with pytest.raises(DataError, match=sentence):
            build_index([tmp_path / name], tmp_path / "index", engine="sqlite")


def test_an_index_is_replaced_when_it_is_made_again_and_nothing_else_is(engine: str, file: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "index"
    build_index([file], out, engine="sqlite")
    told: list[int] = []
    assert build_index([file, file], out, told.append, engine=engine) == 2 * len(ARTICLES) == told[-1]
    with PassageIndex(out) as index:
        assert (index.engine, index.size) == (engine, 2 * len(ARTICLES))
    assert os.listdir(out.parent) == ["index"]
    with pytest.raises(ConfigError, match="exists and is not a passage index"):
        build_index([file], tmp_path)
    with pytest.raises(ConfigError, match="exists and is not a passage index"):
        build_index([file], file)


def test_a_cut_off_index_says_which_file_is_short(index: PassageIndex, tmp_path: Path) -> None:
    index.close()
    sizes = json.loads((tmp_path / "index" / MANIFEST).read_text())["files"]
    for name, size in sizes.items():
        copy = tmp_path / "copy"
        shutil.copytree(tmp_path / "index", copy)
        os.truncate(copy / name, size - 1)
        with pytest.raises(DataError, match=f"copy is cut off: {name} has {size - 1} of {size} bytes; make one with: themis tools index"):
            PassageIndex(copy)
        (copy / name).unlink()
        with pytest.raises(DataError, match=f"{name} has 0 of {size} bytes"):
            PassageIndex(copy)
        shutil.rmtree(copy)


def test_what_is_no_index_is_told_in_a_sentence(index: PassageIndex, tmp_path: Path) -> None:
    manifest = tmp_path / "index" / MANIFEST
    text = manifest.read_text()
    for change, sentence in (
        (text[: len(text) // 2], "written by something else, or is cut off"),
        ('{"kind": "another"}', "written by something else"),
        (text.replace('"version": 1', '"version": 99'), "made by another version of Themis"),
    ):
        manifest.write_text(change)
        with pytest.raises(DataError, match=sentence):
            PassageIndex(tmp_path / "index")
    manifest.unlink()
    with pytest.raises(DataError, match=r"it has no manifest\.json; make one with: themis tools index"):
        PassageIndex(tmp_path / "index")
    with pytest.raises(DataError, match="there is no such folder"):
        PassageIndex(tmp_path / "nowhere")


def test_a_damaged_index_of_the_right_size_is_a_data_error(index: PassageIndex, tmp_path: Path) -> None:
    manifest = json.loads((tmp_path / "index" / MANIFEST).read_text())
    for name, size in manifest["files"].items():
        (tmp_path / "index" / name).write_bytes(b"\0" * size)
    with pytest.raises(DataError, match="make it again"):
        PassageIndex(tmp_path / "index")("Tennessee")


def test_an_index_of_an_engine_that_is_not_installed_names_the_extra(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tantivy", reason="the extra 'wiki' is not installed")
    build_index([file], tmp_path / "index")
    monkeypatch.setattr(wiki_index, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'themis-rm\[wiki\]'"):
        PassageIndex(tmp_path / "index")
    build_index([file], tmp_path / "index")
    with PassageIndex(tmp_path / "index") as index:
        assert index.engine == "sqlite"
    with pytest.raises(ConfigError, match="one of tantivy, sqlite, not 'lucene'"):
        build_index([file], tmp_path / "index", engine="lucene")


def test_an_index_is_read_where_nothing_can_be_written(index: PassageIndex, tmp_path: Path) -> None:
    index.close()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "index").iterdir()}
    (tmp_path / "index").chmod(0o555)
    try:
        with PassageIndex(tmp_path / "index") as again:
            assert again("Slipknot")
    finally:
        (tmp_path / "index").chmod(0o755)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "index").iterdir()} == before
