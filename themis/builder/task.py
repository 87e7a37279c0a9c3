"""One task as one value: its agents, its sources, and all else that the builder must know of it.

Each folder below `themis.builder.tasks` has a module `task` with the constant `TASKS`, a tuple of these values; packages of
others offer theirs by the entry point group `themis.tasks`. `themis.builder.tasks.registry` finds both.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TypeAlias

from themis.builder.counterfactual.rows import Counterfactual
from themis.builder.draft import ByRule, Draft, Evidence, Observe, Source, View
from themis.traces import Step

Templates: TypeAlias = tuple[Sequence[str], Sequence[str]]
"""Questions and answers, in which `{day}`, `{city}`, `{value}` and so on are filled in."""
Wordings: TypeAlias = Mapping[str, Templates]
"""Templates by kind of question, in place of a task's own."""
OwnRationale: TypeAlias = Callable[[View, Sequence[Step], Evidence, Random], str | None]
"""The rationale of an answer; None where the sentences that all tasks share will do."""
Generate: TypeAlias = Callable[[Random, Wordings], tuple[Draft, Observe]]
"""A draft by rule, and what runs its actions: the tools as plain functions, over a made-up world.

Wrong answers in the draft are used as they are; a draft without any gets them from the task's agent.
"""
MakeCounterfactuals: TypeAlias = Callable[[Path, int, frozenset[str]], Iterator[Counterfactual]]
"""Of the data folder, a seed and the hashes of the questions that measure something else: counterfactual pairs."""


@dataclass(frozen=True, slots=True)
class Task:
    """All there is to say of one task."""

    name: str
    agents: ByRule
    sources: tuple[Source, ...]
    relevant_tools: frozenset[str] = frozenset()
    """Beginnings of the names of tools, of which a row must have called one. Empty: any tool will do."""
    calls: int = 1
    """The fewest calls of a row. 0: no tool helps, no row has a call, and no observation settles its answers."""
    programs: bool = False
    """Are the answers programs? Then blanks in them count, and each row needs tests."""
    rationale: OwnRationale | None = None
    """For a task whose answer is settled by more than its last observation."""
    counterfactual: MakeCounterfactuals | None = None
    generate: Generate | None = None
    """An infinite source by rule."""
    resampled: bool = False
    """Can a built row get another wrong answer? Its calls must not depend on the answer, nor its wrong answers on the source."""
    published: str = ""
    """The folder of its rows in TARA as published, where that has another name."""
