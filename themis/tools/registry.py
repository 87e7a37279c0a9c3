"""Which modules bring tools that have a choice of backends, by the tool's name.

They are imported when they are asked for, so that a command that needs none of them waits for none. What the
backends are and what they need, the modules say themselves in `BACKENDS` (see `backend`).
"""

from functools import cache
from importlib import import_module
from importlib.util import find_spec

from themis.tools.backend import Backend
from themis.tools.base import AnyTool

MODULES: dict[str, tuple[str, ...]] = {
    "history_weather": ("themis.tools.weather", "themis.tools.weather_live"),
    "code_run": ("themis.tools.code",),
    "translate": ("themis.tools.translate",),
    "google_serper": ("themis.tools.web_search",),
    "wiki_search": ("themis.tools.wiki_search", "themis.tools.wiki_live"),
}
_MAKERS = {
    "history_weather": "themis.tools.weather:weather_tool",
    "translate": "themis.tools.translate:translate_tool",
    "google_serper": "themis.tools.web_search:web_search_tool",
    "wiki_search": "themis.tools.wiki_search:wiki_tool",
}
"""What makes a tool of a source, whatever the source is."""


@cache
def backends(tool: str) -> tuple[Backend, ...]:
    """The ways of serving a tool, by the order in which its modules name them; none where it has no choice."""
    there = [import_module(module) for module in MODULES.get(tool, ()) if find_spec(module) is not None]
    offered: list[Backend] = [backend for module in there for backend in getattr(module, "BACKENDS", ())]
    return tuple({backend.name: backend for backend in offered if backend.tool == tool}.values())


def without_source(tool: str) -> AnyTool | None:
    """A tool with nothing behind it, for its name and its schema; None where it is not made of a source."""
    if tool not in _MAKERS:
        return None
    module, _, maker = _MAKERS[tool].partition(":")
    made: AnyTool = getattr(import_module(module), maker)(_nothing)
    return made


def _nothing(*_: object) -> None:
    raise AssertionError("a tool without a source was called")
