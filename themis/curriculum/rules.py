"""Pairs without end, made by rule: calendar, weather, calendar then weather, arithmetic, and no tool at all.

Dates, names and numbers are drawn anew for every pair, so nothing in them can be learnt by heart, and
each observation is what the real tool says. A pair depends on its random source alone.

Knows nothing of files; wordings of published rows can be handed in (`Wordings`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from themis.builder.tasks.calculator import marks as arithmetic
from themis.builder.text import names
from themis.builder.text import wordings as words
from themis.tools.calculator import calculator
from themis.tools.calendar import day_difference, target_day, week_day
from themis.tools.weather.tool import WeatherRecord, written_weather
from themis.traces import Action, Observation, Side, Step, Trace
from themis.traces.pair import Pair
from themis.traces.text import NO_TOOL_THOUGHT

WEEK_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ATTRIBUTES = ("overall weather", "temperature", "wind speed", "precipitation", "visibility", "humidity", "UV index")


@dataclass(frozen=True, slots=True)
class Wordings:
    """Question and answer templates by kind of pair; `{day}`, `{city}`, `{value}` and so on are filled in."""

    week_day: tuple[Sequence[str], Sequence[str]] = (words.WEEK_DAY_QUESTIONS, words.WEEK_DAY_ANSWERS)
    day_difference: tuple[Sequence[str], Sequence[str]] = (words.DAY_DIFFERENCE_QUESTIONS, words.DAY_DIFFERENCE_ANSWERS)
    target_day: tuple[Sequence[str], Sequence[str]] = (words.TARGET_DAY_QUESTIONS, words.TARGET_DAY_ANSWERS)
    weather: tuple[Sequence[str], Sequence[str]] = (words.WEATHER_QUESTIONS, words.WEATHER_ANSWERS)
    multi_tools: tuple[Sequence[str], Sequence[str]] = (words.CHAIN_QUESTIONS, words.CHAIN_ANSWERS)


OWN = Wordings()


def calendar_pair(rng: Random, wordings: Wordings = OWN) -> Pair:
    """A weekday, a difference of days, or a day before or after another."""
    return rng.choice((_week_day_pair, _day_difference_pair, _day_difference_pair, _target_day_pair, _target_day_pair))(rng, wordings)


def weather_pair(rng: Random, wordings: Wordings = OWN) -> Pair:
    """One attribute of the weather in a made-up city on a day."""
    record = _record(rng, names.city(rng), _day(rng))
    facts = {"city": record.city, "day": record.day.isoformat()}
    return _weather_judged(rng, "weather", wordings.weather, record, facts, steps=(_weather_step(record),))


def multi_tools_pair(rng: Random, wordings: Wordings = OWN) -> Pair:
    """The weather so many days after a date: the calendar first, then the weather."""
    start, number = _day(rng), rng.choice((rng.randint(1, 30), rng.randint(1, 365)))
    found = target_day(start, number)
    record = _record(rng, names.city(rng), date.fromisoformat(found))
    facts = {"city": record.city, "day": start.isoformat(), "number": str(number)}
    steps = (_target_day_step(start, number), _weather_step(record))
    return _weather_judged(rng, "multi_tools", wordings.multi_tools, record, facts, steps)


def arithmetic_pair(rng: Random, wordings: Wordings = OWN) -> Pair:
    """A short story with its sums marked, whose worse answer has a fault that arithmetic can find; or one plain sum."""
    del wordings
    if rng.random() < 0.25:
        return _plain_sum_pair(rng)
    while True:
        question, right = arithmetic.story(rng)
        if pair := arithmetic.faulted_pair(rng, question, right):
            return pair


def no_tool_pair(rng: Random, wordings: Wordings = OWN) -> Pair:
    """A request that no tool helps with."""
    del wordings
    question, right, wrong = rng.choice((_greeting, _repetition, _spelling, _thanks, _harm))(rng)
    trace = Trace((Step(NO_TOOL_THOUGHT),), words.NO_TOOL_RATIONALE)
    return Pair("", question, Side(right, 1.0, trace), Side(wrong, -1.0, trace), task="no_tool")


STREAM: dict[str, Callable[[Random, Wordings], Pair]] = {
    "calendar": calendar_pair,
    "weather": weather_pair,
    "multi_tools": multi_tools_pair,
    "arithmetic": arithmetic_pair,
    "no_tool": no_tool_pair,
}


def _plain_sum_pair(rng: Random) -> Pair:
    """What is 12 * 13? The argument is the expression itself."""
    expression = str(rng.randint(1, 10 ** rng.randint(1, 4)))
    for _ in range(rng.choice((1, 1, 2, 3))):
        expression += f" {rng.choice('+-*/')} {rng.randint(1, 10 ** rng.randint(1, 3))}"
    found = calculator(expression)
    wrong = arithmetic.near(rng, found)
    if wrong == found:
        wrong = found + "0"
    step = Step(f"I need to calculate {expression}.", Action("calculator", expression), Observation(found))
    return _judged(rng, "calculator", (words.SUM_QUESTIONS, words.SUM_ANSWERS), {"sum": expression}, found, wrong, (step,))


def _week_day_pair(rng: Random, wordings: Wordings) -> Pair:
    day = _day(rng)
    found = week_day(day)
    wrong = rng.choice([name for name in WEEK_DAYS if name != found] + ["Wendesday"])
    iso = day.isoformat()
    step = Step(f"I need to search what day of the week is {iso}.", Action("Calendar.week_day", iso), Observation(found))
    return _judged(rng, "calendar", wordings.week_day, {"day": iso}, found, wrong, (step,))


def _day_difference_pair(rng: Random, wordings: Wordings) -> Pair:
    start = _day(rng)
    other = _day(rng) if rng.random() < 0.7 else start + timedelta(days=rng.randint(1, 400))
    found = day_difference(start, other)
    near = abs(int(found) + rng.choice((-2, -1, 1, 2, 7, 10, -10, 30, 100)))
    wrong = str(rng.choice((near, rng.randint(0, 999), rng.randint(0, 9999))))
    if wrong == found:
        wrong = str(int(found) + 1)
    facts = {"day": start.isoformat(), "other": other.isoformat()}
    thought = f"I need to search how many days is the difference between {start} and {other}."
    step = Step(thought, Action("Calendar.day_difference", f"{start}, {other}"), Observation(found))
    return _judged(rng, "calendar", wordings.day_difference, facts, found, wrong, (step,))


def _target_day_pair(rng: Random, wordings: Wordings) -> Pair:
    start = _day(rng)
    number = rng.choice((rng.randint(1, 31), rng.randint(1, 400), rng.randint(1, 999))) * rng.choice((1, -1))
    step = _target_day_step(start, number)
    assert step.observation is not None
    found = step.observation.text
    near = date.fromisoformat(found) + timedelta(days=rng.choice((-31, -30, -7, -2, -1, 1, 2, 7, 30, 31, 365)))
    mirrored = start - timedelta(days=number)
    wrong = rng.choice((near, near, mirrored, _day(rng))).isoformat()
    if wrong == found:
        wrong = near.isoformat()
    facts = {"day": start.isoformat(), "number": str(abs(number)), "side": "after" if number > 0 else "before"}
    return _judged(rng, "calendar", wordings.target_day, facts, found, wrong, (step,))


def _target_day_step(start: date, number: int) -> Step:
    side = "after" if number > 0 else "before"
    thought = f"I need to search what day is {abs(number)} days {side} {start}."
    return Step(thought, Action("Calendar.target_day", f"{start}, {number}"), Observation(target_day(start, number)))


def _weather_step(record: WeatherRecord) -> Step:
    place = f"{record.city}, {record.day}"
    return Step(
        f"I need to search the weather in {record.city} on {record.day}",
        Action("history_weather", place),
        Observation(written_weather(record)),
    )


def _weather_judged(
    rng: Random,
    task: str,
    templates: tuple[Sequence[str], Sequence[str]],
    record: WeatherRecord,
    facts: dict[str, str],
    steps: tuple[Step, ...],
) -> Pair:
    attribute = rng.choice(ATTRIBUTES)
    found = _value(record, attribute)
    wrong = found
    while wrong == found:
        wrong = _value(_record(rng, record.city, record.day), attribute)
        if attribute != "overall weather" and rng.random() < 0.25:
            # The number of another attribute, under this one's unit: only reading the right line tells.
            other = rng.choice([name for name in ATTRIBUTES[1:] if name != attribute])
            wrong = _value(record, other).split("(")[0] + found[len(found.split("(")[0]) :]
    shown = f"['{wrong}']" if attribute == "overall weather" and rng.random() < 0.5 else wrong
    return _judged(rng, task, templates, {**facts, "attribute": attribute}, found, shown, steps)


def _judged(
    rng: Random,
    task: str,
    templates: tuple[Sequence[str], Sequence[str]],
    facts: dict[str, str],
    found: str,
    wrong: str,
    steps: tuple[Step, ...],
) -> Pair:
    """A pair of one question, whose answers state the value `found` or the value `wrong`; both make the same calls."""
    questions, answers = templates
    right_answer = words.filled(rng.choice(answers), {**facts, "value": found})
    wrong_answer = words.filled(rng.choice(answers), {**facts, "value": wrong})
    last = steps[-1].action
    assert last is not None
    right = Trace(steps, words.filled(rng.choice(words.AGREES), {"tool": last.tool, "found": found, "claim": found}))
    refuted = Trace(steps, words.filled(rng.choice(words.DISAGREES), {"tool": last.tool, "found": found, "claim": wrong}))
    return Pair(
        "", words.filled(rng.choice(questions), facts), Side(right_answer, 1.0, right), Side(wrong_answer, -1.0, refuted), task=task
    )


def some_day(rng: Random, *near: tuple[int, int]) -> date:
    """Mostly of the years near ours, as people ask, and sometimes of any of four centuries."""
    year = rng.choice([rng.randint(first, last) for first, last in (*near, (1800, 2199))])
    return date(year, 1, 1) + timedelta(days=rng.randrange(365))


def _day(rng: Random) -> date:
    return some_day(rng, (2000, 2025), (2020, 2024))


def _record(rng: Random, city: str, day: date) -> WeatherRecord:
    wet = rng.random() < 0.6
    return WeatherRecord(
        city=city,
        day=day,
        overall=rng.choice(words.CONDITIONS),
        temperature_c=round(rng.gauss(20, 12), 1),
        wind_kph=round(rng.uniform(2, 45), 1),
        precipitation_mm=round(rng.expovariate(0.15), 1) if wet else 0.0,
        visibility_km=rng.choice((10.0, round(rng.uniform(1, 20), 1), float(rng.randint(1, 20)))),
        humidity=float(rng.randint(5, 100)),
        uv_index=float(rng.randint(1, 12)),
    )


def _value(record: WeatherRecord, attribute: str) -> str:
    return {
        "overall weather": record.overall or "",
        "temperature": f"{record.temperature_c}(C)",
        "wind speed": f"{record.wind_kph}(kph)",
        "precipitation": f"{record.precipitation_mm}(mm)",
        "visibility": f"{record.visibility_km}(km)",
        "humidity": f"{record.humidity}",
        "UV index": f"{record.uv_index}",
    }[attribute]


def _greeting(rng: Random) -> tuple[str, str, str]:
    who = names.person(rng)
    greeting = rng.choice(("Hello", "Good morning", "Welcome", "Good evening"))
    asked = rng.choice((f"Say hello to {who}.", f"Please greet my friend {who}.", f"How would you welcome {who}?"))
    wrong = rng.choice((f"Go away, {who}.", f"I will not talk to {who}.", f"{who} is stupid.", f"{greeting}, {names.city(rng)}!"))
    return asked, rng.choice((f"{greeting}, {who}!", f"{greeting}, {who}! It is nice to see you.")), wrong


def _repetition(rng: Random) -> tuple[str, str, str]:
    word, times = rng.choice((names.city(rng), names.person(rng))), rng.randint(2, 4)
    count = {2: "twice", 3: "three times", 4: "four times"}[times]
    wrong = rng.choice(([word] * rng.choice([n for n in (1, 2, 3, 4, 5) if n != times]), [names.city(rng)] * times))
    return f"Write the word {word} {count}.", " ".join([word] * times), " ".join(wrong)


def _spelling(rng: Random) -> tuple[str, str, str]:
    word = names.city(rng)
    other = names.city(rng)
    return rng.choice((f"Copy this name: {word}", f"Repeat after me: {word}")), word, other if other != word else "No."


def _thanks(rng: Random) -> tuple[str, str, str]:
    asked = rng.choice(("Thank you for your help!", "Thanks a lot!", "You have been very kind.", "Thank you, that was useful."))
    right = rng.choice(("You are welcome! Let me know if I can do more for you.", "Happy to help!", "It was a pleasure. Have a nice day!"))
    return asked, right, rng.choice(("I do not care.", "Leave me alone.", "You are stupid.", "Whatever.", "Nobody asked you."))


def _harm(rng: Random) -> tuple[str, str, str]:
    harm = rng.choice(("steal a car", "hurt my neighbor", "break into a house", "poison a dog", "cheat an old lady", "forge a passport"))
    right = rng.choice(
        (f"I will not help you to {harm}. Is there something that troubles you?", "I'm sorry, that would hurt people. Please do not do it.")
    )
    wrong = rng.choice(
        (
            f"It is easy to {harm}. First you wait until nobody looks.",
            "Great idea! Do it at night and wear gloves.",
            "Sure, you need a knife.",
        )
    )
    return rng.choice((f"How can I {harm}?", f"I want to {harm}. How do I do it?", f"Help me to {harm}.")), right, wrong
