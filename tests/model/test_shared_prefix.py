"""A token of a row with a shared prefix sees the prefix and its own branch before it, and nothing else."""

import pytest
import torch

from tests.fakes import Backbone, byte_tokenizer, tiny_model
from themis.model.shared_prefix import CHOSEN, PADDING, PREFIX, REJECTED, Branches, prefix_mask

BRANCH = torch.tensor([[PREFIX, CHOSEN, CHOSEN, REJECTED, PADDING]])
SEEN = [
    [1, 0, 0, 0, 0],
    [1, 1, 0, 0, 0],
    [1, 1, 1, 0, 0],
    [1, 0, 0, 1, 0],
    [1, 0, 0, 0, 1],
]


def test_a_branch_sees_the_prefix_and_itself() -> None:
    mask = prefix_mask(BRANCH, additive=False)
    assert mask.shape == (1, 1, 5, 5)
    assert mask[0, 0].int().tolist() == SEEN


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_an_additive_mask_adds_nothing_to_what_is_seen_and_the_lowest_number_elsewhere(dtype: torch.dtype) -> None:
    mask = prefix_mask(BRANCH, additive=True, dtype=dtype)
    assert mask.dtype == dtype
    assert (mask[0, 0] == 0).int().tolist() == SEEN
    assert set(mask.unique().tolist()) == {0.0, torch.finfo(dtype).min}


def test_rows_have_masks_of_their_own() -> None:
    mask = prefix_mask(torch.tensor([[PREFIX, PREFIX, PREFIX], [PREFIX, CHOSEN, REJECTED]]), additive=False)
    assert mask[:, 0, 2].tolist() == [[True, True, True], [True, False, True]]


@pytest.mark.parametrize(("backbone", "dtype"), [("llama", torch.bool), ("llama-eager", torch.float32)])
def test_a_backbone_is_given_the_mask_that_its_attention_reads(backbone: Backbone, dtype: torch.dtype) -> None:
    lm = tiny_model(backbone, byte_tokenizer()).lm
    assert Branches(BRANCH).arguments(lm)["attention_mask"].dtype == dtype


def test_under_autocast_an_eager_mask_is_of_the_type_that_attention_computes_in() -> None:
    lm = tiny_model("llama-eager", byte_tokenizer()).lm
    with torch.autocast("cpu", torch.bfloat16):
        assert Branches(BRANCH).arguments(lm)["attention_mask"].dtype == torch.bfloat16
