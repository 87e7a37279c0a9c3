"""Pairs of worlds in which the same question and the same answer must be judged differently: what was observed decides, not the words.

Each row holds a case and two worlds. In one of them the tools say what makes the answer right, in the other they say something
else, in the same form: the weather of another day, a calendar on another day, a passage with another name in it, the translation
of another question, other tests. A judge that reads its observations gives the answer the higher reward in the right world; one
that knows things by heart, or judges by looks, cannot tell the worlds apart.

Nothing here is trained on. Questions by rule come from seeds of their own, which no data set draws from; programs, passages and
translated questions from groups that every build leaves out (`reserved`). Questions that are held out or in a dev file of TARA are
left out, too, so that these rows measure something of their own.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from themis.builder.draft import Draft
from themis.builder.reserved import reserved
from themis.builder.tasks.dates import rules
from themis.errors import DataError
from themis.tools.weather.store import WeatherStore
from themis.tools.weather.tool import WeatherRecord, written_weather
from themis.traces import Case, case_from_json
from themis.traces.case import checked_text
from themis.traces.tara import question_hash

TASKS = ("calendar", "weather", "multi_tools", "code", "wikisearch", "translator")


@dataclass(frozen=True, slots=True)
class World:
    """What can be observed in a world, as far as it differs from the other one."""

    observations: tuple[tuple[str, str], ...] = ()
    """Tool and text, in the order of the calls; whatever the wording of a call, this is what comes back."""
    tests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """An answer, and two worlds in which it is right and wrong."""

    task: str
    case: Case
    """Without tests: they belong to the worlds."""
    right: World
    wrong: World

    def to_json(self) -> dict[str, Any]:
        """The row of a file."""
        row: dict[str, Any] = {"id": self.case.id, "task": self.task, "question": self.case.question_text, "answer": self.case.answer}
        if self.case.context is not None:
            row["context"] = self.case.context
        return row | {"worlds": {"right": _world_to_json(self.right), "wrong": _world_to_json(self.wrong)}}


def build_counterfactuals(
    root: Path, count: int, seed: int = 0, tasks: Iterable[str] = TASKS, progress: Callable[[str, int], None] = lambda task, done: None
) -> Iterator[Counterfactual]:
    """`count` rows for each task; `progress` is told how many of a task are done.

    Raises `DataError` where a source is missing, or its reserved groups give fewer rows than that.
    """
    from themis.builder.counterfactual.makers import MAKERS
    from themis.data.published import measured_questions

    measured = measured_questions(root)
    for task in tasks:
        rows = MAKERS[task](root, seed, measured)
        made = 0
        for made, row in enumerate(islice(rows, count), 1):
            progress(task, made)
            yield row
        if made < count:
            raise DataError(f"{root} gives {made} counterfactual pairs for {task}, not {count}; ask for fewer with --count")


def weather_rows(root: Path, seed: int, measured: frozenset[str]) -> Iterator[Counterfactual]:
    """The record of a day, and one in which the attribute asked for is that of another day."""
    with rules.weather_store(root) as store:
        yield from _weather_like("weather", rules.weather_draft, store, seed, measured)


def multi_tools_rows(root: Path, seed: int, measured: frozenset[str]) -> Iterator[Counterfactual]:
    """The same, where the day has to be counted first; the calendar is the same in both worlds."""
    with rules.weather_store(root) as store:
        yield from _weather_like("multi_tools", rules.multi_tools_draft, store, seed, measured)


def calendar_rows(root: Path, seed: int, measured: frozenset[str]) -> Iterator[Counterfactual]:
    """Questions that count from today, on two days."""
    del root
    for number in _endless():
        rng = Random(f"{seed}/counterfactual/calendar/{number}")
        kind = rng.choice(rules.FROM_TODAY)
        draws = rng.random()
        today, other = rules.today_of(rng), rules.today_of(rng)
        one, two = (kind(Random(f"{seed}/{number}/{draws}"), day) for day in (today, other))
        if one.question == two.question and one.answer != two.answer and question_hash(one.question) not in measured:
            worlds = [World((("Calendar.today", rules.today_told(day)),)) for day in (today, other)]
            yield Counterfactual("calendar", Case(one.question, one.answer, id=f"counterfactual/calendar/{number}"), *worlds)


def kept(drafts: Iterable[Draft], measured: frozenset[str]) -> Iterator[Draft]:
    """The drafts of reserved groups that measure nothing else."""
    return (draft for draft in drafts if reserved(draft) and question_hash(draft.question) not in measured)


def read_counterfactuals(file: Path) -> list[Counterfactual]:
    """The rows of a file; raises `DataError` that names file, line and field."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read: {error}; make one with `themis build counterfactual --out {file}`") from error
    rows = [_row(line, f"{file}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]
    ids = [row.case.id for row in rows]
    if len(set(ids)) < len(ids) or not all(ids):
        raise DataError(f"{file}: field 'id' must be another one in each row")
    if not rows:
        raise DataError(f"{file} holds no rows; make them with `themis build counterfactual --out {file}`")
    return rows


def _weather_like(
    task: str, ask: Callable[[Random, rules.Records], rules.Asked], store: WeatherStore, seed: int, measured: frozenset[str]
) -> Iterator[Counterfactual]:
    for number in _endless():
        rng = Random(f"{seed}/counterfactual/{task}/{number}")
        asked = ask(rng, rules.measured(store))
        if asked.today is not None or question_hash(asked.question) in measured:
            continue
        record = rules.record_of(asked, store)
        edited = _edited(record, asked.facts["attribute"], rng, store)
        if edited is None:
            continue
        worlds = [World((("history_weather", written_weather(each)),)) for each in (record, edited)]
        answer = asked.answer
        if rng.random() < 0.5:  # the answer fits the edited record
            answer = rules.with_other_value(asked, record, edited)
            worlds.reverse()
        yield Counterfactual(task, Case(asked.question, answer, id=f"counterfactual/{task}/{number}"), *worlds)


_FIELDS = {
    "overall weather": ("overall",),
    "temperature": ("temperature_c",),
    "wind speed": ("wind_kph", "wind_mph"),
    "precipitation": ("precipitation_mm",),
    "visibility": ("visibility_km", "visibility_miles"),
    "humidity": ("humidity",),
}


def _edited(record: WeatherRecord, attribute: str, rng: Random, store: WeatherStore) -> WeatherRecord | None:
    """The record with one attribute of another day in the same city."""
    fields = _FIELDS[attribute]
    for _ in range(20):
        other = rules.any_record(rng, store, record.city)
        value = getattr(other, fields[0])
        if value not in (None, getattr(record, fields[0])) and not (attribute == "precipitation" and value == 0):
            return replace(record, **{name: getattr(other, name) for name in fields})
    return None


def _endless() -> Iterator[int]:
    number = 0
    while True:
        yield number
        number += 1


def _world_to_json(world: World) -> dict[str, Any]:
    return {"observations": [{"tool": tool, "text": text} for tool, text in world.observations], "tests": list(world.tests)}


def _row(line: str, where: str) -> Counterfactual:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise DataError(f"{where}: no valid JSON") from error
    case = case_from_json(row, where)
    task = checked_text(row.get("task"), "task", where)
    worlds = row.get("worlds")
    if not isinstance(worlds, dict):
        raise DataError(f"{where}: field 'worlds' must be an object with 'right' and 'wrong'")
    return Counterfactual(task, case, *(_world(worlds.get(name), f"worlds.{name}", where) for name in ("right", "wrong")))


def _world(row: Any, name: str, where: str) -> World:
    if not isinstance(row, dict):
        raise DataError(f"{where}: field '{name}' must be an object with 'observations' and 'tests'")
    observations, tests = row.get("observations", []), row.get("tests", [])
    if not isinstance(observations, list) or not all(isinstance(each, dict) for each in observations):
        raise DataError(f"{where}: field '{name}.observations' must be a list of objects with 'tool' and 'text'")
    if not isinstance(tests, list):
        raise DataError(f"{where}: field '{name}.tests' must be a list of texts")
    said = [tuple(checked_text(each.get(key), f"{name}.observations.{key}", where) for key in ("tool", "text")) for each in observations]
    return World(tuple((tool, text) for tool, text in said), tuple(checked_text(test, f"{name}.tests", where) for test in tests))
