"""The task translator."""

from themis.builder.task import Task
from themis.builder.tasks.translator import agents, xquad

TASKS = (Task("translator", agents.RULE, xquad.SOURCES, frozenset({"translate"}), rationale=agents.rationale, resampled=True),)
