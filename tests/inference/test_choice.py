"""What a row may write."""

import math
from collections import Counter
from typing import Any

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from tests.inference.test_row import row_of
from themis.inference.engine.choice import SECOND_TRY, GreedyChoice, SampledChoice
from themis.traces.segments import SegmentWriter
from themis.traces.text import OBSERVATION, RATIONALE, REWARD, SPECIAL_TOKENS, TOOL


def likeliest(tokenizer: PreTrainedTokenizerFast, state: Any, *tokens: str) -> str | None:
    """The choice if these tokens are the likeliest, in falling order. Three logits belong to no token."""
    choose = GreedyChoice(tokenizer, SegmentWriter(tokenizer), len(tokenizer) + 3, torch.device("cpu"))
    logits = torch.zeros(1, len(tokenizer) + 3)
    logits[0, -3:] = 99
    for place, token in enumerate(tokens):
        logits[0, tokenizer.get_vocab()[token]] = 50 - place
    row = row_of(tokenizer)
    row.state = state
    (chosen,) = choose(logits, [row])
    return None if chosen is None else str(tokenizer.decode([chosen]))


@pytest.mark.parametrize(
    ("state", "closing"), [("action", {OBSERVATION, RATIONALE}), ("rationale", {REWARD}), ("choice", {TOOL, RATIONALE})]
)
def test_only_the_tokens_that_may_stand_there_are_written(state: str, closing: set[str], tokenizer: PreTrainedTokenizerFast) -> None:
    for token in SPECIAL_TOKENS:
        if token in closing:
            assert likeliest(tokenizer, state, token, "a") == token
        elif state != "choice":
            assert likeliest(tokenizer, state, token, "<pad>", "<eos>", "a", "b") == "a"
        else:
            assert likeliest(tokenizer, state, token, "<pad>", "<eos>", "a", RATIONALE) == RATIONALE


def test_nothing_is_chosen_where_the_numbers_are_none(tokenizer: PreTrainedTokenizerFast) -> None:
    choose = GreedyChoice(tokenizer, SegmentWriter(tokenizer), len(tokenizer), torch.device("cpu"))
    logits = torch.zeros(3, len(tokenizer))
    logits[1, 7] = torch.nan
    logits[2, 9] = 1
    assert choose(logits, [row_of(tokenizer)] * 3)[1:] == [None, 9]


def test_drawn_tokens_follow_the_probabilities_and_stay_with_what_is_allowed(tokenizer: PreTrainedTokenizerFast) -> None:
    greedy = GreedyChoice(tokenizer, SegmentWriter(tokenizer), len(tokenizer), torch.device("cpu"))
    logits = torch.full((1, len(tokenizer)), -50.0)
    a, b, reward = (tokenizer.get_vocab()[token] for token in ("a", "b", REWARD))
    logits[0, [a, b, reward]] = torch.tensor([0.0, math.log(3.0), 40.0])
    row = row_of(tokenizer)
    row.state = "action"
    for temperature, share in ((1.0, 3 / 4), (0.5, 9 / 10)):
        drawn = Counter(SampledChoice(greedy, temperature)(logits, [row])[0] for _ in range(2000))
        assert set(drawn) == {a, b}
        assert drawn[b] / 2000 == pytest.approx(share, abs=0.04)


def test_nothing_is_drawn_where_the_numbers_are_none(tokenizer: PreTrainedTokenizerFast) -> None:
    choose = SampledChoice(GreedyChoice(tokenizer, SegmentWriter(tokenizer), len(tokenizer), torch.device("cpu")), 1.0)
    logits = torch.zeros(2, len(tokenizer))
    logits[0, 7] = torch.nan
    logits[1, 9] = 90
    assert choose(logits, [row_of(tokenizer)] * 2) == [None, 9]


def test_a_call_that_is_written_again_is_drawn_and_the_rows_beside_it_are_not(tokenizer: PreTrainedTokenizerFast) -> None:
    choose = GreedyChoice(tokenizer, SegmentWriter(tokenizer), len(tokenizer), torch.device("cpu"))
    a, b = (tokenizer.get_vocab()[token] for token in ("a", "b"))
    logits = torch.full((2, len(tokenizer)), -50.0)
    logits[:, a], logits[:, b] = 0.0, SECOND_TRY * math.log(3.0)
    rows = [row_of(tokenizer), row_of(tokenizer)]
    rows[0].is_second_try = True
    chosen = [choose(logits, rows) for _ in range(2000)]
    drawn = Counter(tokens[0] for tokens in chosen)
    assert set(drawn) == {a, b}
    assert drawn[b] / 2000 == pytest.approx(3 / 4, abs=0.04)
    assert {tokens[1] for tokens in chosen} == {b}
