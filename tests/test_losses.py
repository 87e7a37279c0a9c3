"""The loss on numbers worked by hand."""

import math

import pytest
import torch

import themis.losses
from themis.hyperparameters import LossWeights
from themis.losses import centring_loss, language_model_losses, ranking_loss, tara_loss


def test_equal_rewards_cost_the_logarithm_of_two() -> None:
    assert ranking_loss(torch.tensor([0.5]), torch.tensor([0.5])).item() == pytest.approx(math.log(2))


def test_ranking_loss_is_the_mean_of_log_one_plus_exp_of_the_wrong_margin() -> None:
    # margins 2 and -1
    loss = ranking_loss(torch.tensor([2.0, 0.0]), torch.tensor([0.0, 1.0]))
    assert loss.item() == pytest.approx((math.log(1 + math.exp(-2)) + math.log(1 + math.exp(1))) / 2)


def test_language_losses_are_split_by_kind_and_share_one_divisor() -> None:
    # Two words, even odds: each token costs log 2. Kinds: action, action, observation, rationale.
    logits_NV = torch.zeros(4, 2)
    losses = language_model_losses(lambda logits: logits, logits_NV, torch.tensor([0, 1, 0, 1]), torch.tensor([1, 1, 2, 3]))
    assert {name: round(loss.item() / math.log(2), 6) for name, loss in losses.items()} == {
        "answer": 0,
        "action": 0.5,
        "observation": 0.25,
        "rationale": 0.25,
    }


def test_a_margin_is_what_the_rewards_must_differ_by() -> None:
    loss = ranking_loss(torch.tensor([2.0]), torch.tensor([0.0]), torch.tensor([3.0]))
    assert loss.item() == pytest.approx(math.log(1 + math.exp(1)))


def test_centring_is_the_mean_square_of_the_summed_rewards() -> None:
    assert centring_loss(torch.tensor([1.0, -2.0]), torch.tensor([2.0, 2.0])).item() == pytest.approx((9 + 0) / 2)


def test_losses_in_chunks_are_those_in_one_piece_and_so_are_their_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    head = torch.nn.Linear(4, 7)
    states = torch.randn(10, 4, requires_grad=True)
    targets, kinds = torch.randint(0, 7, (10,)), torch.randint(0, 4, (10,))
    found = []
    for size in (2**26, 7 * 3):
        monkeypatch.setattr(themis.losses, "LOGITS_AT_ONCE", size)
        losses = torch.stack(list(language_model_losses(head, states, targets, kinds).values()))
        found.append((losses, *torch.autograd.grad(losses @ torch.arange(4.0), (states, head.weight))))
    assert all(torch.allclose(whole, pieces, atol=1e-6) for whole, pieces in zip(*found, strict=True))


def _language() -> dict[str, torch.Tensor]:
    return {"answer": torch.tensor(1.0), "action": torch.tensor(2.0), "observation": torch.tensor(4.0), "rationale": torch.tensor(8.0)}


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        (LossWeights(), 0.5 + 0.25 + 1 + 2 + 4 + 8),
        (LossWeights(beta=0.0), 0.5 + 0.25 + 1 + 2 + 8),
        (LossWeights(omega=0.0), 0.5 + 0.25 + 1 + 2 + 4),
        (LossWeights(alpha=2.0, early=0.0), 0.5 + 2 * 15),
        (LossWeights(answer=0.5), 0.5 + 0.25 + 0.5 + 14),
    ],
)
def test_each_weight_scales_its_own_term(weights: LossWeights, expected: float) -> None:
    assert tara_loss(torch.tensor(0.5), torch.tensor(0.25), _language(), weights).item() == pytest.approx(expected)


def test_alpha_zero_is_the_vanilla_loss_to_the_bit() -> None:
    ranking = ranking_loss(torch.randn(7), torch.randn(7))
    assert torch.equal(tara_loss(ranking, torch.tensor(3.0), _language(), LossWeights(alpha=0.0)), ranking)
