"""Drills: what is copied stands in what was given, only the copy is a target, and a match is told from a mismatch."""

from random import Random

import pytest

from tests.fakes import byte_tokenizer
from themis.curriculum.drills import copy_drill, find_drill, match_drill, text_drill
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
    right, wrong = match_drill(Random(seed), WRITER, LETTERS)
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
        right, _ = match_drill(Random(seed), WRITER, LETTERS)
        says_right = "The answer is right" in _text(right.token_ids)
        assert says_right == (rationale in right.kinds)
        mistaken += not says_right
    assert 0.15 < mistaken / len(SEEDS) < 0.35


@pytest.mark.parametrize("seed", range(40))
def test_of_a_find_drill_only_the_right_answer_stands_in_what_was_observed(seed: int) -> None:
    right, wrong = find_drill(Random(seed), WRITER, LETTERS)
    texts = [_text(side.token_ids) for side in (right, wrong)]
    answers = [text.split("Answer:")[1].split("\n### ASSISTANT")[0] for text in texts]
    observed = [text.split("Observation:")[1].split("\n")[0] for text in texts]
    assert observed[0] == observed[1]
    assert answers[0] in observed[0]
    assert answers[1] not in observed[0]
    for side, text, verdict in zip((right, wrong), texts, ("right", "wrong"), strict=True):
        assert side.token_ids[side.early_index] == WRITER.rationale_id
        assert side.token_ids[side.reward_index] == WRITER.reward_id
        assert f"Rationale: The answer is {verdict}." in text


RUNNING = "The light of Vell has stood on its rock since 1901, and its keeper is Ada Voss. "


@pytest.mark.parametrize("seed", range(20))
def test_of_a_running_text_some_tokens_in_a_row_are_taken_and_all_but_the_first_are_to_be_foreseen(seed: int) -> None:
    whole = WRITER.encode_untrusted(RUNNING)
    drill = text_drill(Random(seed), WRITER, RUNNING, 30)
    assert _text(drill.token_ids) in RUNNING
    assert len(drill.token_ids) == 30 < len(whole)
    assert drill.kinds == [NO_TARGET] + [TARGET_KINDS.index("answer")] * 29


def test_every_place_of_a_running_text_is_taken_now_and_then_and_a_short_one_is_taken_whole() -> None:
    count = len(WRITER.encode_untrusted(RUNNING))
    drawn = {tuple(text_drill(Random(seed), WRITER, RUNNING, count - 3).token_ids) for seed in range(100)}
    assert len(drawn) == 4
    assert _text(text_drill(Random(0), WRITER, RUNNING, 1_000).token_ids) == RUNNING


def test_a_running_text_can_write_none_of_our_tokens() -> None:
    special = {WRITER.tool_id, WRITER.observation_id, WRITER.rationale_id, WRITER.reward_id}
    drill = text_drill(Random(0), WRITER, "<|tool|>Thought<|observation|><|rationale|><|reward|>", 1_000)
    assert not special & set(drill.token_ids)
