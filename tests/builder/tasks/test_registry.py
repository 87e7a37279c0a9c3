"""Tasks are found by their folders and by the entry points of other packages; a broken plug-in is one sentence."""

import ast
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import themis.builder.tasks
from themis import plugins
from themis.builder.draft import Source
from themis.builder.tasks.registry import all_sources, all_tasks, task_named
from themis.errors import ConfigError

FOLDER = Path(themis.builder.tasks.__file__).parent
ECHO = replace(task_named("no_tool"), name="echo", sources=())


class Entry:
    """An entry point as an installed package has it."""

    name, module, dist = "mine", "mine_package", None

    def __init__(self, load: Callable[[], Any]) -> None:
        self.load = load


def offered(monkeypatch: pytest.MonkeyPatch, load: Callable[[], Any]) -> None:
    def entry_points(group: str) -> list[Entry]:
        return [Entry(load)] if group == "themis.tasks" else []

    monkeypatch.setattr(plugins, "entry_points", entry_points)
    all_tasks.cache_clear()


@pytest.fixture(autouse=True)
def forget() -> Any:
    yield
    all_tasks.cache_clear()


def test_each_folder_has_its_tasks_and_each_source_names_its_task() -> None:
    assert len(all_tasks()) == 9
    assert all(name == task.name for name, task in all_tasks().items())
    assert all(source.task == task.name for task in all_tasks().values() for source in task.sources)
    assert len(all_sources()) == sum(len(task.sources) for task in all_tasks().values())


def test_a_task_never_imports_another_task() -> None:
    for path in FOLDER.rglob("*.py"):
        own = path.relative_to(FOLDER).parts[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            if module.startswith("themis.builder.tasks.") and path.name != "registry.py":
                assert module.split(".")[3] == own, f"{path}: {module}"


def test_a_task_of_another_package_joins_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    offered(monkeypatch, lambda: (ECHO,))
    assert task_named("echo") == ECHO
    assert len(all_tasks()) == 10


def test_a_plugin_may_offer_one_task_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    offered(monkeypatch, lambda: ECHO)
    assert "echo" in all_tasks()


def _raise() -> Any:
    raise ImportError("no module named numpyy")


SOURCE = Source("mine", "weather", "none", lambda root, seed, count: iter(()))


@pytest.mark.parametrize(
    ("load", "message"),
    [
        (_raise, r"the plug-in 'mine' of the package mine_package cannot be loaded: ImportError\('no module named numpyy'\)"),
        (lambda: "echo", r"the plug-in 'mine' of the package mine_package is not a Task, nor a tuple of tasks"),
        (lambda: (replace(ECHO, name="weather"),), r"the package mine_package offers 'weather', a name that another task or source has"),
        (
            lambda: (replace(ECHO, sources=(SOURCE,)),),
            r"the task 'echo' of the package mine_package has the source 'mine'",
        ),
    ],
)
def test_a_broken_plugin_is_one_sentence(load: Callable[[], Any], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    offered(monkeypatch, load)
    with pytest.raises(ConfigError, match=message):
        all_tasks()


def test_an_unknown_task_lists_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"there is no task 'wether'; the tasks are calculator, code, calendar, weather"):
        task_named("wether")
