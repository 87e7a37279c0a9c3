"""Built rows with another wrong answer each time they are drawn, written by the agents of their task.

A row has one wrong answer, which a small model soon memorises; its question and observations allow many. Only for
tasks whose calls do not depend on the answer (`Task.resampled`), so that the observations stay as they were.
"""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from random import Random

from themis.builder.draft import Draft, Observe
from themis.builder.pairs import pair_of
from themis.builder.task import Task
from themis.builder.tasks.registry import all_tasks
from themis.builder.text.reading import occurs
from themis.data.mixture import PairSource
from themis.traces import Observation, Trace
from themis.traces.pair import Pair


def fresh_sources(rows: Mapping[str, Sequence[Pair]]) -> dict[str, PairSource]:
    """`built/TASK?negatives=fresh` for the rows of the tasks whose wrong answers can be resampled."""
    tasks = [task for task in all_tasks().values() if task.resampled and rows.get(task.name)]
    return {f"built/{task.name}?negatives=fresh": partial(_one_of, task, rows[task.name]) for task in tasks}


def _one_of(task: Task, pairs: Sequence[Pair], rng: Random) -> Pair | None:
    return resampled(task, rng.choice(pairs), rng)


def resampled(task: Task, pair: Pair, rng: Random) -> Pair | None:
    """The pair with another wrong answer, and what follows from it; None where none can be made."""
    right, trace = pair.chosen.answer, pair.chosen.trace
    if trace is None:
        return None
    draft, observe = Draft(pair.id, pair.task, "rows", pair.question, right, context=pair.context), _as_seen(trace)
    wrong = task.agents.negatives(draft, rng, observe)
    apart = [answer for answer in wrong if not occurs(right, answer) and not _telling(answer) & _telling(right)]
    return pair_of(draft, task, observe, rng, [rng.choice(apart)], pair.chosen) if apart else None


def _telling(answer: str) -> frozenset[str]:
    """The words of an answer that make it that answer; a wrong one has none of the right one's."""
    words = re.findall(r"\w+", answer.lower())
    return frozenset(word for word in words if len(word) > 3) or frozenset(words)


def _as_seen(trace: Trace) -> Observe:
    """What the tools said when the row was made."""
    said = {step.action.tool: step.observation for step in trace.steps if step.action and step.observation}
    return lambda action, case: said.get(action.tool, Observation("not asked when the row was made", "unavailable"))
