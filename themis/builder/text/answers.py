"""Answers in many people's words, and answers that avoid to state a value: hedges, lists, denials, echoes, refusals.

A reward model that never saw them pays for a list of all weekdays. The right answer comes in as many forms as the
wrong one, so form alone tells nothing. Knows nothing of tasks: a caller says which values there are and how they are
written.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TypeAlias

from themis.phrases import filled, phrases

PHRASES = phrases(__package__, "answers.yaml")
Say: TypeAlias = Callable[[str, Random], str]
"""Writes a value in one of the ways in which people do."""

DODGES = 0.5
"""Share of wrong answers that avoid to state a value."""
SAME_STYLE = 0.5
"""Share of the other wrong answers that have the style of the right one: then the value alone differs."""
_LOWER, _UPPER = 0.14, 0.08
_SHORT, _CONTRAST, _FRAMED = 0.25, 0.12, 0.3


@dataclass(frozen=True, slots=True)
class Values:
    """What may be stated in answer to one question."""

    templates: Sequence[str]
    """The task's own answers to such a question, with `{value}`."""
    facts: Mapping[str, str]
    """What else the templates name."""
    right: str
    wrong: Sequence[str]
    """At least one; the first is the likeliest."""
    say: Say


Style: TypeAlias = Callable[[str, str], str]
"""An answer that states the first value; the second is one that it may mention."""


def answers(values: Values, rng: Random) -> tuple[str, str]:
    """A right answer and a wrong one."""
    style = a_style(values, rng)
    right, wrong = values.right, values.wrong[0]
    chosen = style(right, wrong)
    if rng.random() < DODGES:
        return chosen, DODGE[rng.choice(list(DODGE))](values, rng, PHRASES)
    return chosen, (style if rng.random() < SAME_STYLE else a_style(values, rng))(wrong, right)


def a_style(values: Values, rng: Random) -> Style:
    """Words, a frame around them, and their case; the same for every value."""
    template = rng.choice(values.templates)
    if (drawn := rng.random()) < _SHORT + _CONTRAST:
        template = rng.choice(PHRASES["short" if drawn < _SHORT else "contrast"])
    frame = rng.choice(PHRASES["frames"]) if rng.random() < _FRAMED else "{answer}"
    seed, cased = rng.getrandbits(32), _a_case(rng)

    def written(value: str, other: str) -> str:
        shown = {"value": values.say(value, Random(seed)), "other": values.say(other, Random(seed))}
        return cased(filled(frame, {"answer": filled(template, {**values.facts, **shown})}))

    return written


def hedge(values: Values, rng: Random, words: Mapping[str, Sequence[str]]) -> str:
    """Offers the right value and a wrong one."""
    pair = [values.say(value, rng) for value in (values.right, values.wrong[0])]
    rng.shuffle(pair)
    joined = filled(rng.choice(words["hedges"]), {"a": pair[0], "b": pair[1]})
    return _a_case(rng)(filled(_around(values, rng, words), {**values.facts, "value": joined}))


def listed(values: Values, rng: Random, words: Mapping[str, Sequence[str]]) -> str:
    """Offers many values, the right one among them."""
    several = [values.right, *values.wrong[: rng.randint(2, 6)]]
    rng.shuffle(several)
    seed, last = rng.getrandbits(32), rng.choice((" or ", ", ", ", or ", " and "))
    shown = [values.say(value, Random(seed)) for value in several]
    joined = ", ".join(shown[:-1]) + last + shown[-1]
    return _a_case(rng)(filled(_around(values, rng, words), {**values.facts, "value": joined}))


def denial(values: Values, rng: Random, words: Mapping[str, Sequence[str]]) -> str:
    """Says that the right value is not the answer."""
    own = [template for template in values.templates if " is {value}" in template or " is a {value}" in template]
    template = rng.choice(words["denials"])
    if own and rng.random() < 0.5:
        template = rng.choice(own).replace(" is {value}", " is not {value}").replace(" is a {value}", " is not a {value}")
    return _a_case(rng)(filled(template, {**values.facts, "value": values.say(values.right, rng)}))


def echo(values: Values, rng: Random, words: Mapping[str, Sequence[str]]) -> str:
    """States a wrong value, and repeats the right one where it answers nothing, or praises itself by it."""
    shown = {"value": values.say(values.wrong[0], rng)}
    answer = filled(rng.choice(values.templates), {**values.facts, **shown})
    return filled(rng.choice(words["echoes"]), {"answer": answer, "value": values.say(values.right, rng)})


def refusal(values: Values, rng: Random, words: Mapping[str, Sequence[str]]) -> str:
    """States nothing."""
    del values
    return _a_case(rng)(rng.choice(words["refusals"]))


Dodge: TypeAlias = Callable[[Values, Random, Mapping[str, Sequence[str]]], str]
DODGE: Mapping[str, Dodge] = {"hedge": hedge, "list": listed, "denial": denial, "echo": echo, "refusal": refusal}
"""The kinds of answers that avoid to state a value."""


def asked_freely(question: str, kept: Sequence[str], rng: Random) -> tuple[str, Callable[[str], str]]:
    """The question as somebody may type it, and what that does to the facts in it, but to those of `kept`."""
    if rng.random() < 0.2:
        question = filled(rng.choice(PHRASES["questions"]), {"question": question})
    if rng.random() < 0.85:
        return question, str
    lower = question.lower()
    for name in kept:
        lower = lower.replace(name.lower(), name)
    return lower.rstrip("?."), str.lower


def of(choices: Sequence[str], value: str, rng: Random) -> str:
    """The value in one of several forms with `{}` in its place; as it is in half of the cases."""
    return value if rng.random() < 0.5 else rng.choice(choices).replace("{}", value)


def say_word(value: str, rng: Random) -> str:
    """A weekday, a condition of the weather: bold, quoted, in small letters; a weekday also by its short name."""
    forms = ["**{}**", "'{}'", "{}", value.lower()]
    return of([*forms, value[:3]] if value.endswith("day") else forms, value, rng)


def say_number(value: str, rng: Random) -> str:
    """A number: with groups of thousands, bold."""
    return of(["**{}**", f"{int(value):,}" if value.isdigit() else "{}", "{}"], value, rng)


def _around(values: Values, rng: Random, words: Mapping[str, Sequence[str]]) -> str:
    return rng.choice(words["hedged"] if rng.random() < 0.5 else values.templates)


def _a_case(rng: Random) -> Callable[[str], str]:
    drawn = rng.random()
    if drawn < _LOWER:
        return str.lower
    return partial(_loud, rng.choice(("", "!!!"))) if drawn < _LOWER + _UPPER else str


def _loud(end: str, text: str) -> str:
    return text.upper().rstrip(".") + end
