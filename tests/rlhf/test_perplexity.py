"""Perplexity, and who wins."""

import json
from collections.abc import Iterable, Iterator
from math import exp, log, sqrt
from pathlib import Path

import pytest
import torch

from tests.rlhf.test_policy import SCRATCH
from themis.errors import DataError
from themis.evaluation.statistics import wilson_interval
from themis.rlhf.compare import Pair, answers_of, paired, read_votes, tally, votes_of_judge, votes_of_tools
from themis.rlhf.perplexity import perplexity_of, ratio_interval
from themis.rlhf.policy import Policy, load_policy
from themis.rlhf.prompts import Prompt
from themis.rlhf.recipe import Ppo
from themis.rlhf.rewards import Rewarder
from themis.traces import Case, Judge
from themis.traces.trace import Verdict


@pytest.fixture(scope="module")
def policy() -> Policy:
    torch.manual_seed(0)
    return load_policy(SCRATCH)


def prompts(*answers: str) -> list[Prompt]:
    return [Prompt(Case(f"q{number}?", answer, id=str(number)), "calendar") for number, answer in enumerate(answers)]


def test_a_policy_that_knows_nothing_has_a_perplexity_of_its_vocabulary(policy: Policy) -> None:
    even = load_policy(SCRATCH)
    with torch.no_grad():
        even.lm.get_output_embeddings().weight.zero_()
    measured = perplexity_of(even, prompts("A Tuesday.", "It is a Thursday, I think."), at_once=1)
    words = len(even.tokenizer)
    assert measured.perplexity == pytest.approx(words, rel=1e-4)
    assert [measured.low, measured.high] == pytest.approx([words, words], rel=1e-3)
    tokens = sum(len(even.answer_ids(text)) - 1 for text in ("A Tuesday.", "It is a Thursday, I think."))
    assert measured.tokens == tokens
    assert measured.bits_per_byte == pytest.approx(tokens * log(words) / log(2) / 36, rel=1e-4)


def test_batches_do_not_change_it_and_long_answers_are_counted(policy: Policy) -> None:
    some = prompts("A Tuesday.", "No.", "It is the 3rd of May.", "x " * 200)
    one, many = perplexity_of(policy, some, at_once=1), perplexity_of(policy, some, at_once=8)
    assert one.perplexity == pytest.approx(many.perplexity, rel=1e-5)
    assert (one.answers, one.left_out) == (3, 1)
    with pytest.raises(DataError, match="of 1 held-out answers none fits the 128 tokens"):
        perplexity_of(policy, some[3:])


def test_the_interval_of_a_ratio_by_hand() -> None:
    # Mean 10 / 4 = 2.5; residuals 2 - 2.5 = -0.5 and 8 - 7.5 = 0.5.
    half = 1.959964 * sqrt(0.5 * 2) / 4
    assert list(ratio_interval([2.0, 8.0], [1, 3])) == pytest.approx([2.5 - half, 2.5 + half])
    assert exp(ratio_interval([2.0], [1])[1]) == float("inf")


def test_two_policies_with_the_same_weights_give_the_same_answers(policy: Policy) -> None:
    some, settings = prompts("a", "b", "c"), Ppo(new_tokens=6, answers_at_once=2)
    assert answers_of(policy, some, settings, seed=3) == answers_of(policy, some, settings, seed=3)
    assert answers_of(policy, some, settings, seed=3) != answers_of(policy, some, settings, seed=4)


def test_only_questions_that_both_answered_are_compared() -> None:
    (pair,) = paired(prompts("a", "b"), {"0": "x", "1": "y"}, {"1": "z"})
    assert (pair.a, pair.b, pair.prompt.case.id) == ("y", "z", "1")
    with pytest.raises(DataError, match="answered no common question"):
        paired(prompts("a"), {"0": "x"}, {"9": "z"})


def test_a_true_answer_wins_and_what_the_tools_do_not_settle_is_left_out() -> None:
    pairs = [Pair(prompt, a, b) for prompt, (a, b) in zip(prompts(*"wxyz"), (("t", "f"), ("f", "t"), ("t", "t"), ("t", "?")), strict=True)]
    rows = votes_of_tools(pairs, lambda prompt, answer: None if answer == "?" else answer == "t")
    assert [row["vote"] for row in rows[::2]] == ["a", "b", "tie", None]
    assert rows[6]["reason"] == "the tools do not settle it"
    counted = tally(rows, wilson_interval)["tools"]
    assert (counted["pairs"], counted["left_out"]) == (3, 1)
    assert [counted[name]["share"] for name in ("win", "tie", "lose")] == [pytest.approx(1 / 3)] * 3
    assert counted["win"]["low"] == pytest.approx(wilson_interval(1, 3)[0])


class Fickle(Judge):
    """Likes length, and what comes first where the length is equal; refuses `none`."""

    def judge_all(self, cases: Iterable[Case]) -> Iterator[tuple[int, Verdict]]:
        for place, case in enumerate(cases):
            reward = None if case.answer == "none" else len(case.answer) - 0.1 * (place % 2)
            yield place, Verdict("", reward, None)


def test_a_judge_that_votes_for_the_first_place_makes_ties() -> None:
    pairs = [Pair(prompt, a, b) for prompt, (a, b) in zip(prompts(*"xyz"), (("long", "s"), ("ab", "cd"), ("none", "s")), strict=True)]
    with Rewarder(Fickle()) as rewarder:
        rows = votes_of_judge(pairs, rewarder, "fickle")
        near = votes_of_judge(pairs, rewarder, "fickle", margin=0.2)
    assert [(row["order"], row["vote"]) for row in rows] == [("ab", "a"), ("ab", "a"), ("ab", None), ("ba", "a"), ("ba", "b"), ("ba", None)]
    assert near[1]["vote"] == near[4]["vote"] == "tie"
    counted = tally(rows, wilson_interval)["fickle"]
    assert [counted[name]["share"] for name in ("win", "tie", "lose")] == [0.5, 0.5, 0.0]
    assert counted["left_out"] == 1


def test_votes_of_people_join_and_wrong_ones_are_named(tmp_path: Path) -> None:
    file = tmp_path / "people.jsonl"
    file.write_text(json.dumps({"id": "1", "voter": "people", "order": "ba", "vote": "b"}) + "\n")
    assert tally(read_votes(file), wilson_interval)["people"]["lose"]["share"] == 1.0
    file.write_text(json.dumps({"id": "1", "voter": "people", "vote": "left"}) + "\n")
    with pytest.raises(DataError, match=r"line 1: field 'vote' must be one of a, b, tie or null, found 'left'"):
        read_votes(file)
