"""Infinite streams of the tasks calendar, weather and multi_tools, over a made-up world.

Cities have made-up names, and the weather is a function of city and day. So nothing can be memorised, and the agents
can look at other days. The tools run as plain functions. The agents write half of the wrong answers. The others are of
kinds that only published rows have: any value however far off, a condition in brackets, a weekday that does not exist.
"""

from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache, partial
from random import Random

from themis.builder.draft import Draft, Observe
from themis.builder.task import Generate, Wordings
from themis.builder.tasks.dates import rules
from themis.builder.tasks.dates.rules import WORDINGS, Asked, Records
from themis.builder.tasks.dates.weather import ATTRIBUTES, CONDITIONS, reported
from themis.builder.text import names
from themis.builder.text.values import DATE
from themis.errors import ToolError
from themis.phrases import filled
from themis.tools.base import AnyTool, read_argument
from themis.tools.calculator import calculator
from themis.tools.calendar import day_difference, target_day, week_day
from themis.tools.dates import WEEK_DAYS
from themis.tools.weather.record import WeatherRecord, written_weather
from themis.tools.weather.tool import weather_tool
from themis.traces import Action, Case, Observation

OWN_WRONG_ANSWERS = 0.5
"""The share of drafts that bring a wrong answer; the agents write the others."""
OF_ANOTHER_ATTRIBUTE = 0.25
IN_BRACKETS = 0.5
MISSPELT = "Wendesday"


@lru_cache(maxsize=4096)
def made_up(city: str, day: date) -> WeatherRecord:
    """The weather of a city on a day."""
    rng = Random(f"{city}/{day}")
    wet = rng.random() < 0.6
    return WeatherRecord(
        city=city,
        day=day,
        overall=rng.choice(CONDITIONS),
        temperature_c=round(rng.gauss(20, 12), 1),
        wind_kph=round(rng.uniform(2, 45), 1),
        precipitation_mm=round(rng.expovariate(0.15), 1) if wet else 0.0,
        visibility_km=rng.choice((10.0, round(rng.uniform(1, 20), 1), float(rng.randint(1, 20)))),
        humidity=float(rng.randint(5, 100)),
        uv_index=float(rng.randint(1, 12)),
    )


class _MadeUp:
    """The made-up weather, as the weather tool asks for it."""

    def on(self, city: str, day: date) -> WeatherRecord:
        return made_up(city, day)


def observer(today: date | None = None) -> Observe:
    """Runs the actions of one draft. A call that a tool refuses proves nothing, so that the draft gives no pair."""

    def observe(action: Action, case: Case) -> Observation:
        del case
        try:
            return Observation(_answered(action, today))
        except ToolError as refused:
            return Observation(str(refused), "error")

    return observe


def _answered(action: Action, today: date | None) -> str:
    if action.tool == "Calendar.today":
        assert today is not None
        return rules.today_told(today)
    tool = _TOOLS[action.tool]
    try:
        return tool(**read_argument(tool.schema, action.argument))
    except ToolError:
        if tool.in_text is None or (found := tool.in_text(action.argument)) is None:
            raise
        return tool(**found.arguments)


_TOOLS: Mapping[str, AnyTool] = {each.name: each for each in (week_day, day_difference, target_day, weather_tool(_MadeUp()), calculator)}


def _any_record(rng: Random) -> WeatherRecord:
    return made_up(names.city(rng), rules.some_day(rng))


RECORDS = Records(_any_record, ATTRIBUTES, dry_days=True)


def ask_calendar(rng: Random, wordings: Wordings) -> tuple[Asked, str]:
    asked = rules.calendar_draft(rng, wordings)
    if asked.value in WEEK_DAYS:
        return asked, rng.choice((*WEEK_DAYS, MISSPELT))
    if DATE.fullmatch(asked.value):
        return asked, rules.some_day(rng).isoformat()
    return asked, str(rng.choice((rng.randint(0, 999), rng.randint(0, 9999))))


def _of_weather(ask: Callable[[Random, Records, Wordings], Asked], rng: Random, wordings: Wordings) -> tuple[Asked, str]:
    asked = ask(rng, RECORDS, wordings)
    assert asked.record is not None
    attribute = asked.facts["attribute"]
    other = reported(written_weather(_any_record(rng)))[attribute]
    if attribute == "overall weather":
        return asked, f"['{other}']" if rng.random() < IN_BRACKETS else other
    if rng.random() < OF_ANOTHER_ATTRIBUTE:
        # Another number of the same record under this attribute's unit: only who reads the right line sees it.
        number = reported(written_weather(asked.record))[rng.choice([name for name in ATTRIBUTES[1:] if name != attribute])]
        other = number.partition("(")[0] + "".join(other.partition("(")[1:])
    return asked, other


def _generate(task: str, ask: Callable[[Random, Wordings], tuple[Asked, str]], rng: Random, wordings: Wordings) -> tuple[Draft, Observe]:
    asked, other = ask(rng, {**WORDINGS, **wordings})
    wrong: tuple[str, ...] = ()
    if rng.random() < OWN_WRONG_ANSWERS and asked.value not in other:
        wrong = (filled(rng.choice(asked.answers), {**asked.facts, "value": other}),)
    draft = Draft(f"generated/{task}", task, "generated", asked.question, asked.answer, wrong, facts=asked.facts)
    return draft, observer(asked.today)


ask_weather = partial(_of_weather, rules.weather_draft)
ask_multi_tools = partial(_of_weather, rules.multi_tools_draft)
"""A question with its answer, and another value."""
calendar: Generate = partial(_generate, "calendar", ask_calendar)
weather: Generate = partial(_generate, "weather", ask_weather)
multi_tools: Generate = partial(_generate, "multi_tools", ask_multi_tools)
