"""Generated questions: dates, the weather, and the weather some days before or after a date.

Each draft draws its own dates and numbers, so that a model cannot memorise them. The tools of this package give the
right answers, and the weather comes from real records. Some questions count from today. Each of those has its own date
of today, which the draft records: a model would memorise a fixed one.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from random import Random

from themis.builder.draft import Draft, Source
from themis.builder.task import Templates, Wordings
from themis.builder.tasks.dates.weather import reported
from themis.builder.text.values import with_value
from themis.errors import DataError, ToolError
from themis.phrases import filled, phrases
from themis.tools.calendar import day_difference, target_day, today_tool, week_day
from themis.tools.weather.importer import import_weather, without_notes
from themis.tools.weather.record import WeatherRecord, written_weather
from themis.tools.weather.store import WeatherStore

LICENCE = "Apache-2.0: made by rule by this package"
WEATHER_LICENCE = f"{LICENCE}; records of past weather from weather_intl, MIT, (c) 2016 Zoni Nation"
WEATHER_FOLDER = "weather_intl"
_FIRST, _LAST = date(1996, 7, 1), date(2015, 12, 31)
"""Days for which most cities have a record."""
_MEASURED = ("overall weather", "temperature", "wind speed", "precipitation", "visibility", "humidity")
_SHARE_OF_TODAY = 0.2
_PHRASES = phrases(__package__)


def _templates(kind: str) -> Templates:
    return _PHRASES[f"{kind}_questions"], _PHRASES[f"{kind}_answers"]


WORDINGS: Wordings = {kind: _templates(kind) for kind in ("week_day", "day_difference", "target_day", "weather", "multi_tools")}
"""Templates by kind of question; those that count from today have others, which are not exchanged."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A generated question with its answer."""

    question: str
    answer: str
    facts: Mapping[str, str]
    value: str
    """The value that the answer states."""
    answers: Sequence[str]
    """All answer templates for this question."""
    today: date | None = None
    """The date of today, if the question counts from it."""
    record: WeatherRecord | None = None
    """The record that a question about the weather was made of."""


@dataclass(frozen=True, slots=True)
class Records:
    """A source of weather records."""

    draw: Callable[[Random], WeatherRecord]
    attributes: Sequence[str]
    """The attributes to ask about."""
    dry_days: bool = False
    """Whether a question about precipitation may be about a dry day."""


def calendar_draft(rng: Random, wordings: Wordings = WORDINGS) -> Asked:
    """Asks for a weekday, a number of days between dates, or a date some days away. A fifth count from today."""
    if rng.random() < _SHARE_OF_TODAY:
        return rng.choice((_today, _date_today, _from_today, _from_today, _week_day_from_today, _until))(rng, today_of(rng))
    return rng.choice((_week_day, _day_difference, _day_difference, _target_day, _target_day))(rng, wordings)


def _calendar(root: Path, seed: int, count: int) -> Iterator[Draft]:
    del root
    for number in range(count):
        yield _draft("calendar", number, calendar_draft(Random(f"{seed}/calendar_rules/{number}")), "calendar_rules")


def _weather(root: Path, seed: int, count: int) -> Iterator[Draft]:
    with weather_store(root) as store:
        for number in range(count):
            rng = Random(f"{seed}/weather_rules/{number}")
            yield _draft("weather", number, weather_draft(rng, measured(store)), "weather_rules")


def _multi_tools(root: Path, seed: int, count: int) -> Iterator[Draft]:
    with weather_store(root) as store:
        for number in range(count):
            rng = Random(f"{seed}/multi_tools_rules/{number}")
            yield _draft("multi_tools", number, multi_tools_draft(rng, measured(store)), "multi_tools_rules")


def weather_draft(rng: Random, records: Records, wordings: Wordings = WORDINGS) -> Asked:
    """Asks for one attribute of the weather in a city on a day."""
    record, attribute, value = drawn_record(rng, records)
    facts = {"city": city_name(record.city), "day": record.day.isoformat(), "attribute": attribute}
    return replace(_asked(rng, wordings["weather"], facts, value), record=record)


def multi_tools_draft(rng: Random, records: Records, wordings: Wordings = WORDINGS) -> Asked:
    """Asks for the weather on a day that must be counted first: from a date, or back from today."""
    record, attribute, value = drawn_record(rng, records)
    number = rng.choice((rng.randint(1, 30), rng.randint(1, 365)))
    facts = {"city": city_name(record.city), "attribute": attribute, "number": str(number)}
    if rng.random() < _SHARE_OF_TODAY:
        facts |= {"day": "today", "side": "before"}
        templates = _templates("weather_before_today")
        return replace(_asked(rng, templates, facts, value, record.day + timedelta(days=number)), record=record)
    facts |= {"day": (record.day - timedelta(days=number)).isoformat(), "side": "after"}
    return replace(_asked(rng, wordings["multi_tools"], facts, value), record=record)


@contextmanager
def weather_store(root: Path) -> Iterator[WeatherStore]:
    """A temporary store with the weather records of the data folder, as the tool reads them."""
    files = sorted((root / WEATHER_FOLDER).glob("*.csv.gz"))
    if not files:
        raise DataError(f"{root / WEATHER_FOLDER} holds no *.csv.gz, which the questions about the weather need")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weather.sqlite"
        with without_notes():
            for file in files:
                import_weather(file, path)
        with WeatherStore(path) as store:
            yield store


def measured(store: WeatherStore) -> Records:
    """The records of a store, of all its cities."""
    return Records(lambda rng: any_record(rng, store, rng.choice(store.cities)), _MEASURED)


def any_record(rng: Random, store: WeatherStore, city: str) -> WeatherRecord:
    """The weather of any recorded day in a city."""
    while True:
        try:
            return store.on(city, _FIRST + timedelta(days=rng.randrange((_LAST - _FIRST).days)))
        except ToolError:
            continue


def with_other_value(asked: Asked, record: WeatherRecord, other: WeatherRecord) -> str:
    """The answer to a question about one record, with the value of another."""
    value, wrong = (reported(written_weather(each))[asked.facts["attribute"]] for each in (record, other))
    answer = with_value(asked.answer, value, wrong)
    assert answer is not None
    return answer


def city_name(written: str) -> str:
    """`London` for `London (GBR)`. The store finds it without the country unless two cities share the name."""
    return written.partition("(")[0].rstrip(" ,")


def today_told(day: date) -> str:
    """What `Calendar.today` says on a day."""
    return str(today_tool(lambda: day)())


def _draft(task: str, number: int, asked: Asked, source: str) -> Draft:
    recorded = (("Calendar.today", "", today_told(asked.today)),) if asked.today else ()
    return Draft(f"{source}/{number}", task, source, asked.question, asked.answer, facts=asked.facts, recorded=recorded)


def _asked(rng: Random, templates: Templates, facts: Mapping[str, str], value: str, today: date | None = None) -> Asked:
    questions, answers = templates
    question = filled(rng.choice(questions), facts)
    return Asked(question, filled(rng.choice(answers), {**facts, "value": value}), facts, value, answers, today)


def _week_day(rng: Random, wordings: Wordings) -> Asked:
    day = some_day(rng)
    facts = {"kind": "week_day", "day": day.isoformat()}
    return _asked(rng, wordings["week_day"], facts, week_day(day))


def _day_difference(rng: Random, wordings: Wordings) -> Asked:
    day, other = some_day(rng), some_day(rng)
    if rng.random() < 0.3:
        other = day + timedelta(days=rng.randint(2, 400))
    if day == other:
        other += timedelta(days=100)
    facts = {"kind": "day_difference", "day": day.isoformat(), "other": other.isoformat()}
    return _asked(rng, wordings["day_difference"], facts, day_difference(day, other))


def _target_day(rng: Random, wordings: Wordings) -> Asked:
    day, number, side = some_day(rng), _number(rng), rng.choice(("before", "after"))
    facts = {"kind": "target_day", "day": day.isoformat(), "number": str(number), "side": side}
    value = target_day(day, number if side == "after" else -number)
    return _asked(rng, wordings["target_day"], facts, value)


def _today(rng: Random, today: date) -> Asked:
    facts = {"kind": "today", "day": "today"}
    return _asked(rng, _templates("today"), facts, week_day(today), today)


def _date_today(rng: Random, today: date) -> Asked:
    facts = {"kind": "today", "day": "today"}
    return _asked(rng, _templates("date"), facts, today.isoformat(), today)


def _from_today(rng: Random, today: date) -> Asked:
    number, side = _number(rng), rng.choice(("before", "after"))
    facts = {"kind": "target_day", "day": "today", "number": str(number), "side": side}
    if side == "after":
        templates = _templates("from_today")
        return _asked(rng, templates, facts, target_day(today, number), today)
    templates = _templates("before_today")
    return _asked(rng, templates, facts, target_day(today, -number), today)


def _week_day_from_today(rng: Random, today: date) -> Asked:
    number = rng.randint(2, 400)
    facts = {"kind": "week_day", "day": "today", "number": str(number), "side": "after"}
    value = week_day(today + timedelta(days=number))
    templates = _templates("week_day_from_today")
    return _asked(rng, templates, facts, value, today)


def _until(rng: Random, today: date) -> Asked:
    other = today + timedelta(days=rng.randint(3, 900))
    facts = {"kind": "day_difference", "day": "today", "other": other.isoformat()}
    return _asked(rng, _templates("until"), facts, day_difference(today, other), today)


def some_day(rng: Random) -> date:
    """Mostly a day of recent years, as people ask, sometimes of any of four centuries."""
    year = rng.choice([rng.randint(first, last) for first, last in ((2000, 2030), (2015, 2027), (1800, 2199))])
    return date(year, 1, 1) + timedelta(days=rng.randrange(365))


def today_of(rng: Random) -> date:
    """Some day in twenty years."""
    return date(2015, 1, 1) + timedelta(days=rng.randrange(365 * 20))


def _number(rng: Random) -> int:
    return rng.choice((rng.randint(2, 31), rng.randint(2, 400), rng.randint(2, 999)))


def drawn_record(rng: Random, records: Records) -> tuple[WeatherRecord, str, str]:
    """A record, one of its attributes and its value.

    A question about precipitation needs a day with rain: some stations report 0 even when it rained.
    """
    while True:
        record = records.draw(rng)
        attribute = rng.choice(records.attributes)
        value = reported(written_weather(record)).get(attribute)
        if value is not None and (records.dry_days or attribute != "precipitation" or (record.precipitation_mm or 0) > 0):
            return record, attribute, value


FROM_TODAY: tuple[Callable[[Random, date], Asked], ...] = (_from_today, _week_day_from_today, _until)
"""Questions with a number or a date in them whose answer depends on today."""

CALENDAR = Source("calendar_rules", "calendar", LICENCE, _calendar)
WEATHER = Source("weather_rules", "weather", WEATHER_LICENCE, _weather, (WEATHER_FOLDER,))
MULTI_TOOLS = Source("multi_tools_rules", "multi_tools", WEATHER_LICENCE, _multi_tools, (WEATHER_FOLDER,))
SOURCES = (CALENDAR, WEATHER, MULTI_TOOLS)
