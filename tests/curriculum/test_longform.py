"""Long answers as pairs of the task webgpt: what is asked and found, how an answer is worse, and what a rationale may quote."""

import re
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.builder.tasks.written import introductions
from themis.builder.tasks.wikisearch.intros import INTROS
from themis.config import data_root
from themis.curriculum.longform import LEFT_OUT, LONGEST, LONGEST_RESULT, SHORTEST, longform_sources
from themis.curriculum.longform_wordings import EVASIVE
from themis.data.published import measured_questions
from themis.traces import Pair, Side
from themis.traces.tara import question_hash

TOWNS = tuple(f"{start}{end}" for start in ("Vel", "Tarn", "Mol", "Orl", "Kas") for end in ("by", "ham", "stad", "wick"))


def _town(number: int, name: str) -> str:
    return (
        f"The {name.upper()} () is a town in Norland{number}. It was founded by Peter Storm{number} in 17{number + 10}, and lies in "
        f'Westmark{number}.\n\nThe "old bridge" of {name} was built by Anna Lind{number} in 18{number + 20}. About {number + 310} ships '
        f"pass it in a month. {name} has a market and a school. Its people came from Sudland{number}, and live by Eva Berg{number} and her "
        f"mill. The mayor was elected in 19{number + 30}.\n\n\nHistory\n\nNothing of this is told."
    )


def _drawn(draw: Callable[[Random], Pair | None], count: int) -> list[Pair]:
    return [pair for seed in range(count) if (pair := draw(Random(seed)))]


def _folder(root: Path) -> Path:
    introductions(root, {f"{name} (town)": _town(number, name) for number, name in enumerate(TOWNS)} | {"List of towns": "Short."})
    (root / "tara").mkdir()
    (root / "tara/holdout.sha256").write_text("")
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return _folder(tmp_path)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> list[Pair]:
    return _drawn(longform_sources(_folder(tmp_path_factory.mktemp("longform")))["longform"], 800)


def _rationale(side: Side) -> str:
    assert side.trace is not None
    assert side.trace.rationale is not None
    return side.trace.rationale


def _search(side: Side) -> tuple[str, str]:
    assert side.trace is not None
    (step,) = side.trace.steps
    assert step.action is not None
    assert step.observation is not None
    assert step.action.tool == "google_serper"
    return step.action.argument, step.observation.text


def test_without_the_introductions_there_is_no_such_source(root: Path) -> None:
    assert longform_sources(None) == {}
    (root / INTROS).unlink()
    assert longform_sources(root) == {}


def test_a_chosen_answer_is_the_beginning_of_an_article_in_clean_prose(pairs: list[Pair]) -> None:
    assert len(pairs) > 700
    for pair in pairs:
        assert pair.task == "webgpt"
        assert SHORTEST <= len(pair.chosen.answer) <= LONGEST
        assert re.match(rf"The (?:{'|'.join(TOWNS)}) is a town|The 'old bridge' of", pair.chosen.answer)
        assert "Nothing of this" not in pair.chosen.answer


def test_both_answers_have_the_same_search_which_depends_on_the_question_alone(pairs: list[Pair]) -> None:
    queries: dict[str, str] = {}
    for pair in pairs:
        query, found = _search(pair.chosen)
        assert (query, found) == _search(pair.rejected)
        assert queries.setdefault(pair.question, query) == query
        assert 0 < len(found) <= LONGEST_RESULT


def test_the_longer_answer_is_chosen_more_often_than_not_but_far_from_always(pairs: list[Pair]) -> None:
    longer = sum(len(pair.chosen.answer) > len(pair.rejected.answer) for pair in pairs)
    assert 0.55 < longer / len(pairs) < 0.78


def test_worse_answers_say_too_little_speak_of_another_town_exchange_facts_wander_off_or_evade(pairs: list[Pair]) -> None:
    kinds = {"little": 0, "evasive": 0, "longer": 0, "as long": 0}
    for pair in pairs:
        worse, better = pair.rejected.answer, pair.chosen.answer
        assert worse != better
        if better.startswith(worse):
            kinds["little"] += 1
            assert len(better) - len(worse) >= LEFT_OUT
        elif any(re.fullmatch(re.escape(one).replace(r"\{subject\}", ".+"), worse) for one in EVASIVE):
            kinds["evasive"] += 1
        else:
            kinds["longer" if len(worse) > len(better) + 40 else "as long"] += 1
    assert 0.38 < kinds["little"] / len(pairs) < 0.58
    assert min(kinds.values()) > 0


def test_a_rationale_is_short_and_quotes_only_the_answer_or_what_was_found(pairs: list[Pair]) -> None:
    for pair in pairs:
        for side in (pair.chosen, pair.rejected):
            said = _rationale(side)
            assert len(said.split()) < 50
            assert re.match(r"The (?:answer|results)", said)
            for quoted in re.findall(r'"([^"]*)"', said):
                assert quoted.removeprefix("... ").removesuffix(" ...") in f"{side.answer}\n{_search(side)[1]}"


def test_the_same_seed_gives_the_same_pair(root: Path, pairs: list[Pair]) -> None:
    drawn = _drawn(longform_sources(root)["longform"], 60)
    assert drawn == pairs[: len(drawn)]


def test_questions_that_are_for_measuring_are_never_drawn(root: Path, pairs: list[Pair]) -> None:
    held_out = pairs[0].question
    (root / "tara/holdout.sha256").write_text(question_hash(held_out) + "\n")
    assert held_out not in {pair.question for pair in _drawn(longform_sources(root)["longform"], 400)}


@pytest.mark.skipif(data_root() is None, reason="needs the introductions: set THEMIS_DATA")
def test_of_the_published_introductions_pairs_are_made_nearly_always() -> None:
    root = data_root()
    assert root is not None
    pairs, measured = _drawn(longform_sources(root)["longform"], 500), measured_questions(root)
    assert len(pairs) > 480
    assert not any(question_hash(pair.question) in measured for pair in pairs)
