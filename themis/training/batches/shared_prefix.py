"""Pairs as forked rows: what both judgements begin with stands once, and the two follow it as branches of one padded row.

Half of a long case is its context, which both answers share; so a step holds more pairs for the same tokens. Positions
go on from the trunk in either branch, and no branch sees the other (`themis.model.shared_prefix`). Knows nothing of models.
"""

# Shapes:  P = rows, one a pair   T = tokens of a row, padded   S = judgements (the chosen ones first, then the rejected ones)
#          K = 2 reward indices: the early one and the final one

from collections.abc import Sequence

import torch
from torch import Tensor

from themis.traces.token_row import NO_TARGET, Numbered

TRUNK, CHOSEN, REJECTED, PADDING = range(4)
"""Whose a token of a row is."""


def trunk(chosen: Numbered, rejected: Numbered) -> int:
    """How many tokens both begin with; a target of the rejected one alone ends it, and one token is left to it in any case."""
    most = min(len(chosen.token_ids), len(rejected.token_ids)) - 1
    for place in range(most):
        if chosen.token_ids[place] != rejected.token_ids[place] or rejected.kinds[place] != NO_TARGET:
            return place
    return most


def forked_length(chosen: Numbered, rejected: Numbered | None = None) -> int:
    """Tokens of a pair's row; of a single sequence its own."""
    return len(chosen.token_ids) if rejected is None else len(chosen.token_ids) + len(rejected.token_ids) - _fork(chosen, rejected)


def fork(pairs: Sequence[tuple[Numbered, Numbered]], length: int, pad_id: int) -> dict[str, Tensor]:
    """Rows [P, T] of pairs, with the flat places [S, K] of their rewards."""
    rows = _empty(len(pairs), length, pad_id)
    places: list[list[int]] = [[] for _ in range(2 * len(pairs))]
    for row, (chosen, rejected) in enumerate(pairs):
        begin, end = _fork(chosen, rejected), len(chosen.token_ids)
        _put(rows, row, 0, chosen, 0)
        _put(rows, row, end, rejected, begin)
        rows["branch"][row, begin:end] = CHOSEN
        rows["branch"][row, end : end + len(rejected.token_ids) - begin] = REJECTED
        places[row] = [row * length + index for index in (chosen.early_index, chosen.reward_index)]
        places[row + len(pairs)] = [row * length + end - begin + index for index in (rejected.early_index, rejected.reward_index)]
    return {**rows, "reward_index": torch.tensor(places, dtype=torch.long).view(-1, 2)}


def single(sequences: Sequence[Numbered], length: int, pad_id: int) -> dict[str, Tensor]:
    """Rows of one sequence each, of which no reward is read."""
    rows = _empty(len(sequences), length, pad_id)
    for row, sequence in enumerate(sequences):
        _put(rows, row, 0, sequence, 0)
        rows["branch"][row, : len(sequence.token_ids)] = TRUNK
    return {**rows, "reward_index": torch.zeros(0, 2, dtype=torch.long)}


def _fork(chosen: Numbered, rejected: Numbered) -> int:
    """Where the rejected branch begins: with a token of the trunk once more, so that its first target has a state of its own before it."""
    return max(0, trunk(chosen, rejected) - 1)


def _empty(rows: int, length: int, pad_id: int) -> dict[str, Tensor]:
    return {
        "token_ids": torch.full((rows, length), pad_id, dtype=torch.long),
        "position_ids": torch.zeros(rows, length, dtype=torch.long),
        "kinds": torch.full((rows, length), NO_TARGET, dtype=torch.long),
        "branch": torch.full((rows, length), PADDING, dtype=torch.long),
    }


def _put(rows: dict[str, Tensor], row: int, at: int, sequence: Numbered, begin: int) -> None:
    """The tokens of a sequence from `begin` on, written from the place `at` on."""
    own = slice(at, at + len(sequence.token_ids) - begin)
    rows["token_ids"][row, own] = torch.tensor(sequence.token_ids[begin:])
    rows["kinds"][row, own] = torch.tensor(sequence.kinds[begin:])
    rows["position_ids"][row, own] = torch.arange(begin, len(sequence.token_ids))
    rows["branch"][row, own] = TRUNK
