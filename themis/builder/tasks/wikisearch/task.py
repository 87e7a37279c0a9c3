"""The task wikisearch."""

from themis.builder.task import Task
from themis.builder.tasks.wikisearch import agents, counterfactual, intros, questions

TASKS = (
    Task(
        "wikisearch",
        agents.RULE,
        (*questions.SOURCES, *intros.SOURCES),
        relevant_tools=frozenset({"wiki_search", "google_serper"}),
        counterfactual=counterfactual.wikisearch_rows,
        resampled=True,
    ),
)
