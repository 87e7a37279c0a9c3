"""A backend: one way of serving a tool. A setting chooses it, and it says what it lacks on this machine.

Each tool's modules list their backends in `BACKENDS`. The settings choose one, the toolbox builds it, and
`themis tools doctor` asks each what is missing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

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


def built_in(tool: AnyTool) -> Backend:
    """The one backend of a tool that needs nothing."""
    return Backend(tool, "built in", tool.description.split("\n")[0], {}, lambda _: tool, lambda _: None, offline=True, default=True)
