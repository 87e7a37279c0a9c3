"""A pair in the making: what a source knows of it, what an agent may see of it, and what the agents of a task are.

The four steps of the builder (`themis.builder.steps`) pass drafts along: sources make them, the negative agent adds a
wrong answer, the tool agent the steps of both answers, the rationale agent what follows from them.

Knows nothing of where drafts come from (`sources`) or of how agents work (`agents`).
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
    """A question with its right answer, and what its source knows beyond them."""

    id: str
    """Of the source and its place there, such as `gsm8k/train/12`: the same in every run."""
    task: str
    source: str
    question: str
    chosen: str
    rejected: tuple[str, ...] = ()
    """Wrong answers that the source holds, of people or of models; the negative agent may take one of them."""
    references: tuple[str, ...] = ()
    """Other ways to write the right answer."""
    context: str | None = None
    tests: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    """The question in parts, such as `city` and `day`; never the answer."""
    recorded: tuple[tuple[str, str, str], ...] = ()
    """What the world says to a call, where the source holds it: tool, argument, observation."""
    passages: tuple[tuple[str, str], ...] = ()
    """Title and text of articles that settle the question, for the index of `wiki_search`."""
    group: str = ""
    """Drafts of one group (a paragraph, a problem) stand all in training or all in the test. Empty: a group of its own."""


@dataclass(frozen=True, slots=True)
class View:
    """What an agent may see of one answer. In the setting `blind` it has neither label nor references."""

    case: Case
    task: str
    facts: Mapping[str, str] = field(default_factory=dict)
    label: bool | None = None
    references: tuple[str, ...] = ()
    """The right answer, in every way it may be written."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the observations say of an answer."""

    stance: Literal["agrees", "disagrees", "unsettled"]
    claim: str = ""
    """What the answer says, in a few words."""
    found: str = ""
    """What the observations say, in a few words; quoted from them."""


Observe: TypeAlias = Callable[[Action, Case], Observation]
"""Runs an action for a case, with the real tools."""


@dataclass(frozen=True, slots=True)
class ByRule:
    """The agents of one task, as programs: free, offline, and the same in every run.

    All chance comes from the `Random` handed in, which is made anew for every draft and agent.
    """

    task: str
    negatives: Callable[[Draft, Random, Observe], Sequence[str]]
    """Wrong answers to choose from, none of them right; none where none can be made. Several, of various looks, let the builder balance."""
    steps: Callable[[View, Random, Observe], tuple[Step, ...]]
    """Thoughts and calls with what came back; one thought without a call where no tool would help."""
    evidence: Callable[[View, Sequence[Step]], Evidence]
    """Where the view is blind, from the answer and the observations alone."""


@dataclass(frozen=True, slots=True)
class Source:
    """A data set, or a rule, that drafts come from."""

    name: str
    task: str
    licence: str
    """As the dataset card says it: the licence, and whose work it is."""
    read: Callable[[Path, int, int], Iterator[Draft]]
    """Of the data folder, a seed, and how many drafts are wanted at most: the drafts, in an order that is the same in every run.

    Raises `DataError` with file, line and field. A file yields no more than it holds.
    """
    files: tuple[str, ...] = ()
    """Below the data folder; empty for a rule. The builder refuses to start where one is missing."""
    reserved_one_in: int = 0
    """One in so many of its groups is kept for counterfactual pairs (`reserved`). 0: none."""
