"""Dates and weather in running text: stories around a date, weeks and fortnights, and counts that need one more step.

A count of other units than days goes to the calendar as the question has it (`two weeks after 3 May 2021`): it reads
running text. A number of days may be turned into weeks, hours or a price, by one call of the calculator.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from random import Random

from themis.builder.draft import Draft, Observe
from themis.builder.task import Generate, Wordings
from themis.builder.tasks.dates import generated, rules
from themis.builder.tasks.dates.free import other_values, say
from themis.builder.text.answers import Values, answers, asked_freely
from themis.builder.text.claims import FREE
from themis.builder.text.written_dates import written_date
from themis.phrases import filled, phrases
from themis.tools.calendar import target_day, week_day
from themis.tools.dates_in_text import ONES

_WORDS = phrases(__package__, "prose.yaml")
_OPENED, _CLOSED, _IN_DAYS = 0.3, 0.15, 0.55

Asked = tuple[str, Sequence[str], Mapping[str, str], str]
"""A question, the templates of its answers, the facts in it, and the right value."""


def _generate(task: str, ask: Callable[[Random], Asked], rng: Random, wordings: Wordings) -> tuple[Draft, Observe]:
    del wordings
    question, templates, facts, value = ask(rng)
    kept = [facts["city"]] if "city" in facts else []
    if rng.random() < _OPENED:
        question = f"{rng.choice(_WORDS['openings'])} {question}"
    if rng.random() < _CLOSED:
        question = f"{question} {rng.choice(_WORDS['closings'])}"
    question, changed = asked_freely(question, kept, rng)
    facts = {name: text if name in ("city", "attribute") else changed(text) for name, text in facts.items()}
    chosen, rejected = answers(Values(templates, facts, value, other_values(value, rng), say(value)), rng)
    draft = Draft(f"prose/{task}", task, "free", question, chosen, (rejected,), facts=facts | FREE)
    return draft, generated.observer()


def _ask_calendar(rng: Random) -> Asked:
    return rng.choice((_week_day, _week_day, _day_difference, _day_difference, _target_day, _target_day, _target_day))(rng)


def _ask_chain(rng: Random) -> Asked:
    if rng.random() < 0.4:
        return _weather(rng, counted=True)
    return rng.choice((_week_day_counted, _per_day))(rng)


def _week_day(rng: Random) -> Asked:
    day = rules.some_day(rng)
    facts = {"kind": "week_day", "day": written_date(day, rng, week_day=False)}
    return filled(rng.choice(_WORDS["week_day"]), facts), _WORDS["week_day_answers"], facts, week_day(day)


def _two_days(rng: Random, whole_weeks: bool = False) -> tuple[int, dict[str, str]]:
    day, number = rules.some_day(rng), rng.choice((rng.randint(2, 60), rng.randint(2, 400)))
    other = day + timedelta(days=7 * (number % 60 + 1) if whole_weeks else number)
    facts = {"kind": "day_difference", "day": written_date(day, rng), "other": written_date(other, rng)}
    return (other - day).days, facts


def _day_difference(rng: Random) -> Asked:
    days, facts = _two_days(rng)
    return filled(rng.choice(_WORDS["day_difference"]), facts), _WORDS["day_difference_answers"], facts, str(days)


def _per_day(rng: Random) -> Asked:
    """Two calls: the days between two dates, and what they make in weeks, hours or dollars."""
    kind = rng.choice(("weeks", "hours", "priced", "priced"))
    days, facts = _two_days(rng, whole_weeks=kind == "weeks")
    price = rng.randint(2, 240)
    per, value = {"weeks": ("/7", days // 7), "hours": ("*24", days * 24), "priced": (f"*{price}", days * price)}[kind]
    facts |= {"per": per, "price": str(price)}
    return filled(rng.choice(_WORDS[kind]), facts), _WORDS[f"{kind}_answers"], facts, str(value)


def _counted(rng: Random, day: date) -> tuple[date, dict[str, str]]:
    """A day some time before or after another, in days, weeks or fortnights."""
    side = rng.choice(("before", "after", "after"))
    number, count = _a_count(rng)
    written = written_date(day, rng)
    facts = {"kind": "target_day", "day": written, "side": side, "number": str(number), "count": count}
    return date.fromisoformat(target_day(day, number if side == "after" else -number)), facts


def _a_count(rng: Random) -> tuple[int, str]:
    if rng.random() < _IN_DAYS:
        number = rng.choice((rng.randint(2, 31), rng.randint(2, 200), rng.randint(2, 999)))
        return number, f"{_in_words(number, rng)} days"
    number = rng.choice((1, 2, 2, 3, 4, 5, 6, 8, 10, 12, rng.randint(2, 40)))
    if number == 1:
        return rng.choice(((7, "a week"), (7, "one week"), (14, "a fortnight")))
    return 7 * number, f"{_in_words(number, rng)} weeks"


def _in_words(number: int, rng: Random) -> str:
    return ONES[number] if number <= 12 and rng.random() < 0.5 else str(number)


def _target_day(rng: Random) -> Asked:
    found, facts = _counted(rng, rules.some_day(rng))
    question = filled(rng.choice(_WORDS[f"target_day {facts['side']}"]), facts)
    return question, _WORDS["target_day_answers"], facts, found.isoformat()


def _week_day_counted(rng: Random) -> Asked:
    found, facts = _counted(rng, rules.some_day(rng))
    facts["kind"] = "week_day"
    return filled(rng.choice(_WORDS["week_day counted"]), facts), _WORDS["week_day_counted_answers"], facts, week_day(found)


def _ask_weather(rng: Random) -> Asked:
    return _weather(rng, counted=False)


def _weather(rng: Random, counted: bool) -> Asked:
    record, attribute, value = rules.drawn_record(rng, generated.RECORDS)
    facts = {"city": rules.city_name(record.city), "attribute": attribute}
    if counted:
        number, count = _a_count(rng)
        side = rng.choice(("before", "after", "after"))
        day = written_date(record.day - timedelta(days=number if side == "after" else -number), rng)
        facts |= {"day": day, "side": side, "number": str(number), "count": count, "when": f"{count} {side} {day}"}
    else:
        day = written_date(record.day, rng)
        facts |= {"day": day, "when": f"on {day}"}
    return filled(rng.choice(_WORDS[attribute]), facts), _WORDS["weather_answers"], facts, value


calendar: Generate = partial(_generate, "calendar", _ask_calendar)
weather: Generate = partial(_generate, "weather", _ask_weather)
multi_tools: Generate = partial(_generate, "multi_tools", _ask_chain)
