"""Questions as a policy reads them, and the order in which a run asks them.

The order depends on a seed and on the number of a step alone. Knows nothing of answers or rewards.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from themis.errors import DataError
from themis.rlhf.policy import Policy, mixed
from themis.rlhf.prompts import Prompt


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of a step."""

    place: int
    """In the step's batch."""
    prompt: Prompt
    token_ids: list[int]


def questions_that_fit(policy: Policy, prompts: Sequence[Prompt], new_tokens: int, notice: Callable[[str], None]) -> list[Asked]:
    """The questions whose answers have room in the context; the others are counted. Raises `DataError` without any."""
    asked = [Asked(0, prompt, policy.prompt_ids(prompt.case)) for prompt in prompts]
    room = policy.context_length - new_tokens
    fitting = [each for each in asked if len(each.token_ids) <= room]
    if not fitting:
        shortest = min(len(each.token_ids) for each in asked)
        raise DataError(
            f"all {len(asked)} questions are too long: the policy reads {policy.context_length} tokens, the shortest question has "
            f"{shortest}, and an answer may have {new_tokens}: give a smaller ppo.new_tokens, or a policy with a longer context"
        )
    if left := len(asked) - len(fitting):
        notice(f"left out: {left} of {len(asked)} questions, which are longer than the policy's context with an answer")
    return fitting


def batch_of_step(asked: Sequence[Asked], step: int, size: int, seed: int) -> list[Asked]:
    """The questions of a step: each pass over all of them has an order of its own."""
    batch = []
    for place in range(size):
        number, at = divmod(step * size + place, len(asked))
        batch.append(asked[order_of(len(asked), seed, number)[at]])
    return [Asked(place, each.prompt, each.token_ids) for place, each in enumerate(batch)]


def order_of(count: int, seed: int, number: int) -> list[int]:
    """The order of so many things in a pass of a number."""
    order = list(range(count))
    Random(mixed(seed, number)).shuffle(order)
    return order
