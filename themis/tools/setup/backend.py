"""A backend: one way of serving a tool, chosen by a setting, that can say what it lacks here.

Each tool's module lists its backends by name in `BACKENDS`, the offline ones and the live ones alike; the
settings (`settings.py`) pick one, the toolbox builds it, and `themis tools doctor` asks each what is missing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from themis.tools.base import AnyTool

Options = Mapping[str, Any]
"""What the settings say below the tool's name: `url`, `key`, `path` and so on."""


@dataclass(frozen=True, slots=True)
class Backend:
    """One way of serving one tool."""

    tool: str
    name: str
    summary: str
    """A line for `themis tools doctor`."""
    options: Mapping[str, str]
    """The options it understands, each with its meaning; another key is a `ConfigError`."""
    build: Callable[[Options], AnyTool]
    """The tool. Raises `ConfigError` where an option is wrong; opens no connection."""
    missing: Callable[[Options], str | None]
    """None where it works here with these options; else what is missing and the one command or setting that adds it."""
    offline: bool = False
    here: Callable[[Options], str] | None = None
    """How it works on this machine, where there is more than one way; asked only where nothing is missing."""
