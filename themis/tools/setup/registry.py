"""Which modules bring tools that have a choice of backends, by the tool's name.

They are imported when they are asked for, so that a command that needs none of them waits for none. What the
backends are and what they need, the modules say themselves in `BACKENDS` (see `backend`).
"""

from functools import cache
from importlib import import_module

from themis.tools.base import AnyTool
from themis.tools.setup.backend import Backend

MODULES: dict[str, tuple[str, ...]] = {
    "history_weather": ("themis.tools.weather.tool", "themis.tools.weather.live"),
    "code_run": ("themis.tools.code.tool",),
    "translate": ("themis.tools.translate",),
    "google_serper": ("themis.tools.web_search",),
    "wiki_search": ("themis.tools.wiki.tool", "themis.tools.wiki.live"),
}
_MAKERS = {
    "code_run": "themis.tools.code.tool:code_tool",
    "history_weather": "themis.tools.weather.tool:weather_tool",
    "translate": "themis.tools.translate:translate_tool",
    "google_serper": "themis.tools.web_search:web_search_tool",
    "wiki_search": "themis.tools.wiki.tool:wiki_tool",
}
"""What makes a tool of its source (of a sandbox, of a search), which is not looked at before the tool is called."""


@cache
def backends(tool: str) -> tuple[Backend, ...]:
    """The ways of serving a tool, by the order in which its modules name them; none where it has no choice."""
    offered: list[Backend] = [backend for module in MODULES.get(tool, ()) for backend in import_module(module).BACKENDS]
    return tuple({backend.name: backend for backend in offered if backend.tool == tool}.values())


def without_source(tool: str) -> AnyTool:
    """A tool with nothing behind it, for its name and its schema."""
    module, _, maker = _MAKERS[tool].partition(":")
    made: AnyTool = getattr(import_module(module), maker)(_nothing)
    return made


def _nothing(*_: object) -> None:
    raise AssertionError("a tool without a source was called")
