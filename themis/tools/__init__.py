"""The tools a judge may use, the toolbox that runs them, and the store of what they said. Imports no torch."""

from themis.tools.base import AnyTool, Tool, read_argument, tool
from themis.tools.recordings.store import Mode, ObservationStore
from themis.tools.toolbox import Toolbox, default_toolbox, known_tools, plugin_tools

__all__ = [
    "AnyTool",
    "Mode",
    "ObservationStore",
    "Tool",
    "Toolbox",
    "default_toolbox",
    "known_tools",
    "plugin_tools",
    "read_argument",
    "tool",
]
