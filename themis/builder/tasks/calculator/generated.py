"""The infinite stream of the task calculator: stories with marked sums beside a fault, and plain sums.

The faults come from `marks.broken`, which knows more kinds than the agents: lost marks and missing steps, as models
write them. The balance of a build would rarely choose those, as they look different.
"""

from random import Random

from themis.builder.draft import Draft, Observe
from themis.builder.task import Wordings
from themis.builder.tasks.calculator import marks
from themis.errors import ToolError
from themis.phrases import filled, phrases
from themis.tools.calculator import calculator
from themis.traces import Action, Case, Observation

PLAIN_SUMS = 0.25
_PHRASES = phrases(__package__)
SUM = "sum"
"""Name of the fact that holds a plain sum's expression, which is the argument of the call."""


def generate(rng: Random, wordings: Wordings) -> tuple[Draft, Observe]:
    """A short story with its sums marked, or one plain sum."""
    del wordings
    return plain_sum(rng) if rng.random() < PLAIN_SUMS else faulted(rng, *marks.story(rng))


def faulted(rng: Random, question: str, right: str) -> tuple[Draft, Observe]:
    """A right answer with marked sums beside a broken one. The calculator does not find every such fault."""
    return Draft("generated/calculator", "calculator", "generated", question, right, (marks.broken(rng, right),)), observe


def plain_sum(rng: Random) -> tuple[Draft, Observe]:
    """A question such as `What is 12 * 13?`."""
    expression = an_expression(rng)
    found = calculator(expression)
    wrong = marks.near(rng, found)
    facts = {SUM: expression}
    question = filled(rng.choice(_PHRASES["sum_questions"]), facts)
    if wrong == found:
        wrong = f"{found}0"
    right, other = (filled(rng.choice(_PHRASES["sum_answers"]), {**facts, "value": value}) for value in (found, wrong))
    return Draft("generated/calculator", "calculator", "generated", question, right, (other,), facts=facts), observe


def an_expression(rng: Random) -> str:
    """Two to four numbers with signs between them."""
    expression = str(rng.randint(1, 10 ** rng.randint(1, 4)))
    for _ in range(rng.choice((1, 1, 2, 3))):
        expression += f" {rng.choice('+-*/')} {rng.randint(1, 10 ** rng.randint(1, 3))}"
    return expression


def observe(action: Action, case: Case) -> Observation:
    """The calculator as a plain function."""
    try:
        return Observation(calculator(action.argument, case))
    except ToolError as error:
        return Observation(str(error), "error")
