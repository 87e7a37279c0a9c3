"""A row with a shared prefix is read as its two judgements would be alone."""

import pytest
import torch

from tests.fakes import Backbone, byte_tokenizer, tiny_model
from tests.training.test_packing import _collator, _learner, _pairs
from themis.model.shared_prefix import CHOSEN, PADDING, PREFIX, REJECTED
from themis.traces.token_row import TokenPair, TokenRow
from themis.training.batches.layouts import Batch, SharedPrefix

PAD = int(byte_tokenizer().pad_token_id)


@pytest.mark.parametrize("backbone", ["llama", "qwen3"])
@pytest.mark.parametrize("eager", [False, True], ids=["sdpa", "eager"])
def test_both_rewards_of_a_row_with_a_shared_prefix_are_those_of_each_judgement_alone(backbone: Backbone, eager: bool) -> None:
    model = tiny_model(backbone, byte_tokenizer())
    assert model.supports_shared_prefix()
    if eager:
        model.lm.set_attn_implementation("eager")
    pairs = _pairs(_collator(packed=False))
    layout = SharedPrefix.of_pairs(pairs, max(SharedPrefix.length(pair) for pair in pairs) + 3, PAD)
    with torch.no_grad():
        hidden = layout.read(model, lambda hidden: hidden).flatten(0, 1)
        sides = [pair.chosen for pair in pairs] + [pair.rejected for pair in pairs]
        for side, (early, final) in zip(sides, layout.reward_place_SK.tolist(), strict=True):
            alone = model(torch.tensor([side.token_ids]))[0]
            assert torch.allclose(hidden[[early, final]], alone[[side.early_index, side.reward_index]], atol=1e-4)


@pytest.mark.parametrize("vanilla", [False, True], ids=["themis", "vanilla"])
def test_loss_terms_and_gradients_are_those_of_the_padded_batch(vanilla: bool) -> None:
    collator = _collator(packed=False, vanilla=vanilla)
    pairs = _pairs(collator)
    shared = Batch(SharedPrefix.of_pairs(pairs, max(SharedPrefix.length(pair) for pair in pairs), PAD))
    found = []
    for batch in (shared, collator.batch(pairs)):
        learner = _learner("llama", collator)
        loss, terms = learner.loss(learner.model, batch)
        loss.backward()
        gradients = torch.cat([parameter.grad.flatten() for parameter in learner.model.parameters() if parameter.grad is not None])
        found.append((loss.item(), {name: term.item() for name, term in terms.items()}, gradients))
    assert found[0][0] == pytest.approx(found[1][0], abs=1e-4)
    assert found[0][1] == pytest.approx(found[1][1], abs=1e-4)
    assert torch.allclose(found[0][2], found[1][2], atol=1e-4)


def test_the_prefix_stands_once_and_the_rejected_branch_continues_from_it() -> None:
    chosen = TokenRow([5, 6, 7, 8], [-1, -1, 0, 1], 2, 3)
    rejected = TokenRow([5, 6, 9, 9, 8], [-1, -1, -1, -1, 1], 3, 4)
    layout = SharedPrefix.of_pairs([TokenPair(chosen, rejected)], 10, 0)
    assert layout.token_ids_YX.tolist() == [[5, 6, 7, 8, 6, 9, 9, 8, 0, 0]]
    assert layout.position_ids_YX.tolist() == [[0, 1, 2, 3, 1, 2, 3, 4, 0, 0]]
    assert layout.kinds_YX.tolist() == [[-1, -1, 0, 1, -1, -1, -1, 1, -1, -1]]
    assert layout.branch_YX.tolist() == [[PREFIX, *[CHOSEN] * 3, *[REJECTED] * 4, PADDING, PADDING]]
    assert layout.reward_place_SK.tolist() == [[2, 3], [6, 7]]


def test_a_single_row_is_all_prefix() -> None:
    layout = SharedPrefix.of_rows([TokenRow([5, 6], [-1, 0], 0, 1)], 3, 0)
    assert layout.branch_YX.tolist() == [[PREFIX, PREFIX, PADDING]]
    assert layout.reward_place_SK.shape == (0, 2)


def test_a_window_of_attention_is_not_replaced_by_a_shared_prefix() -> None:
    assert not tiny_model("mistral", byte_tokenizer()).supports_shared_prefix()
