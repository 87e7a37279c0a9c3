"""Sequences joined without padding are read as each would be alone, and what two answers share is computed once."""

from dataclasses import replace

import pytest
import torch

from tests.fakes import Backbone, byte_tokenizer, tiny_model
from tests.pairs import by_rule
from themis.hyperparameters import LossWeights
from themis.traces.segments import SegmentWriter
from themis.traces.token_row import TokenPair
from themis.training.batches.encode import PairEncoder
from themis.training.batches.layouts import Packed, Totals
from themis.training.collators import CausalCollator
from themis.training.learners import CausalLearner
from themis.training.packing import bins, like_lengths

TOKENIZER = byte_tokenizer()
BACKBONES: tuple[Backbone, ...] = ("llama", "qwen3", "qwen3-mixed", "mistral")


def _collator(packed: bool = True, vanilla: bool = False) -> CausalCollator:
    return CausalCollator(PairEncoder(SegmentWriter(TOKENIZER), vanilla), int(TOKENIZER.pad_token_id), packed)


def _pairs(collator: CausalCollator, count: int = 4) -> list[TokenPair]:
    return [collator.encode(by_rule(("calendar", "no_tool")[seed % 2], seed)) for seed in range(count)]


def _learner(backbone: Backbone, collator: CausalCollator) -> CausalLearner:
    model = tiny_model(backbone, TOKENIZER)
    assert not collator.packed or model.enable_packing()
    return CausalLearner(model, TOKENIZER, collator, LossWeights(), 512)


@pytest.mark.parametrize("share", [True, False], ids=["shared", "apart"])
@pytest.mark.parametrize("backbone", BACKBONES)
def test_joined_sequences_are_read_as_each_alone(backbone: Backbone, share: bool) -> None:
    pairs = _pairs(_collator())
    model = tiny_model(backbone, TOKENIZER)
    assert model.enable_packing()
    layout = Packed.of_pairs(pairs, share)
    with torch.no_grad():
        hidden = layout.read(model, lambda hidden: hidden)[0]
        sides = [pair.chosen for pair in pairs] + [pair.rejected for pair in pairs]
        for side, (early, final) in zip(sides, layout.reward_place_SK.tolist(), strict=True):
            alone = model(torch.tensor([side.token_ids]))[0]
            assert torch.allclose(hidden[[early, final]], alone[[side.early_index, side.reward_index]], atol=1e-4)


@pytest.mark.parametrize("vanilla", [False, True], ids=["themis", "vanilla"])
def test_loss_and_gradients_are_those_of_the_padded_batch(vanilla: bool) -> None:
    found = []
    for packed in (True, False):
        collator = _collator(packed, vanilla)
        learner = _learner("llama", collator)
        loss, terms = learner.loss(learner.model, collator.batch(_pairs(collator)))
        loss.backward()
        found.append((loss, terms, {name: parameter.grad for name, parameter in learner.model.named_parameters()}))
    (loss, terms, gradients), (other, others, padded) = found
    assert loss.item() == pytest.approx(other.item(), abs=1e-4)
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(
        {name: term.item() for name, term in others.items()}, abs=1e-4
    )
    for name, gradient in gradients.items():
        other_gradient = padded[name]
        if gradient is None or other_gradient is None:
            assert gradient is other_gradient, name
        else:
            assert torch.allclose(gradient, other_gradient, atol=1e-4), name


def test_a_step_in_parts_costs_what_it_costs_in_one_piece() -> None:
    collator = _collator()
    learner = _learner("qwen3", collator)
    pairs = _pairs(collator)
    whole, _ = learner.loss(learner.model, collator.batch(pairs))
    totals = Totals(4, sum(pair.targets for pair in pairs))
    parts = [learner.loss(learner.model, replace(collator.batch(part), totals=totals))[0] for part in (pairs[:1], pairs[1:])]
    assert sum(part.item() for part in parts) == pytest.approx(whole.item(), abs=1e-5)


def test_the_prompt_of_a_pair_is_computed_once() -> None:
    collator = _collator(vanilla=True)
    (pair,) = _pairs(collator, 1)
    shared = pair.shared_prefix
    prompt = str(TOKENIZER.decode(pair.chosen.token_ids[:shared]))
    assert prompt.startswith("### USER:\nQuestion:")
    assert "Answer:" in prompt
    computed = Packed.of_pairs([pair]).token_ids_1N.numel()
    assert computed == len(pair.chosen.token_ids) + len(pair.rejected.token_ids) - shared == pair.cost(share=True)


def test_bins_hold_everything_once_evenly_and_in_the_multiple_asked_for() -> None:
    costs = [5, 9, 1, 7, 3, 3, 8]
    for multiple in (1, 2, 4):
        filled = bins(costs, 12, multiple)
        assert len(filled) % multiple == 0
        assert sorted(place for members in filled for place in members) == list(range(len(costs)))
    assert max(sum(costs[place] for place in members) for members in bins(costs, 12)) <= 15


def test_a_backbone_that_cannot_read_joined_sequences_is_found_out() -> None:
    from transformers import GPT2Config

    from tests.fakes import random_backbone
    from themis.model.reward_model import RewardModel

    class Stubborn(RewardModel):
        def hidden_states(self, token_ids_BT, attention_mask=None, **kwargs):  # type: ignore[no-untyped-def]
            kwargs.pop("packed_rows", None)
            return super().hidden_states(token_ids_BT, None, **kwargs)

    lm = random_backbone(GPT2Config(vocab_size=64, n_embd=32, n_layer=2, n_head=2, n_positions=64))
    stubborn = Stubborn(lm)
    before = stubborn.config._attn_implementation
    assert not stubborn.enable_packing()
    assert stubborn.config._attn_implementation == before


def test_pairs_that_are_padded_stand_beside_pairs_of_like_length() -> None:
    lengths = [3, 50, 4, 48, 5, 3, 300]
    assert like_lengths(lengths, 200) == [[6], [1, 3], [0, 2, 4, 5]]
    assert like_lengths([9, 9, 30], 1000) == [[0, 1, 2]]
    assert like_lengths([9, 9, 70], 1000) == [[2], [0, 1]], "the padding of 122 tokens is more than a tenth"
    for multiple in (1, 2, 4, 5):
        batches = like_lengths(lengths, 200, multiple)
        assert len(batches) % multiple == 0
        assert sorted(place for members in batches for place in members) == list(range(7))
        assert all(len(members) * 2 * max(lengths[place] for place in members) <= 200 for members in batches if len(members) > 1)
    assert sorted(map(len, like_lengths([7, 7], 100, 3))) == [0, 1, 1]
