"""From a draft to a pair: a wrong answer, the steps that judge both answers, and the rationales.

The builder's steps call the parts with the agents of a recipe. Streams for training call `pair_of` and
`generated_pair`, which use the programs of a task. Knows nothing of recipes, files or worlds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import TypeAlias

from themis.builder.agents.programs import agents_by_rule
from themis.builder.agents.rationales import checked
from themis.builder.draft import Agents, Draft, Evidence, Observe, view_of
from themis.builder.quality.balance import choose_negative
from themis.builder.task import Generate, Task, Wordings
from themis.traces import Pair, Side, Step, Trace

RIGHT, WRONG = 1.0, -1.0

Chance: TypeAlias = Callable[[str], Random]
"""Gives the `Random` of an agent by its name: equal names, equal chance."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One answer as the agents judged it."""

    steps: tuple[Step, ...]
    evidence: Evidence
    rationale: str


def wrong_answer(draft: Draft, agents: Agents, observe: Observe, chance: Chance) -> str | None:
    """The negative agent's answer that the surface cues give away least; None if it made none."""
    return choose_negative(draft, agents.negatives(draft, chance("negative"), observe), chance("choice"))


def judged(draft: Draft, answer: str, right: bool, agents: Agents, observe: Observe, chance: Chance, blind: bool = False) -> Judged:
    """Let the tool agent and the rationale agent judge one answer."""
    view = view_of(draft, answer, right, blind)
    # Both answers get the same chance, so that only what they say makes their thoughts differ.
    steps = tuple(agents.steps(view, chance("tool"), observe))
    evidence = agents.evidence(view, steps)
    return Judged(steps, evidence, agents.rationale(view, steps, evidence, chance(f"rationale/{'chosen' if right else 'rejected'}")))


def joined(draft: Draft, rejected: str, right: Judged, wrong: Judged) -> Pair:
    """The pair of a draft whose answers are both judged."""
    return _pair(draft, _side(draft.chosen, RIGHT, right), _side(rejected, WRONG, wrong))


def pair_of(
    draft: Draft, task: Task, observe: Observe, rng: Random, candidates: Sequence[str] = (), chosen: Side | None = None
) -> Pair | None:
    """The pair that a task's programs make of a draft; None if they make none, or if an observation contradicts a
    label.

    `candidates` are wrong answers in place of the agent's. `chosen` is a right answer that is already judged; its
    steps then judge the wrong answer too.
    """
    agents, seed = agents_by_rule(task), rng.getrandbits(64)
    if chosen is not None and chosen.trace is not None:
        taken = chosen.trace.steps
        agents = replace(agents, steps=lambda view, rng, observe: taken)

    def chance(agent: str) -> Random:
        return Random(f"{seed}/{agent}")

    wrong = choose_negative(draft, candidates, chance("choice")) if candidates else wrong_answer(draft, agents, observe, chance)
    if wrong is None:
        return None
    refuted = judged(draft, wrong, False, agents, observe, chance)
    if not _borne_out(task, draft, refuted, "disagrees"):
        return None
    if chosen is None:
        confirmed = judged(draft, draft.chosen, True, agents, observe, chance)
        if not _borne_out(task, draft, confirmed, "agrees"):
            return None
        chosen = _side(draft.chosen, RIGHT, confirmed)
    return _pair(draft, chosen, _side(wrong, WRONG, refuted))


def generated_pair(task: Task, rng: Random, wordings: Wordings, generate: Generate | None = None) -> Pair:
    """A pair of an infinite stream, by default `Task.generate`; it depends on `rng` and the wordings alone."""
    generate = generate or task.generate
    assert generate is not None
    while True:
        draft, observe = generate(rng, wordings)
        if pair := pair_of(draft, task, observe, rng, draft.rejected):
            return pair


def _borne_out(task: Task, draft: Draft, answer: Judged, label: str) -> bool:
    return task.calls == 0 or checked(answer.evidence, answer.steps, draft.context).stance == label


def _side(answer: str, score: float, judged: Judged) -> Side:
    return Side(answer, score, Trace(judged.steps, judged.rationale))


def _pair(draft: Draft, chosen: Side, rejected: Side) -> Pair:
    return Pair(draft.id, draft.question, chosen, rejected, context=draft.context, tests=draft.tests, task=draft.task)
