"""What is judged: questions that tools settle, and prose of the lengths that policies write. Always the same."""

from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

SLOW_DAY, QUICK_DAY = 13, 14
"""Of a month: on one the slow tool is slow."""
SLOW_IN = 10
OPENS = "### USER:\nQuestion: "
"""The form in which our models read a case, as `themis export` writes it; it ends with the mark of the reward."""


def dated(seed: int, slow: bool = False) -> Iterator[dict[str, Any]]:
    """Cases about weekdays, for the calendar. One in ten is on the slow day, or on the day after it."""
    rng = Random(seed)
    days = [day for day in range(1, 29) if day not in (SLOW_DAY, QUICK_DAY)]
    while True:
        for place in range(SLOW_IN):
            year, month, other = rng.randint(1930, 2060), rng.randint(1, 12), rng.choice(days)
            day = date(year, month, other if place else SLOW_DAY if slow else QUICK_DAY)
            guess = f"{date(2024, 1, rng.randint(1, 7)):%A}"
            yield {"question": f"What day of the week is {day}?", "answer": f"{day} is a {guess}.", "id": "rare" if place == 0 else "usual"}


@cache
def words() -> list[str]:
    """Those of our own pages."""
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    return [word for word in text.split() if word.isalpha()]


def prose(rng: Random, median: int) -> str:
    """Words at random; how many is spread as answers of policies are (log-normal, its sigma is 0.8)."""
    count = min(300, max(3, round(median * rng.lognormvariate(0, 0.8))))
    return " ".join(rng.choices(words(), k=count))


def samples(seed: int, each: int) -> Iterator[tuple[str, list[str]]]:
    """A question with several answers of different lengths."""
    rng = Random(seed)
    while True:
        yield prose(rng, 15) + "?", [prose(rng, 25) + "." for _ in range(each)]


def query_of(question: str, answer: str) -> dict[str, str]:
    """Question and answer in one text, and the part of it that is the prompt."""
    return {"query": f"{question}\n{answer}", "prompt": f"{question}\n"}


def read_text(question: str, answer: str) -> str:
    """What our vanilla model reads of a case before the mark of the reward."""
    return f"{OPENS}{question}\nAnswer: {answer}\n### ASSISTANT:\n"
