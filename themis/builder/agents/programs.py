"""The agents of a task as its programs."""

from functools import partial

from themis.builder.agents.rationales import written
from themis.builder.draft import Agents
from themis.builder.task import Task


def agents_by_rule(task: Task) -> Agents:
    """The programs of a task: free, offline, and the same in every run."""
    rule = task.agents
    return Agents(rule.negatives, rule.steps, rule.evidence, partial(written, own=task.rationale))
