"""The task wikisearch."""

from themis.builder.task import Task
from themis.builder.tasks.wikisearch import agents, intros, questions

TASKS = (
    Task("wikisearch", agents.RULE, (*questions.SOURCES, *intros.SOURCES), frozenset({"wiki_search", "google_serper"}), resampled=True),
)
