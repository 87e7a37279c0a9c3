"""Reads whole rows packed into one sequence, without padding and without a cache; equal beginnings are read once.

For judges that read the reward right after the case: each row is read in one pass, and done. Answers to one question
share its tokens, whoever asked.
"""

# Shapes:  N = tokens of a pass   S = rows of a group   T = tokens of its longest row   H = hidden width

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from themis.inference.engine.row import Row
from themis.model.packed import PackedRows
from themis.model.reward_model import RewardModel

PASS_TOKENS = 1024
"""The most tokens of one pass: more do not stay in the memory that a core has for itself, and are slower."""
LIKE = 1.25
"""How many times longer than its shortest row a row of a group may be."""


@dataclass
class Pack:
    """The tokens of a pass, and where they stand."""

    token_ids: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    places: list[list[int]] = field(default_factory=list)
    """For each row those of its tokens in the pass."""

    def shared(self, row: Row) -> int:
        """How many tokens a row has in common with the last one."""
        last = self.rows[-1].token_ids if self.rows else []
        most = min(len(last), len(row.token_ids))
        return next((place for place in range(most) if last[place] != row.token_ids[place]), most)

    def add(self, row: Row, shared: int) -> None:
        own = range(len(self.token_ids), len(self.token_ids) + len(row.token_ids) - shared)
        self.places.append([*(self.places[-1][:shared] if shared else ()), *own])
        self.token_ids += row.token_ids[shared:]
        self.positions += range(shared, len(row.token_ids))
        self.rows.append(row)


class PackedReader:
    """A `Reader` whose rows are all new."""

    def __init__(self, model: RewardModel, pass_tokens: int = PASS_TOKENS) -> None:
        """The model reads packed rows: see `RewardModel.enable_packing`."""
        self.rows: list[Row] = []
        self._model, self._pass_tokens = model, pass_tokens
        self._device = model.score.weight.device

    def read(self, newcomers: list[Row]) -> Tensor:
        packs = packed(newcomers, self._pass_tokens)
        self.rows += [row for pack in packs for row in pack.rows]
        return torch.cat([self._read_pass(pack) for pack in packs])

    def leave(self, row: Row) -> None:
        self.rows.remove(row)

    def _read_pass(self, pack: Pack) -> Tensor:
        groups, owners = grouped(pack.places, len(pack.token_ids))
        attention = PackedRows([torch.tensor(group, device=self._device) for group in groups], torch.tensor(owners, device=self._device))
        tokens_1N, positions_1N = (torch.tensor([values], device=self._device) for values in (pack.token_ids, pack.positions))
        hidden_1NH: Tensor = self._model(tokens_1N, positions_1N, attention)
        for row in pack.rows:
            row.read = len(row.token_ids)
        return hidden_1NH[0, [places[-1] for places in pack.places]]


def packed(rows: Sequence[Row], pass_tokens: int) -> list[Pack]:
    """Packs of at most so many tokens, or of one row that has more."""
    packs: list[Pack] = []
    for row in sorted(rows, key=lambda row: row.token_ids):
        shared = packs[-1].shared(row) if packs else 0
        if not packs or len(packs[-1].token_ids) + len(row.token_ids) - shared > pass_tokens:
            packs.append(Pack())
            shared = 0
        packs[-1].add(row, shared)
    return packs


def grouped(places: Sequence[Sequence[int]], tokens: int) -> tuple[list[list[list[int]]], list[int]]:
    """Groups [S, T] of rows of like length, filled up with place 0; and each token's place in all groups."""
    groups: list[list[list[int]]] = []
    for row in sorted(places, key=len, reverse=True):
        if not groups or len(groups[-1][0]) > LIKE * len(row):
            groups.append([])
        width = len(groups[-1][0]) if groups[-1] else len(row)
        groups[-1].append([*row, *[0] * (width - len(row))])
    lengths = iter(sorted(map(len, places), reverse=True))
    owners, start = [0] * tokens, 0
    for group in groups:
        for row in group:
            for place, token in enumerate(row[: next(lengths)]):
                owners[token] = start + place
            start += len(row)
    return groups, owners
