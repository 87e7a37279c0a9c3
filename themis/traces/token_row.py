"""Token ids, loss kind per token, and reward positions of one judgement; and the two judgements of a pair.

Knows nothing of tensors (`themis.training.batches`) or of how the tokens are made (`segments`).
"""

from dataclasses import dataclass

NO_TARGET = -1
"""The kind of a token that no language-model loss is taken over."""


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One judgement as token ids."""

    token_ids: list[int]
    kinds: list[int]
    """For each token an index into `themis.losses.TARGET_KINDS`, or `NO_TARGET`."""
    early_index: int
    """Position of the early reward, which is read before the rationale."""
    reward_index: int
    """Position of the final reward."""

    def __len__(self) -> int:
        return len(self.token_ids)


@dataclass(frozen=True, slots=True)
class TokenPair:
    """The two judgements of a pair."""

    chosen: TokenRow
    rejected: TokenRow
    margin: float = 0.0
    """The required gap between the two rewards."""

    @property
    def rows(self) -> tuple[TokenRow, TokenRow]:
        return self.chosen, self.rejected

    @property
    def longest(self) -> int:
        """Tokens of the longer judgement."""
        return max(map(len, self.rows))

    @property
    def targets(self) -> int:
        """Tokens that a language-model loss is taken over. The first token of a row is never predicted."""
        return sum(kind != NO_TARGET for row in self.rows for kind in row.kinds[1:])

    @property
    def shared_prefix(self) -> int:
        """How many tokens both judgements begin with.

        A target of the rejected judgement alone ends the prefix. At least one token is left to each judgement.
        """
        chosen, rejected = self.rows
        most = min(len(chosen), len(rejected)) - 1
        for place in range(most):
            if chosen.token_ids[place] != rejected.token_ids[place] or rejected.kinds[place] != NO_TARGET:
                return place
        return most

    def cost(self, share: bool) -> int:
        """Tokens that are computed; with `share` those of the shared prefix once."""
        return len(self.chosen) + len(self.rejected) - (self.shared_prefix if share else 0)
