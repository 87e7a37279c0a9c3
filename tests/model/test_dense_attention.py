"""Attention by plain products gives what PyTorch's own gives, and the same gradients."""

from typing import Any

import pytest
import torch
from torch import nn

from tests.fakes import byte_tokenizer, tiny_model
from themis.model.dense_attention import DENSE, dense_attention
from themis.model.shared_prefix import CHOSEN, PREFIX, REJECTED, Branches, prefix_mask

BRANCH = torch.tensor([[PREFIX, PREFIX, CHOSEN, CHOSEN, REJECTED, REJECTED]])


@pytest.mark.parametrize("heads", [4, 2, 1])
def test_reads_and_gradients_are_those_of_the_fused_kernel(heads: int) -> None:
    torch.manual_seed(0)
    found = []
    inputs = [torch.randn(1, each, 6, 8) for each in (4, heads, heads)]
    for mask in (prefix_mask(BRANCH, additive=True), prefix_mask(BRANCH, additive=False)):
        query, key, value = (part.clone().requires_grad_() for part in inputs)
        module: Any = nn.Module()
        module.num_key_value_groups = 4 // heads
        read, _ = dense_attention(module, query, key, value, mask, scaling=0.3)
        assert read.shape == (1, 6, 4, 8)
        read.square().sum().backward()
        found.append([read, query.grad, key.grad, value.grad])
    assert all(torch.allclose(one, other, atol=1e-5) for one, other in zip(*found, strict=True))


def test_a_token_behind_cached_ones_is_read_as_by_the_fused_kernel() -> None:
    torch.manual_seed(0)
    query, key, value = torch.randn(2, 4, 1, 8), torch.randn(2, 2, 5, 8), torch.randn(2, 2, 5, 8)
    seen = torch.tensor([[[[True, True, True, False, False]]], [[[True, True, True, True, True]]]])
    module: Any = nn.Module()
    module.num_key_value_groups = 2
    found = [
        dense_attention(module, query, key, value, mask, scaling=0.3)[0]
        for mask in (seen, torch.zeros(seen.shape).masked_fill_(~seen, torch.finfo(torch.float32).min))
    ]
    assert torch.allclose(found[0], found[1], atol=1e-5)


def test_a_model_on_a_cpu_reads_branches_as_before_once_it_attends_so() -> None:
    model = tiny_model("llama", byte_tokenizer())
    ids, positions = torch.tensor([[1, 2, 3, 4, 5, 6]]), torch.tensor([[0, 1, 2, 3, 2, 3]])
    with torch.no_grad():
        before = model(ids, positions, Branches(BRANCH))
        whole = model(ids)
        model.train_by_products()
        assert model.config._attn_implementation == DENSE
        assert Branches(BRANCH).arguments(model.lm)["attention_mask"].dtype == torch.float32
        assert torch.allclose(model(ids, positions, Branches(BRANCH)), before, atol=1e-5)
        assert torch.allclose(model(ids), whole, atol=1e-5)
        assert model.supports_shared_prefix()
