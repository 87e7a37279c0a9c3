"""A row that forks is read as its two judgements would be alone."""

import pytest
import torch

from tests.fakes import Backbone, byte_tokenizer, tiny_model
from tests.training.test_packing import _couples, _form, _learner
from themis.traces.token_row import Numbered
from themis.training.batches.shared_prefix import CHOSEN, REJECTED, TRUNK, fork, forked_length, single
from themis.training.packing import Couple

PAD = int(byte_tokenizer().pad_token_id)


def _sides(couples: list[Couple]) -> list[tuple[Numbered, Numbered]]:
    return [(couple.chosen, couple.rejected) for couple in couples]


@pytest.mark.parametrize("backbone", ["llama", "qwen3"])
@pytest.mark.parametrize("written_out", [False, True], ids=["sdpa", "eager"])
def test_both_rewards_of_a_forked_row_are_those_of_each_judgement_alone(backbone: Backbone, written_out: bool) -> None:
    model = tiny_model(backbone, byte_tokenizer())
    assert model.reads_forks()
    if written_out:
        model.lm.set_attn_implementation("eager")
    pairs = _sides(_couples(_form(packed=False)))
    batch = fork(pairs, max(forked_length(*pair) for pair in pairs) + 3, PAD)
    with torch.no_grad():
        hidden = model(batch["token_ids"], branch=batch["branch"], position_ids=batch["position_ids"]).flatten(0, 1)
        for side, (early, final) in zip(
            [pair[0] for pair in pairs] + [pair[1] for pair in pairs], batch["reward_index"].tolist(), strict=True
        ):
            alone = model(torch.tensor([side.token_ids]))[0]
            assert torch.allclose(hidden[[early, final]], alone[[side.early_index, side.reward_index]], atol=1e-4)


@pytest.mark.parametrize("vanilla", [False, True], ids=["themis", "vanilla"])
def test_loss_terms_and_gradients_are_those_of_the_padded_batch(vanilla: bool) -> None:
    form = _form(packed=False, vanilla=vanilla)
    couples = _couples(form)
    pairs = _sides(couples)
    found = []
    for batch in (fork(pairs, max(forked_length(*pair) for pair in pairs), PAD), form.batch(couples)):
        learner = _learner("llama", form)
        loss, terms = learner.loss(learner.model, batch)
        loss.backward()
        gradients = torch.cat([parameter.grad.flatten() for parameter in learner.model.parameters() if parameter.grad is not None])
        found.append((loss.item(), {name: term.item() for name, term in terms.items()}, gradients))
    assert found[0][0] == pytest.approx(found[1][0], abs=1e-4)
    assert found[0][1] == pytest.approx(found[1][1], abs=1e-4)
    assert torch.allclose(found[0][2], found[1][2], atol=1e-4)


def test_what_both_begin_with_stands_once_and_the_rejected_branch_goes_on_from_there() -> None:
    chosen = Numbered([5, 6, 7, 8], [-1, -1, 0, 1], 2, 3)
    rejected = Numbered([5, 6, 9, 9, 8], [-1, -1, -1, -1, 1], 3, 4)
    batch = fork([(chosen, rejected)], 10, 0)
    assert batch["token_ids"].tolist() == [[5, 6, 7, 8, 6, 9, 9, 8, 0, 0]]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 3, 1, 2, 3, 4, 0, 0]]
    assert batch["kinds"].tolist() == [[-1, -1, 0, 1, -1, -1, -1, 1, -1, -1]]
    assert batch["branch"].tolist() == [[TRUNK, *[CHOSEN] * 3, *[REJECTED] * 4, 3, 3]]
    assert batch["reward_index"].tolist() == [[2, 3], [6, 7]]


def test_a_single_sequence_is_all_trunk() -> None:
    batch = single([Numbered([5, 6], [-1, 0], 0, 1)], 3, 0)
    assert batch["branch"].tolist() == [[TRUNK, TRUNK, 3]]
    assert batch["reward_index"].shape == (0, 2)


def test_a_window_of_attention_is_not_replaced_by_forks() -> None:
    assert not tiny_model("mistral", byte_tokenizer()).reads_forks()
