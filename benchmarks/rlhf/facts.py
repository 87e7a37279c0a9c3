"""A closed set of facts in many wordings, as files of questions and of pairs.

A policy of 0.3M parameters cannot call a calendar. It can find out by trial what is true of some dozen dates, of the
recorded weather of some days, and of small sums. So the facts are few, and every value is one of few. Facts of the
supervised start, of the plain reward model and of PPO are different ones. Held-out
questions ask PPO's facts in wordings that no other file has. Knows nothing of models.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from themis.builder.tasks.dates.rules import WORDINGS
from themis.files import write_whole
from themis.phrases import filled, phrases
from themis.tools.calendar import week_day
from themis.tools.dates import WEEK_DAYS
from themis.tools.weather.demo import demo_records

PER_KIND = {"sft": 16, "reward": 32, "ppo": 2}
"""Facts of each kind for the supervised start, for the plain reward model, and for PPO, which must try each some
thousand times."""
WORDINGS_TRAINED, WORDINGS_HELD = 6, 6
"""The first so many wordings of a kind are trained on; the last ones only held-out questions have."""
SAID: Mapping[str, str] = {
    "week_day": "It is a {value}.",
    "weather": "It is {value}.",
    "multi_tools": "It is {value}.",
    "day_difference": "It is {value} days.",
    "sum": "It is {value}.",
}
"""By kind, the form of an answer that the supervised start shows."""
TASKS = {"week_day": "calendar", "day_difference": "calendar", "weather": "weather", "multi_tools": "multi_tools", "sum": "calculator"}
UNREAD = "{attribute} {city} had"
"""In such a wording the agents that check answers do not find the city, so that nobody could say what is true."""
_SUMS = phrases("themis.builder.tasks.calculator")["sum_questions"]


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is true, and what might be said instead."""

    id: str
    kind: str
    facts: Mapping[str, str]
    value: str
    others: Sequence[str]
    """The values of this kind that are wrong here."""

    def said(self, value: str) -> str:
        """An answer with a value."""
        return filled(SAID[self.kind], {"value": value})


def facts_of(part: str) -> list[Fact]:
    """The facts of a part, those of each kind after another; no two parts share one."""
    found = []
    for kind in SAID:
        drawn: dict[str, Fact] = {}
        rng = Random(f"facts of {kind}")
        while len(drawn) < sum(PER_KIND.values()):
            fact = _drawn(kind, rng)
            # A value that the supervised start never showed, a policy never says: it could not find it.
            if len(drawn) < PER_KIND["sft"] + PER_KIND["reward"] or fact.value in _shown(drawn.values()):
                drawn.setdefault(str(fact.facts), fact)
        start = 0
        for name, count in PER_KIND.items():
            if name == part:
                found += list(drawn.values())[start : start + count]
            start += count
    return [Fact(f"{part}-{place}", each.kind, each.facts, each.value, each.others) for place, each in enumerate(found)]


def _shown(drawn: Iterable[Fact]) -> set[str]:
    """The values of the supervised start, whose facts are the first."""
    return {fact.value for fact in islice(drawn, PER_KIND["sft"])}


def _drawn(kind: str, rng: Random) -> Fact:
    day = date(2010, 1, 1) + timedelta(days=rng.randrange(5000))
    if kind == "week_day":
        return _fact(kind, {"kind": kind, "day": str(day)}, week_day(day), WEEK_DAYS)
    if kind == "sum":
        a, b = rng.randint(2, 9), rng.randint(2, 9)
        return _fact(kind, {"sum": f"{a} + {b}"}, str(a + b), [str(number) for number in range(4, 19)])
    number = rng.randint(2, 9)
    if kind == "day_difference":
        facts = {"kind": kind, "day": str(day), "other": str(day + timedelta(days=number))}
        return _fact(kind, facts, str(number), [str(other) for other in range(2, 10)])
    records = demo_records()
    record = rng.choice(records)
    weathers = sorted({str(each.overall) for each in records})  # no demo record is without
    facts = {"city": record.city, "attribute": "overall weather", "day": str(record.day)}
    if kind == "multi_tools":
        facts |= {"day": str(record.day - timedelta(days=number)), "number": str(number), "side": "after"}
    return _fact(kind, facts, str(record.overall), weathers)


def _fact(kind: str, facts: Mapping[str, str], value: str, values: Sequence[str]) -> Fact:
    return Fact("", kind, facts, value, [other for other in values if other != value])


def wordings(kind: str, held: bool) -> Sequence[str]:
    """The questions of a kind: those that are trained on, or the held-out ones."""
    every = _SUMS if kind == "sum" else [wording for wording in WORDINGS[kind][0] if UNREAD not in wording]
    return every[WORDINGS_TRAINED:][-WORDINGS_HELD:] if held else every[:WORDINGS_TRAINED]


def questions(part: str, held: bool = False) -> Iterator[dict[str, Any]]:
    """Every fact of a part in every wording, each with its true answer, which PPO does not see."""
    for fact in facts_of(part):
        for place, wording in enumerate(wordings(fact.kind, held)):
            question, answer = filled(wording, fact.facts), fact.said(fact.value)
            yield {"id": f"{fact.id}-{place}", "question": question, "answer": answer, "task": TASKS[fact.kind]}


def pairs() -> Iterator[dict[str, Any]]:
    """Pairs for a plain reward model: the true value against another."""
    rng = Random("pairs")
    for fact in facts_of("reward"):
        for wording in wordings(fact.kind, held=False):
            yield {
                "prompt": filled(wording, fact.facts),
                "chosen": fact.said(fact.value),
                "rejected": fact.said(rng.choice(fact.others)),
                "task": TASKS[fact.kind],
            }


def write_files(folder: Path) -> None:
    """The four files of a run."""
    rows = {"sft": questions("sft"), "ppo": questions("ppo"), "held": questions("ppo", held=True), "pairs": pairs()}
    for name, each in rows.items():
        write_whole(folder / f"{name}.jsonl", "".join(json.dumps(row) + "\n" for row in each))
