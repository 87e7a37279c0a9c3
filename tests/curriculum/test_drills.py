"""Drills: what is copied stands in what was given, only the copy is a target, and a match is told from a mismatch."""

from random import Random

import pytest

from tests.fakes import byte_tokenizer
from themis.curriculum.drills import copy_drill, match_drill
from themis.losses import TARGET_KINDS
from themis.tools.calculator import steps_argument
from themis.traces.segments import SegmentWriter
from themis.traces.token_row import NO_TARGET

TOKENIZER = byte_tokenizer()
WRITER = SegmentWriter(TOKENIZER)
LETTERS = TOKENIZER("abcdefghijklmnopqrstuvwxyz", add_special_tokens=False)["input_ids"]
SEEDS = range(200)


def _text(token_ids: list[int]) -> str:
    return str(TOKENIZER.decode(token_ids))


def _split(seed: int) -> tuple[str, str]:
    drill = copy_drill(Random(seed), WRITER, LETTERS)
    first = next(place for place, kind in enumerate(drill.kinds) if kind != NO_TARGET)
    assert all(kind != NO_TARGET for kind in drill.kinds[first:])
    return _text(drill.token_ids[:first]), _text(drill.token_ids[first:])


def _left_of(part: str, whole: str) -> bool:
    """Whether a text is what is left of another one, some letters of which are left out."""
    letters = iter(whole)
    return all(letter in letters for letter in part)


def test_some_drills_leave_out_words_of_what_was_given() -> None:
    left_out = [(given, wanted) for given, wanted in map(_split, SEEDS) if wanted.strip() not in given and ", " not in wanted]
    assert len(left_out) > 10
    assert all(_left_of(wanted.strip(), given) for given, wanted in left_out)


def test_a_copy_drill_asks_for_nothing_but_the_copy() -> None:
    for seed in SEEDS:
        given, wanted = _split(seed)
        assert given.endswith("Action Input:")
        assert wanted.endswith("\n")
        assert all(word.strip() in given for word in wanted.split(", ")) or _left_of(wanted.strip(), given)


def test_the_argument_of_a_drill_of_sums_is_the_calculators() -> None:
    sums = [(given, wanted) for given, wanted in map(_split, SEEDS) if "<<" in wanted]
    assert len(sums) > 50
    for given, wanted in sums:
        assert steps_argument(given) == wanted.strip()


@pytest.mark.parametrize("seed", range(40))
def test_a_match_drill_differs_only_in_the_answer_and_in_what_is_said_of_it(seed: int) -> None:
    right, wrong = match_drill(Random(seed), WRITER, LETTERS).rows
    texts = [_text(side.token_ids) for side in (right, wrong)]
    claims = [text.split("Answer:")[1].split("\n### ASSISTANT")[0] for text in texts]
    assert claims[0] != claims[1]
    observed = texts[0].split("Observation:")[1].split("\n")[0]
    assert observed == texts[1].split("Observation:")[1].split("\n")[0]
    assert f":{claims[0]};" in observed
    for side, text, claim in zip((right, wrong), texts, claims, strict=True):
        assert side.token_ids[side.early_index] == WRITER.rationale_id
        assert side.token_ids[side.reward_index] == WRITER.reward_id
        assert f"it says{claim}, the tool found{claims[0]}." in text


def test_a_mistaken_rationale_is_no_target() -> None:
    rationale = TARGET_KINDS.index("rationale")
    mistaken = 0
    for seed in SEEDS:
        right, _ = match_drill(Random(seed), WRITER, LETTERS).rows
        says_right = "The answer is right" in _text(right.token_ids)
        assert says_right == (rationale in right.kinds)
        mistaken += not says_right
    assert 0.15 < mistaken / len(SEEDS) < 0.35
