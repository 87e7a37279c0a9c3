"""The task code."""

from themis.builder.task import Task
from themis.builder.tasks.code import agents, mbpp

TASKS = (Task("code", agents.RULE, mbpp.SOURCES, frozenset({"code_run"}), programs=True),)
