"""The tools a judge may use, the toolbox that runs them, and the store of what they said. Imports no torch."""

from themis.tools.base import AnyTool, Tool, read_argument, tool
from themis.tools.toolbox import Toolbox, builtin_tools, default_toolbox, plugin_tools
from themis.tools.transport import Mode, ObservationStore

__all__ = [
    "AnyTool",
    "Mode",
    "ObservationStore",
    "Tool",
    "Toolbox",
    "builtin_tools",
    "default_toolbox",
    "plugin_tools",
    "read_argument",
    "tool",
]
