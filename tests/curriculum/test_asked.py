"""Real questions with their paragraphs as pairs of the task wikisearch: the forms of answers, what is wrong, what settles nothing."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.builder.tasks.written import KEEPERS, reading_folder
from themis.builder.tasks.wikisearch.agents import query_of
from themis.builder.text.reading import occurs
from themis.config import data_root
from themis.curriculum.answer_forms import absurd, in_a_form, in_a_row, in_a_sentence
from themis.curriculum.asked import asked_sources
from themis.data.published import measured_questions
from themis.traces import Pair, Side
from themis.traces.tara import question_hash, write_tara

OF_A_KEEPER = "who keeps the lighthouse of vell"
RIGHT = {f"{OF_A_KEEPER} {number}": keeper for number, keeper in enumerate(KEEPERS)} | {
    "What is Karl Orla's occupation?": "painter",
    "What is Sven Hald's occupation?": "surgeon",
}
RESERVED = "What is Sven Hald's occupation?"
"""Kept for pairs of worlds, and so never trained on."""


def _drawn(draw: Callable[[Random], Pair | None], count: int) -> list[Pair]:
    return [pair for seed in range(count) if (pair := draw(Random(seed)))]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return reading_folder(tmp_path)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> list[Pair]:
    return _drawn(asked_sources(reading_folder(tmp_path_factory.mktemp("asked")))["asked/wikisearch"], 1_000)


def _observed(side: Side) -> str:
    assert side.trace is not None
    (step,) = side.trace.steps
    assert step.observation is not None
    return step.observation.text


def test_without_the_files_of_both_its_sources_there_is_no_such_source(root: Path) -> None:
    assert asked_sources(None) == {}
    (root / "popqa_neuropath/popqa.json.gz").unlink()
    assert asked_sources(root) == {}


def test_both_sides_look_up_the_questions_own_paragraph_in_the_words_of_the_question(pairs: list[Pair]) -> None:
    assert {pair.question for pair in pairs} == RIGHT.keys() - {RESERVED}
    for pair in pairs:
        assert pair.chosen.trace is not None
        assert pair.rejected.trace is not None
        assert pair.chosen.trace.steps == pair.rejected.trace.steps
        (step,) = pair.chosen.trace.steps
        assert step.action is not None
        assert (step.action.tool, step.action.argument) == ("wiki_search", query_of(pair.question))
        title, mark, text = _observed(pair.chosen).partition(" | ")
        assert title
        assert mark
        assert len(text.split()) <= 100


def test_the_right_answer_stands_in_most_paragraphs_and_where_it_does_not_the_rationale_says_so(pairs: list[Pair]) -> None:
    open_ones = [pair for pair in pairs if not occurs(RIGHT[pair.question], _observed(pair.chosen))]
    assert 0.2 < len(open_ones) / len(pairs) < 0.5
    for pair in open_ones:
        assert pair.chosen.trace is not None
        assert "passage" in (pair.chosen.trace.rationale or "")


def test_a_wrong_answer_never_holds_the_right_one(pairs: list[Pair]) -> None:
    for pair in pairs:
        assert not occurs(RIGHT[pair.question], pair.rejected.answer)
        assert pair.rejected.answer.strip()


def test_right_and_wrong_answers_have_the_same_forms_about_as_often(pairs: list[Pair]) -> None:
    for has_form in (lambda answer: answer.endswith("."), lambda answer: ", " in answer, lambda answer: "vell" in answer):
        right, wrong = (sum(has_form(side.answer) for side in sides) / len(pairs) for sides in zip(*map(_sides, pairs), strict=True))
        assert abs(right - wrong) < 0.1
        assert right > 0.03


def _sides(pair: Pair) -> tuple[Side, Side]:
    return pair.chosen, pair.rejected


def test_one_question_has_many_wrong_answers(pairs: list[Pair]) -> None:
    assert len({pair.rejected.answer for pair in pairs if pair.question == f"{OF_A_KEEPER} 1"}) > 15


def test_a_sentence_repeats_the_question_and_holds_the_answer() -> None:
    found = {in_a_sentence("what is the capital of norland", "Vellby", Random(seed)) for seed in range(60)}
    assert "The capital of norland is Vellby." in found
    assert 'The answer to "what is the capital of norland" is Vellby.' in found
    assert "Olaf Hald was born in Vellby." in {
        in_a_sentence("In what city was Olaf Hald born?", "Vellby", Random(seed)) for seed in range(9)
    }


def test_a_row_holds_the_answer_and_names_that_are_given_or_parts_of_it() -> None:
    assert sorted(in_a_row("actor", ("actress",), Random(0)).split(", ")) == ["actor", "actress"]
    assert "Ada Voss" in in_a_row("Ada Voss", (), Random(0)).split(", ")


def test_most_answers_stay_bare_and_all_things_absurd_differ() -> None:
    bare = sum(in_a_form("who is it", "Ada Voss", (), Random(seed)) == "Ada Voss" for seed in range(400))
    assert 0.5 < bare / 400 < 0.7
    assert len({absurd(Random(seed)) for seed in range(200)}) > 100


def test_the_same_seed_gives_the_same_pair(root: Path, pairs: list[Pair]) -> None:
    drawn = _drawn(asked_sources(root)["asked/wikisearch"], 100)
    assert drawn == pairs[: len(drawn)]


def test_questions_that_are_for_measuring_are_never_drawn(root: Path) -> None:
    held_out, of_dev = f"{OF_A_KEEPER} 0", f"{OF_A_KEEPER} 1"
    (root / "tara/holdout.sha256").write_text(question_hash(held_out) + "\n")
    dev = Pair("1", of_dev.upper(), Side(KEEPERS[1], 1.0), Side("Otto Krag", 0.0), task="wikisearch")
    write_tara([dev], root / "tara/wikisearch/dev.jsonl")
    asked = {pair.question for pair in _drawn(asked_sources(root)["asked/wikisearch"], 400)}
    assert asked == set(RIGHT) - {held_out, of_dev, RESERVED}


@pytest.mark.skipif(data_root() is None, reason="needs the question files: set THEMIS_DATA")
def test_of_the_published_files_none_is_for_measuring_and_a_third_settle_nothing() -> None:
    root = data_root()
    assert root is not None
    pairs, measured = _drawn(asked_sources(root)["asked/wikisearch"], 600), measured_questions(root)
    assert len(pairs) > 480
    assert not any(question_hash(pair.question) in measured for pair in pairs)
    unsettled = sum("passage" in (pair.chosen.trace.rationale or "") for pair in pairs if pair.chosen.trace)
    assert 0.27 < unsettled / len(pairs) < 0.4
