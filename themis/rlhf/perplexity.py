"""Perplexity of policies on held-out answers: how likely they find what people, or the data's makers, wrote.

The exponential of the mean negative log-probability of a token of the answers, given their questions. The end token
does not count, since a model that was never trained on answers does not know it. Bits a byte are told beside it:
perplexities of models with other tokenizers cannot be compared, these can.
Source: arXiv:2310.01045 compares policies by their perplexity.
"""

# Shapes:  A = answers

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import exp, log, sqrt
from typing import Any

import torch

from themis.errors import DataError
from themis.rlhf.policy import Policy, answer_logits, batch_of
from themis.rlhf.ppo.losses import log_probs_of
from themis.rlhf.prompts import Prompt

Z_95 = 1.959964
"""The normal quantile that leaves 2.5 % on either side."""


@dataclass(frozen=True, slots=True)
class Perplexity:
    """Of one policy on some answers."""

    perplexity: float
    low: float
    high: float
    """The 95 % interval over answers."""
    bits_per_byte: float
    answers: int
    tokens: int
    left_out: int
    """Answers that are longer than the context."""

    def to_json(self) -> dict[str, Any]:
        """As a row."""
        return asdict(self)


def ratio_interval(sums: Sequence[float], counts: Sequence[int]) -> tuple[float, float]:
    """The 95 % interval of sum(sums) / sum(counts), where each entry is one answer.

    Source: Cochran, Sampling Techniques (1977), chapter 6: the linearised variance of a ratio.
    """
    total, count = sum(counts), len(counts)
    mean = sum(sums) / total
    if count < 2:
        return float("-inf"), float("inf")
    squares = sum((value - mean * tokens) ** 2 for value, tokens in zip(sums, counts, strict=True))
    half = Z_95 * sqrt(squares * count / (count - 1)) / total
    return mean - half, mean + half


@torch.inference_mode()
def perplexity_of(policy: Policy, prompts: Sequence[Prompt], at_once: int = 8) -> Perplexity:
    """The perplexity of the reference answers. Raises `DataError` where none fits the context."""
    rows = [(policy.prompt_ids(prompt.case), policy.answer_ids(prompt.case.answer)[:-1]) for prompt in prompts]
    sizes = [len(prompt.case.answer.encode()) for prompt in prompts]
    kept = [place for place, (prompt, answer) in enumerate(rows) if answer and len(prompt) + len(answer) <= policy.context_length]
    if not kept:
        raise DataError(f"of {len(rows)} held-out answers none fits the {policy.context_length} tokens that the policy reads")
    sums: list[float] = []
    for start in range(0, len(kept), at_once):
        part = [rows[place] for place in kept[start : start + at_once]]
        prompts_of, answers = [prompt for prompt, _ in part], [answer for _, answer in part]
        batch = batch_of(prompts_of, answers, policy.tokenizer.pad_token_id, policy.lm.device)
        with policy.computing():
            logits_BTV = answer_logits(policy.lm, batch)
        sums += (-(log_probs_of(logits_BTV, batch.answer_BT) * batch.mask_BT).sum(1)).tolist()
    counts = [len(rows[place][1]) for place in kept]
    low, high = ratio_interval(sums, counts)
    bits = sum(sums) / log(2) / sum(sizes[place] for place in kept)
    return Perplexity(_exp(sum(sums) / sum(counts)), _exp(low), _exp(high), bits, len(kept), sum(counts), len(rows) - len(kept))


def _exp(value: float) -> float:
    return exp(value) if value < 700 else float("inf")
