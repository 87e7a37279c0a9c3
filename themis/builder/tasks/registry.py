"""All tasks and sources by name, of this package and of plug-ins.

Knows nothing of any task. On the first call it imports the module `task` of each folder beside it, and the entry
points of installed packages in the group `themis.tasks`.
"""

import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module

from themis.builder import tasks
from themis.builder.counterfactual.rows import MakeCounterfactuals
from themis.builder.draft import Source
from themis.builder.task import Task
from themis.errors import ConfigError
from themis.plugins import offered

ENTRY_POINTS = "themis.tasks"


@cache
def all_tasks() -> Mapping[str, Task]:
    """All tasks by name. Raises `ConfigError` if a plug-in is broken, or its name is taken."""
    found: dict[str, Task] = {task.name: task for task in _own()}
    taken = set(all_names(found))
    for package, task in _of_plugins():
        for name in (task.name, *(source.name for source in task.sources)):
            if name in taken:
                raise ConfigError(f"the package {package} offers '{name}', a name that another task or source has; remove the package")
            taken.add(name)
        found[task.name] = task
    return found


def task_named(name: str) -> Task:
    """The task of a name; raises `ConfigError` with the names that exist."""
    found = all_tasks().get(name)
    if found is None:
        raise ConfigError(f"there is no task '{name}'; the tasks are {', '.join(all_tasks())}")
    return found


def all_sources() -> dict[str, Source]:
    """The sources of all tasks by name."""
    return {source.name: source for task in all_tasks().values() for source in task.sources}


def counterfactual_makers() -> dict[str, MakeCounterfactuals]:
    """The makers of counterfactual pairs by task."""
    return {task.name: task.counterfactual for task in all_tasks().values() if task.counterfactual}


def all_names(found: Mapping[str, Task]) -> Iterator[str]:
    """The names of tasks and of their sources."""
    for task in found.values():
        yield task.name
        yield from (source.name for source in task.sources)


def _own() -> Iterator[Task]:
    for module in pkgutil.iter_modules(tasks.__path__):
        if module.ispkg:
            yield from import_module(f"{tasks.__name__}.{module.name}.task").TASKS


def _of_plugins() -> Iterator[tuple[str, Task]]:
    """The tasks of installed packages, each with the name of its package."""
    for package, task in offered(ENTRY_POINTS, Task, "a Task, nor a tuple of tasks"):
        wrong = next((source.name for source in task.sources if source.task != task.name), None)
        if wrong is not None:
            raise ConfigError(f"the task '{task.name}' of the package {package} has the source '{wrong}', whose `task` differs")
        yield package, task
