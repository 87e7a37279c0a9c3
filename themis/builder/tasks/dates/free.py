"""Dates and weather in many people's words: every form of a date, of a value and of an answer, and answers that dodge.

The calls take a date as the question has it, for the tools read all of these forms.
"""

import re
from collections.abc import Callable
from datetime import date
from functools import partial
from random import Random

from themis.builder.draft import Draft, Observe
from themis.builder.task import Generate, Wordings
from themis.builder.tasks.dates import generated, rules
from themis.builder.tasks.dates.rules import WORDINGS, Asked
from themis.builder.tasks.dates.weather import CONDITIONS
from themis.builder.text.answers import Say, Values, answers, asked_freely, of, say_number, say_word
from themis.builder.text.claims import FREE
from themis.builder.text.values import DATE
from themis.builder.text.written_dates import written_date
from themis.phrases import filled, phrases
from themis.tools.dates import WEEK_DAYS

_QUESTIONS = phrases(__package__, "free.yaml")
_OWN_QUESTION = 0.5
"""Share of questions from the task's own templates."""
_UNITS = {"(C)": ("{}°C", "{} °C", "{} degrees", "{} C"), "(kph)": ("{} km/h", "{} kph"), "(mm)": ("{} mm",), "(km)": ("{} km",)}

Ask = Callable[[Random, Wordings], tuple[Asked, str]]


def _generate(task: str, ask: Ask, rng: Random, wordings: Wordings) -> tuple[Draft, Observe]:
    while True:
        asked, other = ask(rng, {**WORDINGS, **wordings})
        if other != asked.value and other != generated.MISSPELT and (wrong := _others(asked.value, other, rng)):
            break
    question, facts = _written(asked, rng)
    chosen, rejected = answers(Values(asked.answers, facts, asked.value, wrong, say(asked.value)), rng)
    draft = Draft(f"free/{task}", task, "free", question, chosen, (rejected,), facts=facts | FREE)
    return draft, generated.observer(asked.today)


def calendar_question(rng: Random) -> tuple[str, Values]:
    """A question about given dates, in the task's own words."""
    while True:
        asked, other = generated.ask_calendar(rng, WORDINGS)
        if asked.today is None and other not in (asked.value, generated.MISSPELT) and (wrong := _others(asked.value, other, rng)):
            return asked.question, Values(asked.answers, asked.facts, asked.value, wrong, say(asked.value))


def _written(asked: Asked, rng: Random) -> tuple[str, dict[str, str]]:
    """The question, and its facts as it writes them."""
    question, facts = asked.question, dict(asked.facts)
    kind = facts.get("attribute") or f"{facts['kind']} {facts.get('side', '')}".strip()
    templates = () if "today" in facts.values() or (asked.facts.get("number", "") and "attribute" in facts) else _QUESTIONS.get(kind, ())
    if templates and rng.random() > _OWN_QUESTION:
        question = filled(rng.choice(templates), facts)
    for name in ("day", "other"):
        if DATE.fullmatch(iso := facts.get(name, "")):
            facts[name] = written_date(date.fromisoformat(iso), rng, week_day=facts.get("kind", "week_day") != "week_day")
            question = question.replace(iso, facts[name])
    question, changed = asked_freely(question, [facts["city"]] if "city" in facts else [], rng)
    return question, facts | {name: changed(facts[name]) for name in ("day", "other") if name in facts}


def other_values(value: str, rng: Random) -> list[str]:
    """Wrong values of the same kind, at least one."""
    while not (others := _others(value, value, rng)):
        continue
    return others


def _others(right: str, other: str, rng: Random) -> list[str]:
    """Wrong values of the same kind, the given one first."""
    if right in WEEK_DAYS:
        rest: list[str] = rng.sample(WEEK_DAYS, len(WEEK_DAYS))
    elif DATE.fullmatch(right):
        rest = [rules.some_day(rng).isoformat() for _ in range(6)]
    elif right.isdigit():
        rest = [str(max(1, int(right) + rng.choice((-30, -7, -2, -1, 1, 2, 7, 30)))) for _ in range(6)]
    elif right in CONDITIONS:
        rest = rng.sample(CONDITIONS, 6)
    else:
        number, opened, unit = right.partition("(")
        rest = [f"{float(number) + rng.randint(-90, 90) / 10:.1f}{opened}{unit}" for _ in range(6)]
    return [value for value in dict.fromkeys([other.strip("[']"), *rest]) if value != right]


def say(value: str) -> Say:
    """How a value of its kind may be written."""
    if DATE.fullmatch(value):
        return lambda written, rng: written_date(date.fromisoformat(written), rng)
    if value in WEEK_DAYS or value in CONDITIONS:
        return say_word
    return say_number if value.isdigit() else _say_measure


def _say_measure(value: str, rng: Random) -> str:
    number, opened, unit = value.partition("(")
    if rng.random() < 0.5:
        return value
    return of([*_UNITS.get(opened + unit, ("{}",)), "{}"], re.sub(r"\.0$", "", number), rng)


calendar: Generate = partial(_generate, "calendar", generated.ask_calendar)
weather: Generate = partial(_generate, "weather", generated.ask_weather)
multi_tools: Generate = partial(_generate, "multi_tools", generated.ask_multi_tools)
