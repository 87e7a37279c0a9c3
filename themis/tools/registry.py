"""Which modules bring tools that have a choice of backends, by the tool's name.

They are imported when they are asked for, so that a command that needs none of them waits for none. What the
backends are and what they need, the modules say themselves in `BACKENDS` (see `backend`).
"""

from functools import cache
from importlib import import_module
from importlib.util import find_spec

from themis.tools.backend import Backend

MODULES: dict[str, tuple[str, ...]] = {
    "history_weather": ("themis.tools.weather", "themis.tools.weather_live"),
    "code_run": ("themis.tools.code",),
    "translate": ("themis.tools.translate",),
    "google_serper": ("themis.tools.web_search",),
    "wiki_search": ("themis.tools.wiki_search",),
}


@cache
def backends(tool: str) -> tuple[Backend, ...]:
    """The ways of serving a tool, by the order in which its modules name them; none where it has no choice."""
    there = [import_module(module) for module in MODULES.get(tool, ()) if find_spec(module) is not None]
    offered: list[Backend] = [backend for module in there for backend in getattr(module, "BACKENDS", ())]
    return tuple(backend for backend in offered if backend.tool == tool)
