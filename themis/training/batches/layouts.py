"""The tensors of one forward pass: a type for each layout of judgements in rows.

`Padded` has a row for each judgement. `SharedPrefix` has a row for each pair, and in it the shared prefix once.
`Packed` joins all judgements in one row without padding, each shared prefix once. `Masked` has rows for an encoder.
A layout collates token rows and reads a model. Knows nothing of losses or of which pairs are read together.
"""

# Shapes:  S = judgements (the chosen ones first, then the rejected ones)   P = pairs   T = tokens of a row, padded
#          N = tokens of the packed row   M = language-model targets   H = hidden width
#          K = 2 rewards of a judgement: the early one and the final one
#          Y, X = rows and tokens of a layout: [S, T] padded, [P, T] with shared prefixes, [1, N] packed

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Generic, NamedTuple, Self, TypeVar, cast

import torch
from torch import Tensor, nn

from themis.model.encoder import CaseWriter, Written
from themis.model.packed import PackedRows
from themis.model.reward_model import RewardModel
from themis.model.shared_prefix import CHOSEN, PADDING, PREFIX, REJECTED, Branches
from themis.traces.token_row import NO_TARGET, TokenPair, TokenRow

LIKE_LENGTH = 0.75
"""Packed rows of a group are at least so long, as a share of the longest row of the group."""


class Targets(NamedTuple):
    """What the language-model head is to predict."""

    state_MH: Tensor
    """The hidden states before each target."""
    token_M: Tensor
    kind_M: Tensor


@dataclass(frozen=True, eq=False)
class Movable:
    """Tensors that move to a device together."""

    def to(self, device: torch.device | str) -> Self:
        """The same on `device`."""
        return replace(self, **{field.name: _moved(getattr(self, field.name), device) for field in fields(self)})


def _moved(value: Any, device: torch.device | str) -> Any:
    if isinstance(value, tuple):
        return tuple(each.to(device) for each in value)
    return value.to(device) if isinstance(value, Tensor | Movable) else value


class Layout(Movable, ABC):
    """Judgements as a causal model reads them."""

    reward_place_SK: Tensor
    """Where rewards are read, as places in the flattened rows; [0, K] if none is."""

    @abstractmethod
    def read(self, model: nn.Module, then: Callable[[Tensor], Any]) -> Any:
        """What `then` makes of the last hidden states [Y, X, H] of `model`, which may be wrapped."""

    @abstractmethod
    def targets(self, hidden_YXH: Tensor) -> Targets: ...

    def rewards(self, model: RewardModel, hidden_YXH: Tensor) -> Tensor:
        """Rewards [S, K]."""
        return model.reward(hidden_YXH.flatten(0, 1)[self.reward_place_SK])


class RowLayout(Layout):
    """Rows of a given length, padded on the right, each token beside its kind."""

    rows_per_pair: ClassVar[int]
    token_ids_YX: Tensor
    kinds_YX: Tensor

    def targets(self, hidden_YXH: Tensor) -> Targets:
        # The state before a token predicts it.
        kinds_YX = self.kinds_YX[:, 1:]
        at = kinds_YX != NO_TARGET
        return Targets(hidden_YXH[:, :-1][at], self.token_ids_YX[:, 1:][at], kinds_YX[at])

    @classmethod
    @abstractmethod
    def of_pairs(cls, pairs: Sequence[TokenPair], length: int, pad_id: int) -> Self:
        """Rows of `length` tokens with the judgements of pairs."""

    @classmethod
    @abstractmethod
    def of_rows(cls, rows: Sequence[TokenRow], length: int, pad_id: int) -> Self:
        """Rows of one token row each; no reward is read."""

    @staticmethod
    @abstractmethod
    def length(pair: TokenPair) -> int:
        """Tokens of the longest row that a pair needs."""

    @classmethod
    def pairs_in(cls, tokens: int, length: int) -> int:
        """How many pairs make up a batch of `tokens` tokens in rows of `length`; at least one."""
        return max(1, tokens // (cls.rows_per_pair * length))

    @staticmethod
    @abstractmethod
    def lengths(lengths: tuple[int, ...]) -> tuple[int, ...]:
        """Row lengths that hold all pairs whose judgements have at most the last of `lengths`."""


@dataclass(frozen=True, eq=False)
class Padded(RowLayout):
    """A row for each judgement. Causal attention never sees the padding on the right, so there is no mask."""

    rows_per_pair = 2
    token_ids_YX: Tensor
    kinds_YX: Tensor
    reward_place_SK: Tensor

    @classmethod
    def of_pairs(cls, pairs: Sequence[TokenPair], length: int, pad_id: int) -> Self:
        rows = _sides(pairs)
        places = [[place * length + row.early_index, place * length + row.reward_index] for place, row in enumerate(rows)]
        return replace(cls.of_rows(rows, length, pad_id), reward_place_SK=torch.tensor(places))

    @classmethod
    def of_rows(cls, rows: Sequence[TokenRow], length: int, pad_id: int) -> Self:
        token_ids, kinds = [row.token_ids for row in rows], [row.kinds for row in rows]
        return cls(_filled(token_ids, length, pad_id), _filled(kinds, length, NO_TARGET), _no_rewards())

    @staticmethod
    def length(pair: TokenPair) -> int:
        return pair.longest

    @staticmethod
    def lengths(lengths: tuple[int, ...]) -> tuple[int, ...]:
        return lengths

    def read(self, model: nn.Module, then: Callable[[Tensor], Any]) -> Any:
        return model(self.token_ids_YX, then=then)


@dataclass(frozen=True, eq=False)
class SharedPrefix(RowLayout):
    """A row for each pair: the shared prefix, what else the chosen judgement has, then what else the rejected one has.

    Half of a long case is context, which both answers share; so a step holds more pairs for the same number of tokens.
    Positions continue from the prefix in both branches, and no branch sees the other.
    """

    rows_per_pair = 1
    token_ids_YX: Tensor
    position_ids_YX: Tensor
    kinds_YX: Tensor
    branch_YX: Tensor
    """`PREFIX`, `CHOSEN`, `REJECTED` or `PADDING` for each token."""
    reward_place_SK: Tensor

    @classmethod
    def of_pairs(cls, pairs: Sequence[TokenPair], length: int, pad_id: int) -> Self:
        token_ids, positions, kinds, branches = [], [], [], []
        chosen_places, rejected_places = [], []
        for place, pair in enumerate(pairs):
            (chosen, rejected), begin = pair.rows, _branch_start(pair)
            token_ids.append([*chosen.token_ids, *rejected.token_ids[begin:]])
            positions.append([*range(len(chosen)), *range(begin, len(rejected))])
            kinds.append([*chosen.kinds, *rejected.kinds[begin:]])
            branches.append([PREFIX] * begin + [CHOSEN] * (len(chosen) - begin) + [REJECTED] * (len(rejected) - begin))
            start, moved = place * length, place * length + len(chosen) - begin
            chosen_places.append([start + chosen.early_index, start + chosen.reward_index])
            rejected_places.append([moved + rejected.early_index, moved + rejected.reward_index])
        return cls(
            _filled(token_ids, length, pad_id),
            _filled(positions, length, 0),
            _filled(kinds, length, NO_TARGET),
            _filled(branches, length, PADDING),
            torch.tensor([*chosen_places, *rejected_places]),
        )

    @classmethod
    def of_rows(cls, rows: Sequence[TokenRow], length: int, pad_id: int) -> Self:
        return cls(
            _filled([row.token_ids for row in rows], length, pad_id),
            _filled([range(len(row)) for row in rows], length, 0),
            _filled([row.kinds for row in rows], length, NO_TARGET),
            _filled([[PREFIX] * len(row) for row in rows], length, PADDING),
            _no_rewards(),
        )

    @staticmethod
    def length(pair: TokenPair) -> int:
        return len(pair.chosen) + len(pair.rejected) - _branch_start(pair)

    @staticmethod
    def lengths(lengths: tuple[int, ...]) -> tuple[int, ...]:
        # A row holds two judgements, each of which may be as long as the last of the lengths.
        return (*lengths, 3 * lengths[-1] // 2, 2 * lengths[-1])

    def read(self, model: nn.Module, then: Callable[[Tensor], Any]) -> Any:
        return model(self.token_ids_YX, self.position_ids_YX, Branches(self.branch_YX), then=then)


@dataclass(frozen=True, eq=False)
class Packed(Layout):
    """All judgements joined in one row without padding. A shared prefix stands once; both judgements read it."""

    token_ids_1N: Tensor
    position_ids_1N: Tensor
    groups: tuple[Tensor, ...]
    """[S, T] each: for every judgement the places of its tokens. Judgements of like length form a group."""
    owner_N: Tensor
    """For each token its place among the tokens of all groups. A shared prefix belongs to the chosen judgement."""
    target_state_M: Tensor
    """The place of the state that predicts each target."""
    target_token_M: Tensor
    target_kind_M: Tensor
    reward_place_SK: Tensor

    @classmethod
    def of_pairs(cls, pairs: Sequence[TokenPair], share: bool = True) -> Self:
        """The judgements of pairs; without `share` every prefix is computed twice."""
        token_ids: list[int] = []
        positions: list[int] = []
        sides = _sides(pairs)
        rows: list[list[int]] = [[] for _ in sides]
        first_own = [0] * len(sides)
        for place, pair in enumerate(pairs):
            shared = pair.shared_prefix if share else 0
            for row, side, begin in ((place, pair.chosen, 0), (place + len(pairs), pair.rejected, shared)):
                own = range(len(token_ids), len(token_ids) + len(side) - begin)
                rows[row] = [*rows[place][:begin], *own]
                first_own[row] = begin
                token_ids += side.token_ids[begin:]
                positions += range(begin, len(side))
        targets = [
            (rows[row][place - 1], side.token_ids[place], side.kinds[place])
            for row, side in enumerate(sides)
            for place in range(max(1, first_own[row]), len(side))
            if side.kinds[place] != NO_TARGET
        ]
        state_M, token_M, kind_M = (torch.tensor([target[column] for target in targets], dtype=torch.long) for column in range(3))
        rewards = [[rows[row][side.early_index], rows[row][side.reward_index]] for row, side in enumerate(sides)]
        return cls(
            torch.tensor([token_ids]), torch.tensor([positions]), *_groups(rows, first_own, len(token_ids)),
            state_M, token_M, kind_M, torch.tensor(rewards),
        )  # fmt: skip

    def read(self, model: nn.Module, then: Callable[[Tensor], Any]) -> Any:
        return model(self.token_ids_1N, self.position_ids_1N, PackedRows(self.groups, self.owner_N), then=then)

    def targets(self, hidden_YXH: Tensor) -> Targets:
        return Targets(hidden_YXH[0].index_select(0, self.target_state_M), self.target_token_M, self.target_kind_M)


@dataclass(frozen=True, eq=False)
class Masked(Movable):
    """A row for each case, padded on the right and masked, as an encoder reads it."""

    token_ids_ST: Tensor
    attention_mask_ST: Tensor
    token_type_ids_ST: Tensor | None = None

    @classmethod
    def of_pairs(cls, pairs: Sequence[TokenPair], writer: CaseWriter) -> Self:
        batch = writer.batch([Written(row.token_ids, row.early_index) for row in _sides(pairs)])
        return cls(batch["token_ids"], batch["attention_mask"], batch.get("token_type_ids"))

    def read(self, model: nn.Module) -> Tensor:
        """Rewards [S]."""
        rewards: Tensor = model(self.token_ids_ST, self.attention_mask_ST, self.token_type_ids_ST)
        return rewards


L = TypeVar("L", covariant=True)


@dataclass(frozen=True, slots=True)
class Totals:
    """What the batches of a step hold together."""

    pairs: int
    targets: int
    """At least 1."""


@dataclass(frozen=True, eq=False)
class Batch(Movable, Generic[L]):
    """What one forward pass reads."""

    layout: L
    margin_P: Tensor | None = None
    """The required gap between the rewards of each pair."""
    totals: Totals | None = None
    """Of its step, if the batch is a part of one: the losses of the parts add up to the loss of the step."""
    scale: float = 1.0
    """What its loss is multiplied by; a batch of scale 0 counts nothing."""

    @property
    def tokens(self) -> int:
        """Tokens that are read, padding included."""
        first: Tensor = getattr(self.layout, fields(cast(Any, self.layout))[0].name)
        return first.numel()


Step = list[Batch[Any]]
"""The batches after which the optimizer moves once."""


def _sides(pairs: Sequence[TokenPair]) -> list[TokenRow]:
    return [pair.chosen for pair in pairs] + [pair.rejected for pair in pairs]


def _branch_start(pair: TokenPair) -> int:
    """Where the rejected branch begins: it repeats the last token of the prefix, which predicts its first target."""
    return max(0, pair.shared_prefix - 1)


def _no_rewards() -> Tensor:
    return torch.zeros(0, 2, dtype=torch.long)


def _filled(rows: Sequence[Sequence[int]], length: int, fill: int) -> Tensor:
    """Rows filled up on the right to `length`."""
    assert max(map(len, rows)) <= length
    return torch.tensor([[*row, *[fill] * (length - len(row))] for row in rows])


def _groups(rows: Sequence[Sequence[int]], first_own: Sequence[int], tokens: int) -> tuple[tuple[Tensor, ...], Tensor]:
    """Groups [S, T] of rows of like length; and for each token its place among the tokens of all groups."""
    grouped: list[list[int]] = []
    for row in sorted(range(len(rows)), key=lambda row: -len(rows[row])):
        if not grouped or len(rows[row]) < LIKE_LENGTH * len(rows[grouped[-1][0]]):
            grouped.append([])
        grouped[-1].append(row)
    groups: list[Tensor] = []
    owner_N = torch.empty(tokens, dtype=torch.long)
    before = 0
    for group in grouped:
        longest = len(rows[group[0]])
        for place, row in enumerate(group):
            begin, start = first_own[row], before + place * longest
            owner_N[torch.tensor(rows[row][begin:])] = torch.arange(start + begin, start + len(rows[row]))
        groups.append(_filled([rows[row] for row in group], longest, 0))
        before += groups[-1].numel()
    return tuple(groups), owner_N
