"""Sums in many people's words, and word problems whose last line states no number, or more than one."""

import re
from random import Random

from themis.builder.draft import Draft, Observe
from themis.builder.task import Wordings
from themis.builder.tasks.calculator import marks
from themis.builder.tasks.calculator.generated import SUM, an_expression, faulted, observe
from themis.builder.text.answers import DODGE, PHRASES, Values, answers, asked_freely, say_number
from themis.builder.text.claims import FREE
from themis.phrases import filled, phrases
from themis.tools.calculator import calculator

_PHRASES = phrases(__package__)
_FINAL = re.compile(r"(?<=#### )(\S+)\s*$")
_SUMS, _FINALS = 0.7, 0.5


def generate(rng: Random, wordings: Wordings) -> tuple[Draft, Observe]:
    """A plain sum, or a story."""
    del wordings
    if rng.random() > _SUMS:
        question, right = marks.story(rng)
        return _other_ending(rng, question, right) if rng.random() < _FINALS else faulted(rng, question, right)
    question, values = a_sum(rng)
    chosen, rejected = answers(values, rng)
    question, _ = asked_freely(question, [], rng)
    return Draft("free/calculator", "calculator", "free", question, chosen, (rejected,), facts={**values.facts, **FREE}), observe


def a_sum(rng: Random) -> tuple[str, Values]:
    """A question such as `What is 12 * 13?`, with the right value and wrong ones."""
    expression = an_expression(rng)
    found, facts = calculator(expression), {SUM: expression}
    near = dict.fromkeys(marks.near(rng, found) for _ in range(8))
    wrong = [value for value in near if value != found] or [f"{found}0"]
    return filled(rng.choice(_PHRASES["sum_questions"]), facts), Values(_PHRASES["sum_answers"], facts, found, wrong, say_number)


def _other_ending(rng: Random, question: str, right: str) -> tuple[Draft, Observe]:
    """The right steps with a last line that states no number, or several."""
    final = _FINAL.search(right)
    assert final is not None
    values = Values(["{value}"], {}, final[1], [f"{final[1]}0", *dict.fromkeys(marks.near(rng, final[1]) for _ in range(6))], say_number)
    ending = DODGE[rng.choice(("hedge", "list", "denial", "refusal"))](values, rng, PHRASES)
    draft = Draft("free/calculator", "calculator", "free", question, right, (right[: final.start()] + ending,))
    return draft, observe
