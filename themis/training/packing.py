"""Pairs joined into one sequence without padding, and the tokens that both answers share read once.

A pair is a little tree: the trunk is what its two sequences have in common (the prompt, at least), the
branches are what follows. The trunk is computed once; positions go on from it in either branch. Knows
nothing of models: `themis.model.packed` says how such a sequence is attended to.
"""

# Shapes:  N = tokens in the joined sequence   S = sequences (the chosen answers first, then the rejected ones)
#          M = language-model targets   T = tokens of a group's longest row   K = 2 reward indices

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from themis.traces.token_row import NO_TARGET, Numbered
from themis.training.batches.shared_prefix import trunk

LIKE_LENGTH = 0.75
"""Rows of a group are at least so long, as a share of its longest."""

PADDING = 0.1
"""Of the tokens that a padded batch may have, so many may be padding."""


@dataclass(frozen=True, slots=True)
class Couple:
    """A pair as numbers, with the margin by which its rewards must differ."""

    chosen: Numbered
    rejected: Numbered
    margin: float = 0.0

    @property
    def longest(self) -> int:
        return max(len(self.chosen.token_ids), len(self.rejected.token_ids))

    @property
    def targets(self) -> int:
        return sum(kind != NO_TARGET for side in (self.chosen, self.rejected) for kind in side.kinds[1:])

    def cost(self, share: bool) -> int:
        """Tokens that are computed."""
        return len(self.chosen.token_ids) + len(self.rejected.token_ids) - (trunk(self.chosen, self.rejected) if share else 0)


def pack(couples: Sequence[Couple], share: bool = True) -> dict[str, Any]:
    """The tensors of pairs joined: tokens, positions, rows, targets by the state that predicts each, and where rewards are read."""
    token_ids: list[int] = []
    positions: list[int] = []
    sides: list[Numbered] = [couple.chosen for couple in couples] + [couple.rejected for couple in couples]
    rows: list[list[int]] = [[] for _ in sides]
    first_own: list[int] = [0] * len(sides)
    for place, couple in enumerate(couples):
        shared = trunk(couple.chosen, couple.rejected) if share else 0
        for row, side, begin in ((place, couple.chosen, 0), (place + len(couples), couple.rejected, shared)):
            own = range(len(token_ids), len(token_ids) + len(side.token_ids) - begin)
            rows[row] = [*rows[place][:begin], *own]
            first_own[row] = begin
            token_ids += side.token_ids[begin:]
            positions += range(begin, len(side.token_ids))
    groups, owner = _groups(rows, first_own, len(token_ids))
    targets = [
        (rows[row][place - 1], side.token_ids[place], side.kinds[place])
        for row, side in enumerate(sides)
        for place in range(max(1, first_own[row]), len(side.token_ids))
        if side.kinds[place] != NO_TARGET
    ]
    state_M, target_M, kind_M = (torch.tensor([target[column] for target in targets], dtype=torch.long) for column in range(3))
    return {
        "token_ids": torch.tensor([token_ids]),
        "position_ids": torch.tensor([positions]),
        "groups": groups,
        "owner": owner,
        "target_state": state_M,
        "target_ids": target_M,
        "target_kinds": kind_M,
        "reward_index": torch.tensor([[rows[row][side.early_index], rows[row][side.reward_index]] for row, side in enumerate(sides)]),
        "margin": torch.tensor([couple.margin for couple in couples]),
    }


def _groups(rows: Sequence[Sequence[int]], first_own: Sequence[int], tokens: int) -> tuple[list[Tensor], Tensor]:
    """Rows of like length together, each group a tensor [S, T]; and for each token its place among all rows' tokens."""
    order = sorted(range(len(rows)), key=lambda row: -len(rows[row]))
    grouped: list[list[int]] = []
    for row in order:
        if not grouped or len(rows[row]) < LIKE_LENGTH * len(rows[grouped[-1][0]]):
            grouped.append([])
        grouped[-1].append(row)
    groups: list[Tensor] = []
    owner_N = torch.empty(tokens, dtype=torch.long)
    before = 0
    for group in grouped:
        longest = len(rows[group[0]])
        index_ST = torch.zeros(len(group), longest, dtype=torch.long)
        for place, row in enumerate(group):
            own = torch.tensor(rows[row])
            index_ST[place, : len(own)] = own
            begin = first_own[row]
            owner_N[own[begin:]] = before + place * longest + torch.arange(begin, len(own))
        groups.append(index_ST)
        before += index_ST.numel()
    return groups, owner_N


def bins(costs: Sequence[int], most: int, multiple: int = 1) -> list[list[int]]:
    """Places of the costs in as few bins of about `most` as will do, evenly filled; their number is a multiple of `multiple`."""
    count = -(-sum(costs) // most)
    count = max(1, -(-count // multiple)) * multiple
    filled: list[tuple[int, list[int]]] = [(0, []) for _ in range(count)]
    for place in sorted(range(len(costs)), key=lambda place: -costs[place]):
        lightest = min(range(count), key=lambda number: filled[number][0])
        total, members = filled[lightest]
        filled[lightest] = total + costs[place], [*members, place]
    return [sorted(members) for _, members in filled]


def like_lengths(lengths: Sequence[int], most: int, multiple: int = 1) -> list[list[int]]:
    """Places of pairs that will be padded to the longest beside them: batches of at most `most` tokens, little of it padding.

    The number of batches is a multiple of `multiple`; where pairs are few, some batches are empty.
    """
    batches: list[list[int]] = []
    padding = 0
    for place in sorted(range(len(lengths)), key=lambda place: -lengths[place]):
        longest = lengths[batches[-1][0]] if batches else 0
        padding += 2 * (longest - lengths[place])
        if batches and padding <= PADDING * most and 2 * longest * (len(batches[-1]) + 1) <= most:
            batches[-1].append(place)
        else:
            batches.append([place])
            padding = 0
    while len(batches) % multiple:
        fullest = max(batches, key=len)
        batches.append([fullest.pop() for _ in range(len(fullest) // 2)])
    return [sorted(members) for members in batches]
