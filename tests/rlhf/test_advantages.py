"""From scores to advantages, on numbers worked by hand."""

import pytest
import torch

from themis.rlhf.ppo.advantages import (
    Scale,
    advantages_and_returns,
    end_penalty,
    kl_per_token,
    masked_mean,
    masked_variance,
    next_coefficient,
    scale_of,
    token_rewards,
    whiten,
    with_end_rule,
)

MASK = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]])


def test_means_and_variances_look_at_unmasked_tokens_alone() -> None:
    values = torch.tensor([[1.0, 2.0, 3.0], [6.0, 100.0, -100.0]])
    assert masked_mean(values, MASK).item() == 3.0
    assert masked_variance(values, MASK).item() == pytest.approx((4 + 1 + 0 + 9) / 3)
    assert masked_mean(values, torch.zeros(2, 3)).item() == 0.0


def test_whitened_values_have_mean_0_and_variance_1_and_masked_ones_are_0() -> None:
    white = whiten(torch.tensor([[1.0, 2.0, 3.0], [6.0, 100.0, -100.0]]), MASK)
    assert masked_mean(white, MASK).item() == pytest.approx(0.0, abs=1e-6)
    assert masked_variance(white, MASK).item() == pytest.approx(1.0, abs=1e-5)
    assert white[1, 1:].tolist() == [0.0, 0.0]
    assert white[0, 0].item() == pytest.approx(-2 / (14 / 3) ** 0.5)


def test_the_score_is_at_the_last_token_and_the_penalty_at_each() -> None:
    kl = kl_per_token(torch.tensor([[-1.0, -2.0, -3.0], [-1.0, 0.0, 0.0]]), torch.tensor([[-2.0, -2.0, -1.0], [-1.5, 9.0, 9.0]]))
    assert kl.tolist() == [[1.0, 0.0, -2.0], [0.5, -9.0, -9.0]]
    rewards = token_rewards(torch.tensor([10.0, 20.0]), kl, 0.1, MASK)
    torch.testing.assert_close(rewards, torch.tensor([[-0.1, 0.0, 10.2], [19.95, 0.0, 0.0]]))


def test_an_answer_that_is_masked_whole_gets_no_reward_anywhere() -> None:
    rewards = token_rewards(torch.tensor([10.0, 20.0]), torch.ones(2, 3), 0.1, torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 0.0]]))
    torch.testing.assert_close(rewards, torch.tensor([[0.0, 0.0, 0.0], [-0.1, 19.9, 0.0]]))


def test_an_answer_without_its_end_gets_the_penalty_or_leaves_the_update() -> None:
    scores, ended = torch.tensor([5.0, 7.0]), torch.tensor([True, False])
    fixed, counted = with_end_rule(scores, ended, -1.0)
    assert (fixed.tolist(), counted.tolist()) == ([5.0, -1.0], [True, True])
    kept, counted = with_end_rule(scores, ended, None)
    assert (kept.tolist(), counted.tolist()) == ([5.0, 7.0], [True, False])


def test_not_ending_never_pays_more_than_the_worst_answer_that_ends() -> None:
    assert end_penalty(-1.0, torch.tensor([0.0, -4.5])) == -4.5
    assert end_penalty(-1.0, torch.tensor([0.0, -0.5])) == -1.0
    assert end_penalty(-1.0, torch.tensor([])) == -1.0
    assert end_penalty(None, torch.tensor([-4.5])) is None


def test_generalised_advantages_by_hand() -> None:
    rewards = torch.tensor([[0.0, 0.0, 1.0], [2.0, 0.0, 0.0]])
    values = torch.tensor([[0.5, 0.25, 0.5], [1.0, 7.0, 7.0]])
    advantages, returns = advantages_and_returns(rewards, values, MASK, gamma=0.5, lam=0.5)
    # From the end: 1 - 0.5 = 0.5;  0.5 * 0.5 - 0.25 + 0.25 * 0.5 = 0.125;  0.5 * 0.25 - 0.5 + 0.25 * 0.125 = -0.34375
    torch.testing.assert_close(advantages, torch.tensor([[-0.34375, 0.125, 0.5], [1.0, 0.0, 0.0]]))
    torch.testing.assert_close(returns, torch.tensor([[0.15625, 0.375, 1.0], [2.0, 0.0, 0.0]]))


def test_with_lambda_1_the_return_is_the_sum_of_rewards_to_the_end() -> None:
    rewards, values = torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[9.0, -4.0, 0.5]])
    _, returns = advantages_and_returns(rewards, values, torch.ones(1, 3), gamma=1.0, lam=1.0)
    torch.testing.assert_close(returns, torch.tensor([[6.0, 5.0, 3.0]]))


def test_the_coefficient_follows_the_target_by_at_most_a_fifth_and_stays_without_one() -> None:
    assert next_coefficient(0.1, kl=99.0, target=None, horizon=100, answers=10) == 0.1
    assert next_coefficient(0.1, kl=99.0, target=6.0, horizon=100, answers=10) == pytest.approx(0.1 * 1.02)
    assert next_coefficient(0.1, kl=0.0, target=6.0, horizon=100, answers=10) == pytest.approx(0.1 * 0.98)
    assert next_coefficient(0.1, kl=6.6, target=6.0, horizon=100, answers=10) == pytest.approx(0.1 * 1.01)


def test_rewards_are_measured_in_deviations_of_the_reference_answers() -> None:
    scale = scale_of([1.0, 3.0])
    assert scale == Scale(2.0, 1.0)
    assert Scale(2.0, 4.0).apply(torch.tensor([2.0, 6.0])).tolist() == [0.0, 1.0]


def test_equal_rewards_have_no_scale() -> None:
    assert scale_of([2.0, 2.0, 2.0]) is None
    assert scale_of([2.0]) is None
