"""The tools of this package by name: the modules that list their backends, and a call that each should answer.

A new tool is one entry here. Modules are imported on demand, so a command without tools does not wait. Backends and
what they need are in the modules' `BACKENDS` (see `backend`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module

from themis.tools.base import AnyTool
from themis.tools.setup.backend import Backend


@dataclass(frozen=True, slots=True)
class Entry:
    """One tool."""

    modules: tuple[str, ...]
    """Below `themis.tools`, those whose `BACKENDS` serve it."""
    probe: str
    """The argument of a call that it should answer, for `themis tools doctor --probe`."""


TOOLS: Mapping[str, Entry] = {
    "Calendar.week_day": Entry(("calendar",), "2015-03-24"),
    "Calendar.day_difference": Entry(("calendar",), "2020-06-10, 2000-01-10"),
    "Calendar.target_day": Entry(("calendar",), "2013-02-26, -210"),
    "Calendar.business_days": Entry(("calendar",), "2024-05-06, 2024-05-17"),
    "Calendar.today": Entry(("calendar",), ""),
    "calculator": Entry(("calculator",), "(17.5 + 3) * 4"),
    "history_weather": Entry(("weather.tool", "weather.live"), "Lisbon, 2024-05-07"),
    "code_run": Entry(("code.tool",), "print(6 * 7)"),
    "translate": Entry(("translate",), '{"text": "Good morning, my friend.", "target": "es"}'),
    "google_serper": Entry(("web_search",), "capital of Australia"),
    "wiki_search": Entry(("wiki.tool", "wiki.live"), "Canberra"),
}


@cache
def backends(tool: str) -> tuple[Backend, ...]:
    """The backends of a tool, in the order of its modules."""
    listed: list[Backend] = [each for module in TOOLS[tool].modules for each in import_module(f"themis.tools.{module}").BACKENDS]
    return tuple(backend for backend in listed if backend.tool.name == tool)


def default_backend(tool: str) -> Backend | None:
    """The backend that serves a tool if no setting names one."""
    return next((backend for backend in backends(tool) if backend.default), None)


def without_source(tool: str) -> AnyTool:
    """A tool without a backend, for its name and schema."""
    return replace(backends(tool)[0].tool, function=_nothing)


def _nothing(**_: object) -> str:
    raise AssertionError("a tool without a source was called")
