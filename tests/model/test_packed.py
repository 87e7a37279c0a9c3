"""Attention over packed rows, worked by hand: with keys of zero, a token reads the mean of all that it sees."""

import pytest
import torch
from torch import Tensor, nn

from tests.fakes import byte_tokenizer, tiny_model
from themis.model.packed import PackedRows, packed_attention

# Two rows share token 0: [0, 1, 2] and [0, 3]. The second is filled up with token 0, which counts nothing.
ROWS = PackedRows((torch.tensor([[0, 1, 2], [0, 3, 0]]),), torch.tensor([0, 1, 2, 4]))
VALUES = torch.tensor([1.0, 3.0, 8.0, 5.0])


def _attend(value_N: Tensor, rows: PackedRows, window: int | None = None) -> Tensor:
    """The result [N] of attention with one head of width 1 whose keys are zero."""
    value = value_N.view(1, 1, -1, 1)
    read, _ = packed_attention(
        nn.Module(), torch.ones_like(value), torch.zeros_like(value), value, None, packed_rows=rows, sliding_window=window
    )
    return read.flatten()


@pytest.fixture(params=["eager", "fused"])
def _either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "fused":
        monkeypatch.setattr("themis.model.packed.EAGER_UP_TO", 0)


@pytest.mark.usefixtures("_either_way")
def test_a_token_reads_its_own_row_up_to_itself() -> None:
    assert _attend(VALUES, ROWS).tolist() == pytest.approx([1.0, (1 + 3) / 2, (1 + 3 + 8) / 3, (1 + 5) / 2])


@pytest.mark.usefixtures("_either_way")
def test_a_window_counts_within_the_row() -> None:
    assert _attend(VALUES, ROWS, window=2).tolist() == pytest.approx([1.0, (1 + 3) / 2, (3 + 8) / 2, (1 + 5) / 2])


def test_groups_of_rows_of_other_lengths_are_put_back_in_the_order_of_the_tokens() -> None:
    rows = PackedRows((torch.tensor([[2, 3, 1]]), torch.tensor([[0]])), torch.tensor([3, 2, 0, 1]))
    assert _attend(VALUES, rows).tolist() == pytest.approx([1.0, (8 + 5 + 3) / 3, 8.0, (8 + 5) / 2])


def test_what_fills_a_row_up_gets_no_gradient_from_it() -> None:
    values = VALUES.clone().requires_grad_()
    _attend(values, ROWS)[3].backward()
    assert values.grad is not None
    assert values.grad.tolist() == pytest.approx([0.5, 0.0, 0.0, 0.5])


@pytest.mark.parametrize("window", [None, 3])
def test_attention_eager_is_the_fused_one_where_heads_share_keys(window: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    query, key, value = torch.randn(1, 4, 4, 8), torch.randn(1, 2, 4, 8), torch.randn(1, 2, 4, 8)
    found = []
    for length in (768, 0):
        monkeypatch.setattr("themis.model.packed.EAGER_UP_TO", length)
        read, _ = packed_attention(nn.Module(), query, key, value, None, packed_rows=ROWS, sliding_window=window)
        assert read.shape == (1, 4, 4, 8)
        found.append(read)
    assert torch.allclose(found[0], found[1], atol=1e-5)


def test_a_backbone_with_packed_attention_reads_plain_rows_as_before() -> None:
    model, packing = (tiny_model("qwen3", byte_tokenizer()) for _ in range(2))
    assert packing.enable_packing()
    ids = torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8]])
    with torch.no_grad():
        assert torch.allclose(packing(ids), model(ids), atol=1e-5)
