"""Which tools a toolbox offers, by the settings: each tool from its backend, the others with the reason why they are not there.

A tool that somebody set up and that cannot work here is a `ConfigError`: before an hour of judging, not after. A tool that
nobody set up is off, and says how to switch it on when it is called. Where a store of recordings knows a tool, the tool is
there whatever the settings say, so that its recordings answer.

Knows nothing of running tools (`toolbox`) or of what a backend needs (the backend says so itself).
"""

import logging
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from themis.errors import ConfigError, ToolUnavailable
from themis.tools.base import AnyTool
from themis.tools.recordings.store import Mode, ObservationStore
from themis.tools.setup.registry import MODULES, backends, without_source
from themis.tools.setup.settings import OFF, McpServer, Settings, ToolSetting, default_backend

EXTRA = "pip install 'themis-rm[mcp]'"

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Offer:
    """The tools that are there, and why the others are not."""

    tools: list[AnyTool]
    off: dict[str, str] = field(default_factory=dict)
    closing: list[Callable[[], None]] = field(default_factory=list)
    """To be called when the tools are needed no more."""


def offered(
    settings: Settings, mode: Mode, store: ObservationStore | None, builtin: Iterable[AnyTool], plugins: Iterable[AnyTool] = ()
) -> Offer:
    """The built-in tools, with those that the settings choose in their place or beside them, then plug-ins and MCP servers' tools."""
    tools = {tool.name: tool for tool in builtin}
    offer = Offer([])
    recorded = store.tools() if store is not None and mode in ("replay", "auto") else frozenset()
    for name in MODULES:
        setting = settings.tools.get(name)
        if name in tools and (setting is None or _is_as_given(name, setting)):
            continue
        found = _chosen(name, setting, name in recorded)
        if isinstance(found, str):
            tools.pop(name, None)
            offer.off[name] = found
        else:
            tools[name] = found
    offer.tools = [*tools.values(), *plugins]
    if settings.servers:
        _add_servers(offer, settings, mode, store)
    return offer


def missing(name: str, setting: ToolSetting) -> str | None:
    """What a tool that somebody set up lacks here, and how to add it; None where it works."""
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
    """A sentence for whoever reads that a tool is off."""
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


def _is_as_given(name: str, setting: ToolSetting) -> bool:
    """Says the setting no more than what holds without it?"""
    usual = default_backend(name)
    return usual is not None and setting.backend == usual.name and not setting.options and not setting.unset


def _built(name: str, setting: ToolSetting, build: Callable[..., AnyTool]) -> AnyTool:
    try:
        return build(setting.options)
    except ConfigError as error:
        raise ConfigError(f"{setting.where}: tools.{name} with the backend '{setting.backend}': {error}") from error


def _answering_by_recordings(name: str, why: str) -> AnyTool:
    """The tool with nothing behind it; its recordings are read before it is called."""

    def call(**arguments: object) -> str:
        raise ToolUnavailable(f"this call is not recorded, and {why}")

    return replace(without_source(name), function=call)


def _add_servers(offer: Offer, settings: Settings, mode: Mode, store: ObservationStore | None) -> None:
    for name, server in settings.servers.items():
        lack = missing_of_server(server) if mode != "replay" else None
        if lack is not None:
            raise ConfigError(f"{settings.file or 'the settings'}: mcp.servers.{name} does not work here: {lack}")
    try:
        from themis.tools.mcp.client import McpServers, tools_of_servers
    except ImportError:
        raise ConfigError(f"mcp.servers is set, but the extra 'mcp' is not installed: {EXTRA}") from None
    servers = McpServers(settings.servers)
    offer.closing.append(servers.close)
    try:
        found, failed = tools_of_servers(servers, mode, store)
    except BaseException:
        servers.close()
        raise
    offer.off.update({f"{name}.": why for name, why in failed.items()})
    ours = {tool.name.casefold() for tool in offer.tools} | {name.casefold() for name in MODULES}
    for tool in found:
        if tool.name.casefold() in ours:
            _log.warning("%s is left out: %s has the name of a tool of ours", tool.plugin, tool.name)
        else:
            offer.tools.append(tool)
