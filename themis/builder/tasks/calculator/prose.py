"""Word problems whose answers are written as people write them: sums in sentences, no marks, a number at the end."""

import re
from random import Random

from themis.builder.draft import Draft, Observe
from themis.builder.task import Wordings
from themis.builder.tasks.calculator import marks
from themis.builder.tasks.calculator.agents import other_final, slip_carried_on
from themis.builder.tasks.calculator.generated import observe
from themis.builder.text.answers import asked_freely
from themis.builder.text.claims import FREE
from themis.phrases import filled, phrases
from themis.tools.sums_in_text import sums_in

_PHRASES = phrases(__package__)
_MARK = re.compile(r"<<[^<>]*>>")
_FINAL = re.compile(r"\n#### (\S+)\s*$")


def generate(rng: Random, wordings: Wordings) -> tuple[Draft, Observe]:
    """A story with a right answer, and one in which a sum or the final number is wrong."""
    del wordings
    while True:
        question, right = marks.story(rng)
        wrong = rng.choice((slip_carried_on, slip_carried_on, other_final))(rng, right)
        ending, between = rng.choice(_PHRASES["endings"]), rng.choice((" ", " ", "\n"))
        chosen, rejected = (_as_prose(answer, ending, between) for answer in (right, wrong))
        if chosen != rejected and len(sums_in(chosen)) == len(sums_in(rejected)) == right.count("<<") > 0:
            question, _ = asked_freely(question, [], rng)
            return Draft("prose/calculator", "calculator", "free", question, chosen, (rejected,), facts=dict(FREE)), observe


def _as_prose(answer: str, ending: str, between: str) -> str:
    final = _FINAL.search(answer)
    assert final is not None
    lines = _MARK.sub("", answer[: final.start()]).split("\n")
    return between.join([*lines, filled(ending, {"value": final[1]})])
