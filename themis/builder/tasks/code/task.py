"""The task code."""

from themis.builder.task import Task
from themis.builder.tasks.code import agents, counterfactual, mbpp

TASKS = (
    Task(
        "code",
        agents.RULE,
        mbpp.SOURCES,
        relevant_tools=frozenset({"code_run"}),
        programs=True,
        counterfactual=counterfactual.code_rows,
    ),
)
