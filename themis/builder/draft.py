"""Drafts, and what sources and agents have to do with them.

The builder's steps pass drafts along. A source makes a draft, the negative agent adds a wrong answer, the tool agent
adds the steps of both answers, and the rationale agent says what follows from them.

Knows nothing of where drafts come from (`tasks`) or of how they become pairs (`pairs`).

Source: Tool-Augmented Reward Modeling, arXiv:2310.01045, section 3.1.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Literal, TypeAlias

from themis.traces import Action, Case, Observation, Step


@dataclass(frozen=True, slots=True)
class Draft:
    """A question with its right answer, and what else its source knows."""

    id: str
    """The source and the place there, such as `gsm8k/train/12`; the same in every run."""
    task: str
    source: str
    question: str
    chosen: str
    rejected: tuple[str, ...] = ()
    """Wrong answers that the source holds, written by people or models; the negative agent may take one."""
    references: tuple[str, ...] = ()
    """Other ways to write the right answer."""
    context: str | None = None
    tests: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    """The question in parts, such as `city` and `day`; never the answer."""
    recorded: tuple[tuple[str, str, str], ...] = ()
    """Recorded calls of the source: tool, argument, observation."""
    passages: tuple[tuple[str, str], ...] = ()
    """Title and text of articles that settle the question; the index of `wiki_search` includes them."""
    group: str = ""
    """Drafts of one group (a paragraph, a problem) go to the same split. Empty: a group of its own."""


@dataclass(frozen=True, slots=True)
class View:
    """What an agent may see of one answer. In the setting `blind` it has neither label nor references."""

    case: Case
    task: str
    facts: Mapping[str, str] = field(default_factory=dict)
    label: bool | None = None
    references: tuple[str, ...] = ()
    """Every way to write the right answer."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the observations say about an answer."""

    stance: Literal["agrees", "disagrees", "unsettled"]
    claim: str = ""
    """What the answer says, in a few words."""
    found: str = ""
    """What the observations say, in a few words quoted from them."""


Observe: TypeAlias = Callable[[Action, Case], Observation]
"""Runs an action for a case with the real tools."""


@dataclass(frozen=True, slots=True)
class ByRule:
    """The agents of one task as programs: free, offline, and the same in every run.

    All chance comes from the `Random` that is passed in; each draft and agent gets a new one.
    """

    negatives: Callable[[Draft, Random, Observe], Sequence[str]]
    """Wrong answers to choose from, or none. Different surface cues give the builder a choice for balancing."""
    steps: Callable[[View, Random, Observe], tuple[Step, ...]]
    """Thoughts and calls with their observations; one thought without a call if no tool would help."""
    evidence: Callable[[View, Sequence[Step]], Evidence]
    """If the view is blind, from the answer and the observations alone."""


@dataclass(frozen=True, slots=True)
class Agents:
    """The agents of one task, each a program or a language model."""

    negatives: Callable[[Draft, Random, Observe], Sequence[str]]
    steps: Callable[[View, Random, Observe], tuple[Step, ...]]
    evidence: Callable[[View, Sequence[Step]], Evidence]
    """Always a program."""
    rationale: Callable[[View, Sequence[Step], Evidence, Random], str]


@dataclass(frozen=True, slots=True)
class Source:
    """A data set, or a rule, that drafts come from."""

    name: str
    task: str
    licence: str
    """For the dataset card: the licence, and whose work it is."""
    read: Callable[[Path, int, int], Iterator[Draft]]
    """From the data folder, a seed and the number wanted: at most so many drafts, in the same order in every run.

    Raises `DataError` with file, line and field.
    """
    files: tuple[str, ...] = ()
    """Paths below the data folder; empty for a rule. A build refuses to start if one is missing."""
    reserved_one_in: int = 0
    """One in so many groups is kept for counterfactual pairs (`reserved`). 0: none."""


def view_of(draft: Draft, answer: str, right: bool, blind: bool = False) -> View:
    """What an agent sees of an answer."""
    case = Case(draft.question, answer, draft.context, draft.tests, f"{draft.id}/{'chosen' if right else 'rejected'}")
    if blind:
        return View(case, draft.task, draft.facts)
    return View(case, draft.task, draft.facts, right, (draft.chosen, *draft.references))
