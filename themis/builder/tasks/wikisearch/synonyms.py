"""Other names for the same thing: countries and their people, and occupations that include each other."""

import re
from functools import lru_cache

from themis.builder.tasks.wikisearch.matching import key, plain
from themis.phrases import phrases


def _countries() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, others in phrases(__package__, "countries.yaml").items():
        group = {key(each) for each in (name, *others)}
        for each in group:
            found.setdefault(each, set()).update(group)
    return found


_LONGEST_ANSWER = 60
"""Characters. A longer text is a passage."""
_NAMES = _countries()
_GROUPS = [frozenset((name, *others)) for name, others in phrases(__package__, "occupations.yaml").items()]


def same_thing(answer: str, other: str) -> bool:
    """Whether another answer, or a passage, names the same country or people differently, or an occupation like it."""
    words = key(answer).split()
    said = _said(other)
    if any(f" {name} " in said for name in _NAMES.get(" ".join(words), ())):
        return True
    if len(other) > _LONGEST_ANSWER:
        return False
    heads, others = set(words[-2:]), set(said.split())
    return any(heads & group and others & group for group in _GROUPS)


@lru_cache(maxsize=64)
def _said(text: str) -> str:
    words = " ".join(re.findall(r"[^\W_]+", plain(text)))
    return f" {words} "
