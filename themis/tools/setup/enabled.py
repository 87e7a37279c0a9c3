"""The tools that the settings enable, each from its backend, and why the others are off.

A tool that the user set up but that cannot work here is a `ConfigError` before judging starts. A tool that nobody set
up is off, and says how to switch it on when it is called. A tool with recordings in the store is always enabled, so
that they can answer.

Knows nothing of running tools (`toolbox`) or of what a backend needs, which the backend says itself.
"""

import logging
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from themis.errors import ConfigError, ToolUnavailable
from themis.tools.base import AnyTool
from themis.tools.recordings.store import Mode, ObservationStore
from themis.tools.setup.registry import TOOLS, backends, default_backend, without_source
from themis.tools.setup.settings import OFF, McpServer, Settings, ToolSetting

EXTRA = "pip install 'themis-rm[mcp]'"

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Enabled:
    """The enabled tools, and why the others are off."""

    tools: list[AnyTool]
    off: dict[str, str] = field(default_factory=dict)
    closing: list[Callable[[], None]] = field(default_factory=list)
    """To be called when the tools are no longer needed."""


def enabled_tools(settings: Settings, mode: Mode, store: ObservationStore | None, plugins: Iterable[AnyTool] = ()) -> Enabled:
    """The tools of this package that the settings enable, then those of plug-ins and of MCP servers."""
    enabled = Enabled([])
    recorded = store.tools() if store is not None and mode in ("replay", "auto") else frozenset()
    for name in TOOLS:
        found = _chosen(name, settings.tools.get(name), name in recorded)
        if isinstance(found, str):
            enabled.off[name] = found
        else:
            enabled.tools.append(found)
    enabled.tools += plugins
    if settings.servers:
        _add_servers(enabled, settings, mode, store)
    return enabled


def missing(name: str, setting: ToolSetting) -> str | None:
    """What a tool of the settings lacks here, and how to add it; None if it works."""
    if setting.unset:
        return f"the environment variable {', '.join(setting.unset)} is not set"
    backend = next(backend for backend in backends(name) if backend.name == setting.backend)
    return backend.missing(setting.options)


def missing_of_server(server: McpServer) -> str | None:
    """What an MCP server lacks here, without starting it."""
    try:
        import mcp  # noqa: F401
    except ImportError:
        return f"the extra 'mcp' is not installed: {EXTRA}"
    if server.token_env and not os.environ.get(server.token_env):
        return f"the environment variable {server.token_env} is not set"
    program = server.command[0] if server.command else ""
    relative_to_cwd = bool(server.cwd) and os.sep in program and not os.path.isabs(program)
    if program and not relative_to_cwd and shutil.which(program, path=server.env.get("PATH")) is None:
        return f"there is no program '{program}' here"
    return None


def how_to_switch_on(name: str) -> str:
    """A sentence for the reader of "this tool is off"."""
    names = ", ".join(backend.name for backend in backends(name)) or "not there yet"
    return f"{name} is not switched on: set tools.{name}.backend in themis.toml ({names}); `themis tools doctor` says what each needs"


def _chosen(name: str, setting: ToolSetting | None, is_recorded: bool) -> AnyTool | str:
    """The tool, or why it is off."""
    if setting is not None and setting.backend == OFF:
        return f"{name} is switched off by {setting.where}"
    why: str | None
    if setting is None:
        usual = default_backend(name)
        why = usual.missing({}) if usual else how_to_switch_on(name)
        if usual is not None and why is None:
            return usual.build({})
        why = f"{name} does not work here: {why}" if usual else why
    else:
        why = missing(name, setting)
        if why is None:
            backend = next(backend for backend in backends(name) if backend.name == setting.backend)
            return _built(name, setting, backend.build)
        if not is_recorded:
            raise ConfigError(f"{setting.where}: tools.{name}.backend is '{setting.backend}', which does not work here: {why}")
    assert why is not None
    return _answering_by_recordings(name, why) if is_recorded else why


def _built(name: str, setting: ToolSetting, build: Callable[..., AnyTool]) -> AnyTool:
    try:
        return build(setting.options)
    except ConfigError as error:
        raise ConfigError(f"{setting.where}: tools.{name} with the backend '{setting.backend}': {error}") from error


def _answering_by_recordings(name: str, why: str) -> AnyTool:
    """The tool without a backend: its recordings are read before it is called."""

    def call(**arguments: object) -> str:
        raise ToolUnavailable(f"this call is not recorded, and {why}")

    return replace(without_source(name), function=call)


def _add_servers(enabled: Enabled, settings: Settings, mode: Mode, store: ObservationStore | None) -> None:
    for name, server in settings.servers.items():
        lack = missing_of_server(server) if mode != "replay" else None
        if lack is not None:
            raise ConfigError(f"{settings.file or 'the settings'}: mcp.servers.{name} does not work here: {lack}")
    try:
        from themis.tools.mcp.client import McpServers, tools_of_servers
    except ImportError:
        raise ConfigError(f"mcp.servers is set, but the extra 'mcp' is not installed: {EXTRA}") from None
    servers = McpServers(settings.servers)
    enabled.closing.append(servers.close)
    try:
        found, failed = tools_of_servers(servers, mode, store)
    except BaseException:
        servers.close()
        raise
    enabled.off.update({f"{name}.": why for name, why in failed.items()})
    ours = {tool.name.casefold() for tool in enabled.tools} | {name.casefold() for name in TOOLS}
    for tool in found:
        if tool.name.casefold() in ours:
            _log.warning("%s is left out: %s has the name of a tool of ours", tool.plugin, tool.name)
        else:
            enabled.tools.append(tool)
