"""A task as one value: its agents, its sources, and all else that the package must know of it.

Each folder of `themis.builder.tasks` has a module `task` with the constant `TASKS`, a tuple of such values. Other
packages offer theirs by the entry point group `themis.tasks`. The registry finds both.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeAlias

from themis.builder.counterfactual.rows import MakeCounterfactuals
from themis.builder.draft import ByRule, Draft, Evidence, Observe, Source, View
from themis.builder.text.answers import Values
from themis.traces import Step

Templates: TypeAlias = tuple[Sequence[str], Sequence[str]]
"""Questions and answers in which `{day}`, `{city}`, `{value}` and so on are filled in."""
Wordings: TypeAlias = Mapping[str, Templates]
"""Templates by kind of question, in place of a task's own."""
OwnRationale: TypeAlias = Callable[[View, Sequence[Step], Evidence, Random], str | None]
"""Writes the rationale of an answer; None means that the shared sentences will do."""
Generate: TypeAlias = Callable[[Random, Wordings], tuple[Draft, Observe]]
"""Makes a draft by rule, and what runs its actions: tools as plain functions over a made-up world.

Wrong answers in the draft are used as they are. If it has none, the task's agent writes them.
"""


@dataclass(frozen=True, slots=True)
class Task:
    """All there is to say of one task."""

    name: str
    agents: ByRule
    sources: tuple[Source, ...]
    relevant_tools: frozenset[str] = frozenset()
    """Prefixes of tool names, one of which a row must have called. Empty: any tool will do."""
    calls: int = 1
    """The fewest calls of a row. 0: no tool helps, so rows have no call and no observation settles an answer."""
    programs: bool = False
    """Whether answers are programs: then spaces count, and each row needs tests."""
    rationale: OwnRationale | None = None
    """For a task whose last observation alone does not settle an answer."""
    counterfactual: MakeCounterfactuals | None = None
    generate: Generate | None = None
    """An infinite stream by rule."""
    free: Generate | None = None
    """The same in many people's words, and with answers that avoid to state a value."""
    prose: Generate | None = None
    """The same with answers in sentences, where `free` has them in marks."""
    valued: Callable[[Random], tuple[str, Values]] | None = None
    """Makes a question in plain words that the real tools settle, and what may be stated in answer to it."""
    resampled: bool = False
    """Whether a built row can get another wrong answer: its calls must not depend on the answer."""
    published: str = ""
    """The folder of its rows in published TARA, if that has another name."""
