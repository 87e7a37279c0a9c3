"""PPO's losses and what people watch, on numbers worked by hand."""

from math import e, exp, log

import pytest
import torch

from themis.rlhf.ppo.losses import (
    approx_kl,
    clip_share,
    entropy_of,
    explained_variance,
    log_probs_of,
    policy_loss,
    ptx_loss,
    value_loss,
)

MASK = torch.tensor([[1.0, 1.0, 0.0]])
OLD = torch.tensor([[0.0, 0.0, 0.0]])
NEW = torch.tensor([[log(1.5), log(0.5), 5.0]])


def test_a_log_probability_is_that_of_the_tempered_distribution() -> None:
    logits = torch.tensor([[[0.0, log(3.0)]]])
    assert log_probs_of(logits, torch.tensor([[1]])).item() == pytest.approx(log(0.75))
    assert log_probs_of(logits, torch.tensor([[1]]), temperature=0.5).item() == pytest.approx(log(0.9))


def test_the_entropy_of_a_fair_coin_is_log_2() -> None:
    assert entropy_of(torch.zeros(1, 1, 2)).item() == pytest.approx(log(2))
    assert entropy_of(torch.tensor([[[0.0, 100.0]]])).item() == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    ("advantages", "expected"),
    [
        # Good tokens: the first ratio is clipped to 1.2, the second one, 0.5, is not.
        ([[1.0, 1.0, 9.0]], -(1.2 + 0.5) / 2),
        # Bad tokens: the first one counts with its whole ratio, the second as 0.8.
        ([[-1.0, -1.0, 9.0]], (1.5 + 0.8) / 2),
    ],
)
def test_the_ratio_is_clipped_where_that_makes_the_loss_larger(advantages: list[list[float]], expected: float) -> None:
    assert policy_loss(NEW, OLD, torch.tensor(advantages), MASK, clip=0.2, count=2).item() == pytest.approx(expected)


def test_a_clipped_token_gives_no_gradient_and_a_masked_one_never_does() -> None:
    new = NEW.clone().requires_grad_()
    policy_loss(new, OLD, torch.ones(1, 3), MASK, clip=0.2, count=2).backward()
    assert new.grad is not None
    torch.testing.assert_close(new.grad, torch.tensor([[0.0, -0.25, 0.0]]))


def test_an_infinite_difference_at_a_masked_token_costs_nothing() -> None:
    new = torch.tensor([[0.0, 0.0, 1e4]], requires_grad=True)
    loss = policy_loss(new, OLD, torch.ones(1, 3), MASK, clip=0.2, count=2)
    loss.backward()
    assert loss.item() == -1.0
    assert new.grad is not None
    assert torch.isfinite(new.grad).all()


def test_the_larger_of_both_errors_of_a_value_counts() -> None:
    new, old, returns = torch.tensor([[2.0, 1.1, 5.0]]), torch.tensor([[1.0, 1.0, 0.0]]), torch.tensor([[2.0, 0.0, 0.0]])
    # First token: exact, but clipped it is 1.2: 0.64. Second: 1.21 either way.
    assert value_loss(new, old, returns, MASK, clip=0.2, count=2).item() == pytest.approx((0.64 + 1.21) / 4)
    assert value_loss(new, old, returns, MASK, clip=None, count=2).item() == pytest.approx(1.21 / 4)


def test_text_that_the_policy_must_keep_is_read_token_by_token() -> None:
    logits, tokens = torch.tensor([[[0.0, 0.0], [0.0, log(3.0)], [9.0, 0.0]]]), torch.tensor([[0, 1, 1]])
    assert ptx_loss(logits, tokens, MASK, count=2).item() == pytest.approx(-(log(0.5) + log(0.75)) / 2)
    assert ptx_loss(logits, tokens, torch.tensor([[0.0, 1.0, 0.0]]), count=1).item() == pytest.approx(-log(0.75))


def test_the_clip_share_counts_unmasked_tokens() -> None:
    assert clip_share(NEW, OLD, MASK, clip=0.2).item() == 1.0
    assert clip_share(torch.tensor([[0.1, 0.5, 9.0]]), OLD, MASK, clip=0.2).item() == 0.5


def test_approximate_divergence_by_hand() -> None:
    assert approx_kl(torch.tensor([[1.0, 0.0, 8.0]]), OLD, MASK).item() == pytest.approx((e - 1 - 1) / 2)
    assert approx_kl(torch.tensor([[-1.0, 0.0, 8.0]]), OLD, MASK).item() == pytest.approx(exp(-1) / 2)
    assert approx_kl(OLD, OLD, MASK).item() == 0.0


def test_explained_variance_is_1_for_a_perfect_value_0_for_a_constant_and_unknown_for_equal_returns() -> None:
    returns = torch.tensor([[1.0, 3.0, 99.0]])
    assert explained_variance(returns, returns, MASK).item() == 1.0
    assert explained_variance(torch.full((1, 3), 5.0), returns, MASK).item() == 0.0
    assert explained_variance(torch.tensor([[3.0, 1.0, 0.0]]), returns, MASK).item() == -3.0
    assert torch.isnan(explained_variance(returns, torch.ones(1, 3), MASK))
