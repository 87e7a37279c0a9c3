"""Answers of the policy to a batch of questions, with their rewards and the numbers that the update starts from.

The batch is written in parts. While the judge and its tools work on one part, the policy writes the next.
"""

# Shapes:  B = answers   T = tokens of the longest answer   N = tokens of one answer

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from themis.rlhf.policy import alike, answer_logits, batch_of, uniform_numbers, write_answers
from themis.rlhf.ppo.losses import log_probs_of
from themis.rlhf.ppo.models import Models
from themis.rlhf.prompts import Prompt
from themis.rlhf.questions import Asked
from themis.rlhf.recipe import Ppo
from themis.rlhf.rewards import Judged, Rewarder


@dataclass(frozen=True, slots=True)
class Rollout:
    """An answer, and what the models made of it before the update."""

    asked: Asked
    token_ids: list[int]
    text: str
    ended: bool
    """Did the policy end it, or the limit?"""
    reward: float | None = None
    """By the judge; None where there is no honest one, or where the answer did not end and was not judged."""
    log_probs_N: Tensor = field(default_factory=lambda: torch.zeros(0))
    reference_N: Tensor = field(default_factory=lambda: torch.zeros(0))
    values_N: Tensor = field(default_factory=lambda: torch.zeros(0))

    @property
    def tokens(self) -> int:
        """Of the question and the answer."""
        return len(self.asked.token_ids) + len(self.token_ids)


@dataclass(slots=True)
class Seconds:
    """Where a step's time goes."""

    writing: float = 0.0
    reading: float = 0.0
    """The probabilities and values of the answers."""
    judging: float = 0.0
    """Of the judge's own thread."""
    waiting: float = 0.0
    """For the judge, when there was nothing else to do."""
    calls: float = 0.0
    """Not seconds: how many tools were called."""


def roll_out(
    models: Models, asked: Sequence[Asked], step: int, seed: int, settings: Ppo, rewarder: Rewarder
) -> tuple[list[Rollout], Seconds]:
    """Write, judge and read answers to all questions, in their order."""
    seconds, clock = Seconds(), time.monotonic
    parts = [asked[start : start + _size(asked, settings.parts)] for start in range(0, len(asked), _size(asked, settings.parts))]
    written = []
    for part in parts:
        begun = clock()
        answers = _written(models, part, step, seed, settings)
        seconds.writing += clock() - begun
        # An answer without its end gets its score by a rule: nobody needs to judge it.
        ended = [answer for answer in answers if answer.ended]
        written.append((answers, rewarder.submit([answer.asked.prompt.answered(answer.text) for answer in ended])))
    rollouts: list[Rollout] = []
    for answers, judging in written:
        begun = clock()
        read = _read(models, answers, settings)
        seconds.reading += clock() - begun
        begun = clock()
        judged = judging.result()
        seconds.waiting += clock() - begun
        seconds.judging += sum(entry.seconds for entry in judged)
        seconds.calls += sum(entry.tools for entry in judged)
        rollouts += _with_rewards(read, judged)
    return rollouts, seconds


def _size(asked: Sequence[Asked], parts: int) -> int:
    return max(1, -(-len(asked) // parts))


def _written(models: Models, part: Sequence[Asked], step: int, seed: int, settings: Ppo) -> list[Rollout]:
    numbers = uniform_numbers(seed, step, [asked.place for asked in part], settings.new_tokens)
    policy = models.policy
    answers = write_answers(policy, [asked.token_ids for asked in part], numbers, settings.temperature)
    return [
        Rollout(asked, answer, policy.text_of(answer), answer[-1] == policy.end_id) for asked, answer in zip(part, answers, strict=True)
    ]


@torch.no_grad()
def _read(models: Models, answers: Sequence[Rollout], settings: Ppo) -> list[Rollout]:
    """Probabilities by the policy and by its reference, and values."""
    found = list(answers)
    for places in alike([answer.tokens for answer in answers], settings.answers_at_once):
        some = [answers[place] for place in places]
        batch = batch_of(
            [answer.asked.token_ids for answer in some],
            [answer.token_ids for answer in some],
            models.policy.tokenizer.pad_token_id,
            models.policy.lm.device,
        )
        with models.policy.computing():
            policy_BT, reference_BT = (
                log_probs_of(answer_logits(lm, batch), batch.answer_BT, settings.temperature).cpu()
                for lm in (models.policy.lm, models.reference)
            )
            value_BT = models.value(batch).cpu()
        for row, place in enumerate(places):
            count = len(answers[place].token_ids)
            numbers = (each[row, :count].clone() for each in (policy_BT, reference_BT, value_BT))
            log_probs_N, reference_N, values_N = numbers
            found[place] = replace(answers[place], log_probs_N=log_probs_N, reference_N=reference_N, values_N=values_N)
    return found


def _with_rewards(answers: Sequence[Rollout], judged: Sequence[Judged]) -> list[Rollout]:
    coming = iter(judged)
    return [replace(answer, reward=next(coming).reward) if answer.ended else answer for answer in answers]


def share_true(rollouts: Sequence[Rollout], check: Callable[[Prompt, str], bool | None]) -> tuple[int, int]:
    """How many answers are true by the tools, and of how many they could say it."""
    found = [check(rollout.asked.prompt, rollout.text) for rollout in rollouts]
    return sum(one is True for one in found), sum(one is not None for one in found)
