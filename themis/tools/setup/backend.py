"""A backend: one way of serving a tool. A setting chooses it, and it says what it lacks on this machine.

Each tool's modules list their backends in `BACKENDS`. The settings choose one, the toolbox builds it, and
`themis tools doctor` asks each what is missing. Their texts are in `backends.yaml`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from themis.errors import ThemisError
from themis.phrases import document
from themis.tools.base import AnyTool

Options = Mapping[str, Any]
"""What the settings hold under the tool's name: `url`, `key`, `path` and so on."""


@dataclass(frozen=True, slots=True)
class Backend:
    """One way of serving one tool."""

    tool: AnyTool
    """For its name, description and schema; its function is not called."""
    name: str
    summary: str
    """A line for `themis tools doctor`."""
    options: Mapping[str, str]
    """The options it understands, each with its meaning. Any other key is a `ConfigError`."""
    build: Callable[[Options], AnyTool]
    """Makes the tool that is called. Raises `ConfigError` for a wrong option; opens no connection."""
    missing: Callable[[Options], str | None]
    """None if it works here with these options. Else what is missing, and the command or setting that adds it."""
    offline: bool = False
    default: bool = False
    """Serves the tool if no setting names a backend."""
    here: Callable[[Options], str] | None = None
    """How it works on this machine, if there are several ways. Called only if nothing is missing."""


_TEXTS: Mapping[str, Mapping[str, Any]] = document(__package__, "backends.yaml")


def backend(
    tool: AnyTool,
    name: str,
    build: Callable[[Options], AnyTool],
    missing: Callable[[Options], str | None] = lambda options: None,
    *,
    offline: bool = False,
    default: bool = False,
    here: Callable[[Options], str] | None = None,
) -> Backend:
    """A backend of this package, with its texts."""
    texts = _TEXTS[tool.name][name]
    return Backend(tool, name, texts["summary"], texts["options"], build, missing, offline, default, here)


def error_of(build: Callable[[Options], AnyTool], options: Options) -> str | None:
    """What is missing, by the error that building the tool raises."""
    try:
        build(options)
    except ThemisError as error:
        return str(error)
    return None


def built_in(tool: AnyTool) -> Backend:
    """The one backend of a tool that needs nothing."""
    return Backend(tool, "built in", tool.description.split("\n")[0], {}, lambda _: tool, lambda _: None, offline=True, default=True)
