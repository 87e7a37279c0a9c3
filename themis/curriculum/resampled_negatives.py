"""Rows whose wrong answer is drawn anew each time they are trained on, by the agents of their task.

A row of a data set has one wrong answer, of which a small model soon knows the looks by heart; its question and what was
observed bear many. Only for tasks whose calls do not depend on the answer, so that the observation stays what it was.
"""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from random import Random

from themis.builder.draft import Draft, Observe
from themis.builder.pairs import pair_of
from themis.builder.tasks.registry import task_named
from themis.builder.tasks.translator.agents import cut, of_another_kind
from themis.builder.text.reading import occurs
from themis.data.mixture import PairSource
from themis.errors import ConfigError
from themis.traces import Observation, Trace
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
    task, trace = task_named(pair.task), pair.chosen.trace
    if trace is None:
        return None
    draft, observe = Draft(pair.id, pair.task, "rows", pair.question, pair.chosen.answer, context=pair.context), _as_seen(trace)
    way = rng.random() if pair.context else 1.0
    if pair.context and way < cuts:
        wrong: Sequence[str] = [cut(rng, pair.context)]
    elif way < cuts + others:
        wrong = [found] if (found := of_another_kind(rng, draft)) else []
    else:
        wrong = task.agents.negatives(draft, rng, observe)
    right = pair.chosen.answer
    apart = [answer for answer in wrong if not occurs(right, answer) and not telling(answer) & telling(right)]
    return pair_of(draft, task, observe, rng, [rng.choice(apart)], pair.chosen) if apart else None


def telling(answer: str) -> frozenset[str]:
    """The words of an answer that make it that answer; a wrong one has none of the right one's."""
    words = re.findall(r"\w+", answer.lower())
    return frozenset(word for word in words if len(word) > 3) or frozenset(words)


def _as_seen(trace: Trace) -> Observe:
    """What the tools said when the row was made."""
    said = {step.action.tool: step.observation for step in trace.steps if step.action and step.observation}
    return lambda action, case: said.get(action.tool, Observation("not asked when the row was made", "unavailable"))
