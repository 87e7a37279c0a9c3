"""Questions with a sum or two as people ask them, of a table: prices, discounts, speeds, areas, shares, averages."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from themis.builder.tasks.calculator.agents import short_value
from themis.builder.text import names
from themis.phrases import document, filled

_TABLE = document(__package__, "scenarios.yaml")
_RESULT = re.compile(r"\{r(\d)\}")


@dataclass(frozen=True, slots=True)
class Told:
    """A question, what it comes to, and how."""

    question: str
    marked: str
    """The right answer, each sum in GSM8K's marks, with its last line."""
    expression: str
    """One expression of the question's own numbers, such as `60 - 60*20/100`."""
    value: str
    steps: tuple[str, ...]
    """The result of each step."""


def told(rng: Random) -> Told:
    """A question of the table, with numbers whose results have two decimals at most."""
    while True:
        scenario = rng.choice(_TABLE["scenarios"])
        facts = {"who": names.person(rng), "thing": rng.choice(_TABLE["things"])}
        facts |= {name: str(_drawn(among, rng)) for name, among in scenario["draws"].items()}
        if found := _computed(scenario, facts):
            return found


def _drawn(among: list[int], rng: Random) -> int:
    return rng.randint(*among) if len(among) == 2 and among[0] + 1 < among[1] else rng.choice(among)


def _computed(scenario: Mapping[str, Any], facts: dict[str, str]) -> Told | None:
    lines: list[str] = []
    results: list[str] = []
    whole: list[str] = []
    for expression, sentence in scenario["steps"]:
        shown = filled(expression, facts | {f"r{place}": value for place, value in enumerate(results, start=1)})
        value = short_value(shown)
        if value is None:
            return None
        results.append(value)
        whole.append(filled(_RESULT.sub(lambda match: _bracketed(whole[int(match[1]) - 1]), expression), facts))
        lines.append(filled(sentence, facts | {"sum": f"{shown} = <<{shown}={value}>>{value}"}))
    question = filled(scenario["ask"], facts)
    return Told(question, "\n".join([*lines, f"#### {results[-1]}"]), whole[-1], results[-1], tuple(results))


def _bracketed(expression: str) -> str:
    return f"({expression})" if re.search(r"\d[+-]", expression) else expression
