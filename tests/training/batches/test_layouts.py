"""The tensors of each layout, worked by hand for one small pair, and how they travel."""

import pickle
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from tests.fakes import tiny_bert
from themis.model.encoder import CaseWriter, new_encoder
from themis.traces.token_row import TokenPair, TokenRow
from themis.training.batches.layouts import Batch, Layout, Masked, Packed, Padded, RowLayout, SharedPrefix, Totals

CHOSEN = TokenRow([5, 6, 7, 8], [-1, -1, 0, 1], 2, 3)
REJECTED = TokenRow([5, 6, 9, 9, 8], [-1, -1, -1, -1, 1], 3, 4)
PAIR = TokenPair(CHOSEN, REJECTED, 1.5)
LAYOUTS = (Padded.of_pairs([PAIR], 6, 0), SharedPrefix.of_pairs([PAIR], 10, 0), Packed.of_pairs([PAIR]))


def _tensors(layout: Any) -> list[Tensor]:
    values = [getattr(layout, field.name) for field in fields(layout)]
    return [tensor for value in values for tensor in (value if isinstance(value, tuple) else (value,))]


def test_padded_rows_are_filled_up_on_the_right_and_count_places_through_all_rows() -> None:
    layout = Padded.of_pairs([PAIR], 6, 0)
    assert layout.token_ids_YX.tolist() == [[5, 6, 7, 8, 0, 0], [5, 6, 9, 9, 8, 0]]
    assert layout.kinds_YX.tolist() == [[-1, -1, 0, 1, -1, -1], [-1, -1, -1, -1, 1, -1]]
    assert layout.reward_place_SK.tolist() == [[2, 3], [9, 10]]


def test_a_packed_row_holds_what_both_begin_with_once() -> None:
    layout = Packed.of_pairs([PAIR])
    assert layout.token_ids_1N.tolist() == [[5, 6, 7, 8, 9, 9, 8]]
    assert layout.position_ids_1N.tolist() == [[0, 1, 2, 3, 2, 3, 4]]
    assert [group.tolist() for group in layout.groups] == [[[0, 1, 4, 5, 6], [0, 1, 2, 3, 0]]]
    assert layout.owner_N.tolist() == [5, 6, 7, 8, 2, 3, 4]
    assert layout.reward_place_SK.tolist() == [[2, 3], [5, 6]]


def test_without_sharing_a_packed_row_holds_both_in_full() -> None:
    assert Packed.of_pairs([PAIR], share=False).token_ids_1N.tolist() == [[5, 6, 7, 8, 5, 6, 9, 9, 8]]


def test_packed_rows_of_like_length_form_a_group() -> None:
    short = TokenRow([5, 9], [-1, -1], 0, 1)
    groups = Packed.of_pairs([TokenPair(CHOSEN, short), PAIR]).groups
    assert [tuple(group.shape) for group in groups] == [(3, 5), (1, 2)]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: type(layout).__name__)
def test_the_state_before_a_target_predicts_it(layout: Layout) -> None:
    ids = layout.token_ids_1N if isinstance(layout, Packed) else layout.token_ids_YX  # type: ignore[attr-defined]
    targets = layout.targets(ids.unsqueeze(-1))
    assert sorted(zip(targets.state_MH[:, 0].tolist(), targets.token_M.tolist(), targets.kind_M.tolist(), strict=True)) == [
        (6, 7, 0),
        (7, 8, 1),
        (9, 8, 1),
    ]


@pytest.mark.parametrize("rows", [Padded, SharedPrefix])
def test_single_rows_have_targets_and_no_reward(rows: type[RowLayout]) -> None:
    layout = rows.of_rows([CHOSEN, REJECTED], 6, 0)
    assert layout.token_ids_YX.tolist() == [[5, 6, 7, 8, 0, 0], [5, 6, 9, 9, 8, 0]]
    assert layout.targets(torch.zeros(2, 6, 1)).token_M.tolist() == [7, 8, 8]
    assert layout.reward_place_SK.shape == (0, 2)


def test_a_batch_holds_more_pairs_where_they_share_a_row() -> None:
    assert (Padded.length(PAIR), SharedPrefix.length(PAIR)) == (5, 8)
    assert (Padded.pairs_in(64, 8), SharedPrefix.pairs_in(64, 8)) == (4, 8)
    assert (Padded.pairs_in(1, 8), SharedPrefix.pairs_in(1, 8)) == (1, 1)
    assert Padded.lengths((4, 8)) == (4, 8)
    assert SharedPrefix.lengths((4, 8)) == (4, 8, 12, 16)


def test_a_row_that_is_too_long_is_refused() -> None:
    with pytest.raises(AssertionError):
        Padded.of_pairs([PAIR], 4, 0)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: type(layout).__name__)
def test_a_batch_moves_to_a_device_as_a_whole_and_keeps_its_numbers(layout: Layout) -> None:
    batch = Batch(layout, torch.tensor([1.5]), Totals(3, 7), 2.0)
    moved = batch.to("meta")
    assert all(tensor.device.type == "meta" for tensor in (*_tensors(moved.layout), moved.margin_P) if tensor is not None)
    assert (moved.totals, moved.scale) == (Totals(3, 7), 2.0)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: type(layout).__name__)
def test_a_batch_comes_whole_out_of_another_process(layout: Layout) -> None:
    steps: list[Any] = [[Batch(layout, torch.tensor([1.5]), Totals(3, 7))]]
    for found in (
        pickle.loads(pickle.dumps(steps[0])),
        next(iter(DataLoader(cast(Any, steps), collate_fn=lambda items: items[0], num_workers=1))),
    ):
        (batch,) = found
        assert type(batch.layout) is type(layout)
        assert all(map(torch.equal, _tensors(batch.layout), _tensors(layout)))
        assert batch.totals == Totals(3, 7)


def test_an_encoder_reads_masked_rows(tmp_path: Path) -> None:
    model, tokenizer = new_encoder(tiny_bert(tmp_path))
    layout = Masked.of_pairs([PAIR], CaseWriter(tokenizer))
    assert layout.attention_mask_ST.tolist() == [[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]
    assert layout.token_type_ids_ST is not None
    assert layout.token_type_ids_ST.tolist() == [[0, 0, 1, 1, 0], [0, 0, 0, 1, 1]]
    with torch.no_grad():
        rewards = layout.read(model.eval())
        untyped = replace(layout, token_type_ids_ST=None).read(model)
    assert rewards.shape == (2,)
    assert not torch.equal(rewards, untyped)
