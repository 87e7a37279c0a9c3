"""Token rows of a pair: how long they are, what they share, and how many of their tokens are targets."""

from themis.traces.token_row import NO_TARGET, TokenPair, TokenRow

NO, YES = NO_TARGET, 1
CHOSEN = TokenRow([1, 2, 3, 4], [NO, NO, NO, YES], 2, 3)
REJECTED = TokenRow([1, 2, 9, 9, 4], [NO, NO, YES, NO, YES], 3, 4)
PAIR = TokenPair(CHOSEN, REJECTED)


def test_a_pair_is_as_long_as_its_longer_row() -> None:
    assert [len(row) for row in PAIR.rows] == [4, 5]
    assert PAIR.longest == 5


def test_the_shared_prefix_is_computed_once() -> None:
    assert PAIR.shared_prefix == 2
    assert PAIR.cost(share=True) == 4 + 5 - 2
    assert PAIR.cost(share=False) == 4 + 5


def test_a_shared_prefix_ends_before_a_target_of_the_rejected_row_and_before_its_last_token() -> None:
    plain = TokenRow([1, 2, 3, 4], [NO] * 4, 3, 3)
    assert TokenPair(plain, plain).shared_prefix == 3
    assert TokenPair(plain, TokenRow([1, 2, 3, 4], [NO, YES, YES, YES], 3, 3)).shared_prefix == 1
    assert TokenPair(plain, TokenRow([9, 2, 3, 4], [NO] * 4, 3, 3)).shared_prefix == 0


def test_targets_of_the_chosen_row_do_not_end_the_shared_prefix() -> None:
    chosen = TokenRow([1, 2, 3, 4], [NO, YES, YES, YES], 3, 3)
    assert TokenPair(chosen, TokenRow([1, 2, 3, 4], [NO] * 4, 3, 3)).shared_prefix == 3


def test_the_first_token_of_a_row_is_never_a_target() -> None:
    assert PAIR.targets == 3
    first = TokenRow([1, 2], [YES, YES], 1, 1)
    assert TokenPair(first, first).targets == 2
