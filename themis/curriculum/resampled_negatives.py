"""Rows whose wrong answer is drawn anew each time they are trained on, by the agents of their task.

A row of a data set has one wrong answer, of which a small model soon knows the looks by heart; its question and what was
observed bear many. Only for tasks whose calls do not depend on the answer, so that the observation stays what it was.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from random import Random

from themis.builder.agents.rationales import written
from themis.builder.draft import Draft, Observe, View
from themis.builder.tasks.registry import agents_of
from themis.builder.tasks.translator.agents import cut, of_another_kind
from themis.builder.text.reading import occurs
from themis.data.mixture import PairSource
from themis.errors import ConfigError
from themis.traces import Case, Observation, Side, Trace
from themis.traces.pair import Pair

TASKS = ("translator", "wikisearch")


CUTS = 0.5
"""The share of wrong answers of the task translator that are arbitrary cuts of the context."""
OF_ANOTHER_KIND = 0.25
"""The share of those that are whole phrases of another kind: told by what is asked for, where a cut can be told by its looks."""


def fresh_sources(rows: Mapping[str, Sequence[Pair]]) -> dict[str, PairSource]:
    """`built/TASK?negatives=fresh` for the rows of the tasks that can be redrawn."""
    return {f"built/{task}?negatives=fresh": partial(_one_of, rows[task]) for task in TASKS if rows.get(task)}


def _one_of(pairs: Sequence[Pair], rng: Random) -> Pair | None:
    return redrawn(rng, rng.choice(pairs), CUTS, OF_ANOTHER_KIND)


def redrawn(rng: Random, pair: Pair, cuts: float = 0.0, others: float = 0.0) -> Pair | None:
    """The pair with another wrong answer, and what follows from it; None where none can be made.

    `cuts`: the share of wrong answers that are arbitrary cuts of the context, where there is one; `others`: of whole phrases of it
    that are of another kind than the right answer.
    """
    if pair.task not in TASKS:
        raise ConfigError(f"rows of the task '{pair.task}' cannot be redrawn: their calls depend on the answer; only {', '.join(TASKS)}")
    rule, trace = agents_of(pair.task), pair.chosen.trace
    if trace is None:
        return None
    draft = Draft(pair.id, pair.task, "rows", pair.question, pair.chosen.answer, context=pair.context, tests=pair.tests)
    way = rng.random() if pair.context else 1.0
    if pair.context and way < cuts:
        wrong: str | None = cut(rng, pair.context)
    elif way < cuts + others:
        wrong = of_another_kind(rng, draft)
    else:
        wrong = _drawn(rng, rule.negatives(draft, rng, _as_seen(trace)))
    if wrong is None or occurs(pair.chosen.answer, wrong) or telling(wrong) & telling(pair.chosen.answer):
        return None
    view = View(Case(pair.question, wrong, pair.context, pair.tests, pair.id), pair.task, label=False, references=(pair.chosen.answer,))
    evidence = rule.evidence(view, trace.steps)
    if evidence.stance != "disagrees":
        return None
    rationale = written(view, trace.steps, evidence, rng)
    return replace(pair, rejected=Side(wrong, pair.rejected.score, Trace(trace.steps, rationale)))


def _drawn(rng: Random, wrong: Sequence[str]) -> str | None:
    return rng.choice(wrong) if wrong else None


def telling(answer: str) -> frozenset[str]:
    """The words of an answer that make it that answer; a wrong one has none of the right one's."""
    words = re.findall(r"\w+", answer.lower())
    return frozenset(word for word in words if len(word) > 3) or frozenset(words)


def _as_seen(trace: Trace) -> Observe:
    """What the tools said when the row was made."""
    said = {step.action.tool: step.observation for step in trace.steps if step.action and step.observation}
    return lambda action, case: said.get(action.tool, Observation("not asked when the row was made", "unavailable"))
