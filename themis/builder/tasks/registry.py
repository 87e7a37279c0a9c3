"""The programs that stand in for the agents, by task."""

from importlib import import_module

from themis.builder.draft import ByRule
from themis.errors import ConfigError

_MODULES = {
    "calculator": "calculator.agents",
    "code": "code.agents",
    "translator": "translator.agents",
    "webgpt": "webgpt.agents",
    "calendar": "dates.calendar",
    "weather": "dates.weather",
    "wikisearch": "wikisearch.agents",
    "multi_tools": "dates.chains",
    "no_tool": "no_tool.agents",
}


def agents_of(task: str) -> ByRule:
    """The agents of a task, from the constant `RULE` of its module."""
    if task not in _MODULES:
        raise ConfigError(f"no agents for the task '{task}'; there are those for {', '.join(_MODULES)}")
    rule: ByRule = import_module(f"themis.builder.tasks.{_MODULES[task]}").RULE
    return rule
