"""The task translator."""

from themis.builder.task import Task
from themis.builder.tasks.translator import agents, counterfactual, xquad

TASKS = (
    Task(
        "translator",
        agents.RULE,
        xquad.SOURCES,
        relevant_tools=frozenset({"translate"}),
        rationale=agents.rationale,
        counterfactual=counterfactual.translator_rows,
        resampled=True,
    ),
)
