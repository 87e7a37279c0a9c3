"""XQuAD as drafts: parallel questions, joined contexts, wrong answers of other questions."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from themis.builder.tasks.translator.xquad import LANGUAGES, SOURCES, read_xquad
from themis.config import data_root
from themis.errors import DataError

MILL = "The mill at Arden was built in 1821 by Jane Holt. It burnt down in 1877 and was never rebuilt."
RIVER = "The river Lode runs past Arden. Its bridge was opened by Tom Ferris in 1902."
QUESTIONS = (
    (MILL, "m1", "Who built the mill at Arden?", "Jane Holt."),
    (MILL, "m2", "When did the mill burn down?", "1877"),
    (RIVER, "r1", "Who opened the bridge over the Lode?", "Tom Ferris"),
)


def write(root: Path, code: str, questions: tuple[tuple[str, str, str, str], ...] = QUESTIONS) -> None:
    paragraphs: list[dict[str, Any]] = []
    for context in (MILL, RIVER):
        asked = [row for row in questions if row[0] == context]
        qas = [
            {"id": name, "question": text if code == "en" else f"[{code}] {text}", "answers": [{"text": answer}]}
            for _, name, text, answer in asked
        ]
        paragraphs.append({"context": context, "qas": qas})
    folder = root / "xquad"
    folder.mkdir(exist_ok=True)
    with gzip.open(folder / f"xquad.{code}.json.gz", "wt", encoding="utf-8") as file:
        json.dump({"data": [{"title": "Arden", "paragraphs": paragraphs}]}, file)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for code in LANGUAGES:
        write(tmp_path, code)
    return tmp_path


def test_a_question_stands_in_every_language_and_translates_to_the_english_one(root: Path) -> None:
    drafts = list(read_xquad(root, 1, 100))
    assert len(drafts) == len(QUESTIONS) * len(LANGUAGES)
    english = {name: text for _, name, text, _ in QUESTIONS}
    for draft in drafts:
        _, code, name = draft.id.split("/")
        assert draft.recorded == (("translate", draft.question, english[name]),)
        assert draft.question == english[name] if code == "en" else draft.question.startswith(f"[{code}]")
        assert draft.facts == {"language": LANGUAGES[code]}
        assert draft.group == "xquad/Arden"


def test_the_answer_stands_in_the_context_without_the_full_stop_that_was_marked_with_it(root: Path) -> None:
    drafts = [draft for draft in read_xquad(root, 1, 100) if draft.id.endswith("/m1")]
    assert {draft.chosen for draft in drafts} == {"Jane Holt"}
    assert all(draft.chosen in (draft.context or "") for draft in drafts)


def test_some_contexts_join_neighbouring_paragraphs_in_their_order(root: Path) -> None:
    contexts = {draft.context for draft in read_xquad(root, 1, 100)}
    assert contexts == {MILL, RIVER, f"{MILL} {RIVER}"}


def test_wrong_answers_are_those_of_other_questions_on_the_context_asked_alike_first(root: Path) -> None:
    joined = [draft for draft in read_xquad(root, 1, 100) if draft.id.endswith("/m1") and draft.context != MILL]
    assert joined
    assert {draft.rejected for draft in joined} == {("Tom Ferris", "1877")}


def test_a_question_in_nearly_the_same_words_gives_no_wrong_answer(root: Path) -> None:
    for code in LANGUAGES:
        write(root, code, (*QUESTIONS, (MILL, "m3", "Who else built the mill at Arden?", "its owner")))
    drafts = [draft for draft in read_xquad(root, 1, 100) if draft.id.endswith("/m1")]
    assert all("its owner" not in draft.rejected for draft in drafts)


def test_the_same_seed_gives_the_same_drafts_and_no_more_than_are_wanted(root: Path) -> None:
    assert list(read_xquad(root, 1, 7)) == list(read_xquad(root, 1, 100))[:7]
    assert list(read_xquad(root, 1, 7)) != list(read_xquad(root, 2, 7))


def test_a_field_that_is_missing_is_named_with_its_place(root: Path) -> None:
    with gzip.open(root / "xquad" / "xquad.en.json.gz", "wt", encoding="utf-8") as file:
        json.dump({"data": [{"title": "Arden", "paragraphs": [{"context": MILL, "qas": [{"id": "m1", "answers": []}]}]}]}, file)
    with pytest.raises(DataError, match=r"xquad\.en\.json\.gz, data\[0\], paragraphs\[0\], qas\[0\]: field 'question' is missing"):
        list(read_xquad(root, 1, 5))


def test_a_file_of_another_kind_is_refused_in_one_sentence(root: Path) -> None:
    (root / "xquad" / "xquad.de.json.gz").write_text("no gzip")
    with pytest.raises(DataError, match=r"xquad\.de\.json\.gz is cut off"):
        list(read_xquad(root, 1, 5))


def test_the_published_files_hold_1190_questions_in_ten_languages() -> None:
    data = data_root()
    if data is None or not all((data / file).is_file() for file in SOURCES[0].files):
        pytest.skip("the data sets are not at hand: set THEMIS_DATA")
    drafts = list(read_xquad(data, 4, 2_380))
    assert len({draft.id for draft in drafts}) == 2_380
    assert len({draft.id.rsplit("/", 1)[1] for draft in drafts[:1_190]}) == 1_190
    assert all(draft.chosen in (draft.context or "") for draft in drafts)
