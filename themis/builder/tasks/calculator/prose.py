"""Word problems whose answers are written as people write them: sums in sentences, no marks, or a number alone.

Where an answer shows its sums, the calculator checks them. Where it states a number alone, the call works it out from
the question.
"""

import re
from random import Random

from themis.builder.draft import Draft, Observe
from themis.builder.task import Wordings
from themis.builder.tasks.calculator import marks
from themis.builder.tasks.calculator.agents import other_final, slip_carried_on
from themis.builder.tasks.calculator.generated import SUM, observe
from themis.builder.tasks.calculator.scenarios import Told, told
from themis.builder.text.answers import Values, answers, asked_freely, say_number
from themis.builder.text.claims import FREE
from themis.phrases import filled, phrases
from themis.tools.sums_in_text import sums_in

_PHRASES = phrases(__package__)
_MARK = re.compile(r"<<[^<>]*>>")
_FINAL = re.compile(r"\n#### (\S+)\s*$")
_STORIES, _NUMBER_ALONE = 0.25, 0.4
_SIGNS = (("*", "*"), ("*", " * "), ("*", " × "), ("*", " x "), ("*", "×"))


def generate(rng: Random, wordings: Wordings) -> tuple[Draft, Observe]:
    """A question with a right answer, and one in which a sum or the final number is wrong."""
    del wordings
    while True:
        if rng.random() < _STORIES:
            question, right = marks.story(rng)
        else:
            found = told(rng)
            if rng.random() < _NUMBER_ALONE:
                return _number_alone(found, rng)
            question, right = found.question, found.marked
        wrong = rng.choice((slip_carried_on, slip_carried_on, other_final))(rng, right)
        ending, between, sign = rng.choice(_PHRASES["endings"]), rng.choice((" ", " ", "\n")), rng.choice(_SIGNS)
        chosen, rejected = (_as_prose(answer, ending, between, sign) for answer in (right, wrong))
        if chosen != rejected and len(sums_in(chosen)) == len(sums_in(rejected)) == right.count("<<") > 0:
            question, _ = asked_freely(question, [], rng)
            return Draft("prose/calculator", "calculator", "free", question, chosen, (rejected,), facts=dict(FREE)), observe


def _as_prose(answer: str, ending: str, between: str, sign: tuple[str, str]) -> str:
    final = _FINAL.search(answer)
    assert final is not None
    lines = _MARK.sub("", answer[: final.start()]).replace(*sign).split("\n")
    return between.join([*lines, filled(ending, {"value": final[1]})])


def _number_alone(found: Told, rng: Random) -> tuple[Draft, Observe]:
    question, _ = asked_freely(found.question, [], rng)
    near = [*found.steps[:-1], *(marks.near(rng, found.value) for _ in range(8))]
    rng.shuffle(near)
    wrong = [value for value in dict.fromkeys(near) if value != found.value] or [f"{found.value}0"]
    facts = {SUM: found.expression, **FREE}
    chosen, rejected = answers(Values(_PHRASES["endings"], facts, found.value, wrong, say_number), rng)
    return Draft("prose/calculator", "calculator", "free", question, chosen, (rejected,), facts=facts), observe
