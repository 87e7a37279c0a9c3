"""What a build recipe says: which rows, from which sources, by which agents.

Knows nothing of how a step works. The recipes of the package are in `themis/recipes/build`.
"""

import difflib
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from themis.builder.agents.language_model import ModelRecipe
from themis.builder.tasks.registry import all_tasks
from themis.config import read_recipe
from themis.errors import ConfigError
from themis.files import DATA_ENDINGS

KIND = "build"

Setting = Literal["hindsight", "blind"]
Split = Literal["train", "test"]


@dataclass(frozen=True, slots=True)
class TaskRecipe:
    """The rows of one task."""

    sources: dict[str, float]
    """Each source with its weight: the share of the task that it gives, if it holds that many. A source is the name
    of a task's source, or a file or Hub data set of the user.
    """
    train: int | None = None
    """Number of rows; None means all except the test rows."""
    test: int | None = None
    """None means a share of all rows, `test_share`."""
    surplus: float | None = None
    """Replaces the recipe's `surplus` for a task whose filters drop more, or fewer."""

    @property
    def rows(self) -> int | None:
        """Rows of both splits, if both are given."""
        return None if self.train is None or self.test is None else self.train + self.test


@dataclass(frozen=True, slots=True)
class BuildRecipe:
    """One data set."""

    seed: int
    tasks: dict[str, TaskRecipe]
    name: str = "TARA, rebuilt"
    """The title of the dataset card."""
    setting: Setting = "hindsight"
    """`hindsight`: the agents see which answer is right, as in the paper. `blind`: they do not."""
    agents: Literal["by_rule", "language_model"] = "by_rule"
    language_model: ModelRecipe | None = None
    """The endpoint, its limits, and which agents use it; the other agents stay programs."""
    surplus: float = 1.5
    """Drafts that go through the agents for each row wanted; filters and balance need a choice."""
    reasons: dict[str, str] = field(default_factory=dict)
    """By task: why a surface cue cannot be balanced there. The dataset card shows it."""
    test_share: float = 0.1
    """For a task without counts."""
    tools: Literal["offline", "settings"] = "offline"
    """`settings`: calls that no source recorded go to the tools that `themis.toml` and `--tool` configure."""
    code_seconds: float = 2.0
    """CPU seconds for each run of code. A judge gives five, but each endless loop among the wrong programs costs as
    many.
    """


def read_build_recipe(name: str, overrides: Sequence[str] = ()) -> BuildRecipe:
    """The recipe `name`, of the package or a path; raises `ConfigError`."""
    return checked(read_recipe(name, BuildRecipe, overrides, KIND))


def checked(recipe: BuildRecipe) -> BuildRecipe:
    """The recipe, if a build can follow it; raises `ConfigError` that names the key."""
    if not recipe.tasks:
        raise ConfigError("the recipe has no tasks: set the key 'tasks'")
    for name, task in recipe.tasks.items():
        if name not in all_tasks():
            raise ConfigError(f"the recipe has the task '{name}'; the tasks are {', '.join(all_tasks())}")
        if not task.sources:
            raise ConfigError(f"key 'tasks.{name}.sources' names no source")
        for source, weight in task.sources.items():
            if not (math.isfinite(weight) and weight > 0):
                raise ConfigError(f"key 'tasks.{name}.sources.{source}' must be a share above 0, found {weight}")
        for split, count in (("train", task.train), ("test", task.test)):
            if count is not None and count < 0:
                raise ConfigError(f"key 'tasks.{name}.{split}' must not be negative, found {count}")
    for key, surplus in {
        "surplus": recipe.surplus,
        **{f"tasks.{name}.surplus": task.surplus for name, task in recipe.tasks.items()},
    }.items():
        if surplus is not None and not 1 <= surplus <= 20:
            raise ConfigError(f"key '{key}' must lie between 1 and 20, found {surplus:g}")
    if recipe.agents == "language_model" and recipe.language_model is None:
        raise ConfigError("agents is 'language_model': set language_model.endpoint.base_url and language_model.endpoint.model")
    if not 0 <= recipe.test_share < 1:
        raise ConfigError(f"key 'test_share' must be 0 or more and below 1, found {recipe.test_share:g}")
    if not 0 < recipe.code_seconds <= 30:
        raise ConfigError(f"key 'code_seconds' must be above 0 and at most 30, found {recipe.code_seconds:g}")
    return recipe


def of_own_source(recipe: BuildRecipe, source: str, task: str) -> BuildRecipe:
    """The recipe with one task and one source of the user, all its rows, and the user's own tools."""
    if task not in all_tasks():
        raise ConfigError(f"--task is '{task}'; the tasks are {', '.join(all_tasks())}")
    return replace(recipe, tasks={task: TaskRecipe({source: 1.0})}, tools="settings")


def is_users(source: str, catalogue: Collection[str]) -> bool:
    """Whether a source is the user's own, not one of a task; raises `ConfigError` if it is neither."""
    if source in catalogue:
        return False
    if source.lower().endswith(DATA_ENDINGS) or "/" in source or Path(source).exists():
        return True
    near = difflib.get_close_matches(source, catalogue, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"the catalogue has {', '.join(sorted(catalogue))}"
    raise ConfigError(f"no source '{source}': {hint} (or give a file of rows, or OWNER/NAME of a Hub data set)")
