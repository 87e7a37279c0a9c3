"""Running text: what of the files is read, how often which, and that nothing of it is a case for measuring."""

from pathlib import Path
from random import Random

import pytest

from tests.builder.tasks.test_xquad import MILL, QUESTIONS
from tests.builder.tasks.test_xquad import write as write_xquad
from tests.builder.tasks.written import introductions
from themis.builder.tasks.translator.xquad import LANGUAGES
from themis.config import data_root
from themis.curriculum.texts import OTHER_LANGUAGES, SHORTEST, texts_of
from themis.data.published import measured_questions
from themis.errors import DataError
from themis.traces.tara import question_hash

LIGHT = "The light of Vell has stood on its rock since 1901. " * 5


def _with_xquad(root: Path) -> Path:
    for code in LANGUAGES:
        write_xquad(root, code)
    return root


def _drawn(root: Path, count: int = 300) -> list[str]:
    texts = texts_of(root)
    assert texts is not None
    return [texts(Random(seed)) for seed in range(count)]


def test_without_files_there_are_no_texts(tmp_path: Path) -> None:
    assert texts_of(None) is None
    assert texts_of(tmp_path) is None


def test_of_introductions_the_running_text_is_read_and_short_ones_are_left_out(tmp_path: Path) -> None:
    introductions(tmp_path, {"Vell": f"{LIGHT}\n\n\nKeepers\n\n-   Ada Voss", "Tarn": "x" * (SHORTEST - 1)})
    assert set(_drawn(tmp_path)) == {LIGHT}


def test_a_paragraph_is_followed_by_its_questions_in_their_language(tmp_path: Path) -> None:
    drawn = set(_drawn(_with_xquad(tmp_path)))
    assert len(drawn) == 2 * len(LANGUAGES)
    asked = [text for context, _, text, _ in QUESTIONS if context == MILL]
    assert "\n".join((MILL, *asked)) in drawn
    assert "\n".join((MILL, *(f"[th] {text}" for text in asked))) in drawn


def test_one_text_in_five_is_of_the_many_languages(tmp_path: Path) -> None:
    introductions(_with_xquad(tmp_path), {"Vell": LIGHT})
    others = sum(text != LIGHT for text in _drawn(tmp_path, 1_000))
    assert others / 1_000 == pytest.approx(OTHER_LANGUAGES, abs=0.05)


def test_what_is_drawn_depends_on_the_random_source_alone(tmp_path: Path) -> None:
    introductions(_with_xquad(tmp_path), {f"Vell {number}": f"{number} {LIGHT}" for number in range(20)})
    assert _drawn(tmp_path) == _drawn(tmp_path)


def test_a_line_without_text_is_named(tmp_path: Path) -> None:
    introductions(tmp_path, {"Vell": LIGHT, "Tarn": " "})
    with pytest.raises(DataError, match=r"intros\.jsonl\.xz, line 2: field 'text' is empty"):
        texts_of(tmp_path)


@pytest.mark.skipif(data_root() is None, reason="needs the encyclopedias' files: set THEMIS_DATA")
def test_no_text_holds_a_question_that_is_for_measuring() -> None:
    root = data_root()
    assert root is not None
    drawn, measured = set(_drawn(root, 8_000)), measured_questions(root)
    assert len(drawn) > 5_000
    assert not [line for text in drawn for line in text.split("\n") if question_hash(line) in measured]
