"""The task no_tool."""

from themis.builder.task import Task
from themis.builder.tasks.no_tool import agents, sources
from themis.builder.tasks.no_tool.generated import generate

TASKS = (Task("no_tool", agents.RULE, sources.SOURCES, calls=0, generate=generate, published="hh_rlhf"),)
