"""Pairs of the infinite streams by rule."""

from random import Random

from themis.builder.pairs import generated_pair
from themis.builder.tasks.registry import task_named
from themis.traces import Pair


def by_rule(task: str, seed: int | str = 0) -> Pair:
    """A pair of the task, another one for each seed."""
    return generated_pair(task_named(task), Random(seed), {})
