"""What a row may write."""

from typing import Any

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from tests.inference.test_row import row_of
from themis.inference.choice import GreedyChoice
from themis.traces.segments import SegmentWriter
from themis.traces.text import OBSERVATION, RATIONALE, REWARD, SPECIAL_TOKENS, TOOL


def likeliest(tokenizer: PreTrainedTokenizerFast, state: Any, *tokens: str) -> str | None:
    """What is chosen where these tokens are the likeliest, the first above the second and so on; three logits belong to no token."""
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
