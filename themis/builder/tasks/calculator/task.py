"""The task calculator."""

from themis.builder.task import Task
from themis.builder.tasks.calculator import agents, free, gsm8k, prose
from themis.builder.tasks.calculator.generated import generate

TASKS = (
    Task(
        "calculator",
        agents.RULE,
        gsm8k.SOURCES,
        relevant_tools=frozenset({"calculator"}),
        generate=generate,
        free=free.generate,
        prose=prose.generate,
        valued=free.a_sum,
    ),
)
