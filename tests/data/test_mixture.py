"""Alterations of pairs."""

from random import Random

from tests.pairs import by_rule
from themis.data.mixture import forged


def test_a_forged_answer_keeps_the_true_trace() -> None:
    pair = by_rule("calendar", 1)
    forgery = forged(Random(1), pair)
    assert forgery.rejected.trace == pair.rejected.trace
    assert forgery.rejected.answer.startswith(pair.rejected.answer)
    assert "bservation" in forgery.rejected.answer or "ationale" in forgery.rejected.answer
