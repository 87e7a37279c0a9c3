"""The task webgpt."""

from themis.builder.task import Task
from themis.builder.tasks.webgpt import agents, creak, feedback

TASKS = (
    Task(
        "webgpt",
        agents.RULE,
        (*feedback.SOURCES, *creak.SOURCES),
        relevant_tools=frozenset({"google_serper", "wiki_search"}),
        rationale=agents.rationale,
    ),
)
