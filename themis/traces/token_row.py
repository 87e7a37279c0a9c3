"""One judgement as numbers, as batches and drills make it and as the losses read it."""

from dataclasses import dataclass

NO_TARGET = -1
"""The kind of a token that is no language-model target."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """Its tokens, the kind of loss of each, and where its rewards are read."""

    token_ids: list[int]
    kinds: list[int]
    early_index: int
    reward_index: int
