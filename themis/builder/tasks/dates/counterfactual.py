"""Counterfactual pairs of dates and weather: another today, and a record with one attribute of another day."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from random import Random

from themis.builder.counterfactual.rows import Counterfactual, World
from themis.builder.tasks.dates import rules
from themis.tools.weather.record import WeatherRecord, written_weather
from themis.tools.weather.store import WeatherStore
from themis.traces import Case
from themis.traces.tara import question_hash

_FIELDS = {
    "overall weather": ("overall",),
    "temperature": ("temperature_c",),
    "wind speed": ("wind_kph", "wind_mph"),
    "precipitation": ("precipitation_mm",),
    "visibility": ("visibility_km", "visibility_miles"),
    "humidity": ("humidity",),
}


def calendar_rows(root: Path, seed: int, measured: frozenset[str]) -> Iterator[Counterfactual]:
    """Questions that count from today, on two days."""
    del root
    for number in count():
        rng = Random(f"{seed}/counterfactual/calendar/{number}")
        kind = rng.choice(rules.FROM_TODAY)
        draws = rng.random()
        today, other = rules.today_of(rng), rules.today_of(rng)
        one, two = (kind(Random(f"{seed}/{number}/{draws}"), day) for day in (today, other))
        if one.question == two.question and one.answer != two.answer and question_hash(one.question) not in measured:
            worlds = [World((("Calendar.today", rules.today_told(day)),)) for day in (today, other)]
            yield Counterfactual("calendar", Case(one.question, one.answer, id=f"counterfactual/calendar/{number}"), *worlds)


def weather_rows(root: Path, seed: int, measured: frozenset[str]) -> Iterator[Counterfactual]:
    """The record of a day, and one in which the attribute asked for is that of another day."""
    with rules.weather_store(root) as store:
        yield from _weather_like("weather", rules.weather_draft, store, seed, measured)


def multi_tools_rows(root: Path, seed: int, measured: frozenset[str]) -> Iterator[Counterfactual]:
    """The same, where the day has to be counted first; the calendar is the same in both worlds."""
    with rules.weather_store(root) as store:
        yield from _weather_like("multi_tools", rules.multi_tools_draft, store, seed, measured)


def _weather_like(
    task: str, ask: Callable[[Random, rules.Records], rules.Asked], store: WeatherStore, seed: int, measured: frozenset[str]
) -> Iterator[Counterfactual]:
    for number in count():
        rng = Random(f"{seed}/counterfactual/{task}/{number}")
        asked = ask(rng, rules.measured(store))
        if asked.today is not None or question_hash(asked.question) in measured:
            continue
        record = asked.record
        assert record is not None
        edited = _edited(record, asked.facts["attribute"], rng, store)
        if edited is None:
            continue
        worlds = [World((("history_weather", written_weather(each)),)) for each in (record, edited)]
        answer = asked.answer
        if rng.random() < 0.5:  # the answer fits the edited record
            answer = rules.with_other_value(asked, record, edited)
            worlds.reverse()
        yield Counterfactual(task, Case(asked.question, answer, id=f"counterfactual/{task}/{number}"), *worlds)


def _edited(record: WeatherRecord, attribute: str, rng: Random, store: WeatherStore) -> WeatherRecord | None:
    """The record with one attribute of another day in the same city."""
    fields = _FIELDS[attribute]
    for _ in range(20):
        other = rules.any_record(rng, store, record.city)
        value = getattr(other, fields[0])
        if value not in (None, getattr(record, fields[0])) and not (attribute == "precipitation" and value == 0):
            return replace(record, **{name: getattr(other, name) for name in fields})
    return None
