"""Questions on texts as pairs of the task translator: which are asked, what is right and wrong, and what is never drawn."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.builder.tasks.written import KEEPERS, reading_folder
from themis.builder.text.reading import occurs
from themis.config import data_root
from themis.curriculum.reading import LONGEST, reading_sources
from themis.data.published import measured_questions
from themis.traces import Pair, Side
from themis.traces.tara import question_hash, write_tara

OF_A_KEEPER = "who keeps the lighthouse of vell"


def _drawn(draw: Callable[[Random], Pair | None], count: int) -> list[Pair]:
    return [pair for seed in range(count) if (pair := draw(Random(seed)))]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return reading_folder(tmp_path)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> list[Pair]:
    return _drawn(reading_sources(reading_folder(tmp_path_factory.mktemp("reading")))["reading"], 1_200)


def test_without_the_files_of_all_its_sources_there_is_no_such_source(root: Path) -> None:
    assert reading_sources(None) == {}
    (root / "popqa_neuropath/popqa.json.gz").unlink()
    assert reading_sources(root) == {}


def test_questions_of_people_and_questions_by_rule_are_asked(pairs: list[Pair]) -> None:
    asked = {pair.question for pair in pairs}
    assert {f"{OF_A_KEEPER} {number}" for number in range(len(KEEPERS))} < asked
    assert any("Rolf Lund" in question or "rolf lund" in question for question in asked)
    people = sum(pair.question.startswith(OF_A_KEEPER) or "occupation?" in pair.question for pair in pairs)
    assert 0.5 < people / len(pairs) < 0.75


def test_a_pair_is_as_the_task_translator_has_it_with_a_question_that_translates_to_itself(pairs: list[Pair]) -> None:
    for pair in pairs:
        assert pair.task == "translator"
        for side in (pair.chosen, pair.rejected):
            assert side.trace is not None
            assert side.trace.rationale
            (step,) = side.trace.steps
            assert step.action is not None
            assert step.observation is not None
            assert (step.action.tool, step.action.argument, step.observation.text) == ("translate", pair.question, pair.question)
        assert pair.chosen.score > pair.rejected.score


def test_the_right_answer_stands_in_the_context_and_never_in_the_wrong_one(pairs: list[Pair]) -> None:
    assert "Bo" in {pair.chosen.answer for pair in pairs}
    for pair in pairs:
        assert occurs(pair.chosen.answer, pair.context or "")
        assert not occurs(pair.chosen.answer, pair.rejected.answer)
        assert pair.rejected.answer.strip()


def test_one_question_has_many_wrong_answers(pairs: list[Pair]) -> None:
    wrong = {pair.rejected.answer for pair in pairs if pair.question == f"{OF_A_KEEPER} 1"}
    assert len(wrong) > 10


def test_some_texts_stand_among_others_none_longer_than_is_allowed(pairs: list[Pair]) -> None:
    of_one = [pair.context or "" for pair in pairs if pair.question == f"{OF_A_KEEPER} 0"]
    alone = min(of_one, key=len)
    assert all(alone in context for context in of_one)
    joined = sum(context != alone for context in of_one)
    assert 0.2 < joined / len(of_one) < 0.6
    assert max(len(pair.context or "") for pair in pairs) <= LONGEST


def test_the_same_seed_gives_the_same_pair(root: Path, pairs: list[Pair]) -> None:
    drawn = _drawn(reading_sources(root)["reading"], 100)
    assert drawn == pairs[: len(drawn)]


def test_questions_that_are_for_measuring_are_never_drawn(root: Path) -> None:
    held_out, of_dev = f"{OF_A_KEEPER} 0", f"{OF_A_KEEPER} 1"
    (root / "tara/holdout.sha256").write_text(question_hash(held_out) + "\n")
    dev = Pair("1", of_dev.upper(), Side(KEEPERS[1], 1.0), Side("Otto Krag", 0.0), task="wikisearch")
    write_tara([dev], root / "tara/wikisearch/dev.jsonl")
    asked = {pair.question for pair in _drawn(reading_sources(root)["reading"], 400)}
    assert {f"{OF_A_KEEPER} {number}" for number in range(2, len(KEEPERS))} < asked
    assert not {held_out, of_dev} & asked


@pytest.mark.skipif(data_root() is None, reason="needs the question files: set THEMIS_DATA")
def test_of_the_published_files_none_is_for_measuring_and_no_wrong_answer_holds_the_right_one() -> None:
    root = data_root()
    assert root is not None
    draw, measured = reading_sources(root)["reading"], measured_questions(root)
    pairs = _drawn(draw, 600)
    assert len(pairs) > 500
    for pair in pairs:
        assert question_hash(pair.question) not in measured
        assert occurs(pair.chosen.answer, pair.context or "")
        assert not occurs(pair.chosen.answer, pair.rejected.answer)


@pytest.mark.skipif(data_root() is None, reason="needs XQuAD and the question files: set THEMIS_DATA")
def test_in_another_language_the_english_question_is_what_was_observed() -> None:
    root = data_root()
    assert root is not None
    draw, measured = reading_sources(root)["reading/foreign"], measured_questions(root)
    pairs = _drawn(draw, 200)
    assert len(pairs) > 150
    for pair in pairs:
        assert question_hash(pair.question) not in measured
        assert occurs(pair.chosen.answer, pair.context or "")
        for side in (pair.chosen, pair.rejected):
            assert side.trace is not None
            (step,) = side.trace.steps
            assert step.action is not None
            assert step.observation is not None
            assert step.action.argument == pair.question != step.observation.text
            assert question_hash(step.observation.text) not in measured
    assert sum(not pair.question.isascii() for pair in pairs) > len(pairs) / 2
