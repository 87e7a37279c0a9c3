"""What works here: every tool with every backend, what each lacks, and how to add it.

Opens no connection and starts no program, unless it probes: then it calls each chosen backend.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from themis.errors import ConfigError, ThemisError
from themis.tools.base import AnyTool
from themis.tools.setup.enabled import missing, missing_of_server
from themis.tools.setup.registry import TOOLS, backends, default_backend
from themis.tools.setup.settings import OFF, Settings, ToolSetting
from themis.tools.toolbox import Toolbox
from themis.traces import Action, Case

_CASE = Case("Write a function that doubles a number.", "def double(x):\n    return 2 * x\n")


@dataclass(frozen=True, slots=True)
class Finding:
    """One tool with one of its backends."""

    tool: str
    backend: str
    summary: str
    chosen: bool
    """The toolbox would use it if it worked."""
    missing: str | None
    """What it lacks, and the command or setting that adds it."""
    said: str | None = None
    """What came back from a probe."""
    status: str | None = None

    @property
    def works(self) -> bool:
        return self.missing is None and self.status in (None, "ok", "error")


def examine(settings: Settings, plugins: Iterable[AnyTool] = ()) -> list[Finding]:
    """All tools with all their backends."""
    findings: list[Finding] = []
    for name in TOOLS:
        findings += _of_tool(name, settings.tools.get(name))
    for tool in plugins:
        findings.append(Finding(tool.name, f"plug-in {tool.plugin}", tool.description.split("\n")[0], chosen=True, missing=None))
    for name, server in settings.servers.items():
        what = f"the tools of {server.url or server.command[0]}"
        findings.append(Finding(f"{name}.*", "MCP server", what, chosen=True, missing=missing_of_server(server)))
    return findings


def probed(findings: list[Finding], settings: Settings, each: Callable[[], None]) -> list[Finding]:
    """The findings, after a real call of each chosen backend that lacks nothing. `each` is called after each one."""
    after = []
    for finding in findings:
        probe = finding.chosen and finding.missing is None and finding.backend != OFF
        after.append(_probed(finding, settings) if probe else finding)
        each()
    return after


def _of_tool(name: str, setting: ToolSetting | None) -> list[Finding]:
    usual = default_backend(name)
    chosen = setting.backend if setting else usual.name if usual else ""
    findings = []
    for backend in backends(name):
        options = setting.options if setting and backend.name == chosen else {}
        lack = missing(name, setting) if setting and backend.name == chosen else backend.missing({})
        how = f": {backend.here(options)}" if backend.here and lack is None else ""
        findings.append(Finding(name, backend.name, backend.summary + how, backend.name == chosen, lack))
    if setting is not None and setting.backend == OFF:
        findings.append(Finding(name, OFF, f"switched off by {setting.where}", chosen=True, missing=None))
    return findings


def _probed(finding: Finding, settings: Settings) -> Finding:
    if finding.backend == "MCP server":
        return _server_probed(finding, settings)
    if finding.tool not in TOOLS:
        return finding
    setting = settings.tools.get(finding.tool)
    backend = next(backend for backend in backends(finding.tool) if backend.name == finding.backend)
    try:
        tool = backend.build(setting.options if setting else {})
        with Toolbox([tool]) as toolbox:
            observation = toolbox.call(Action(finding.tool, TOOLS[finding.tool].probe), _CASE if tool.wants_case else None)
    except ConfigError as error:
        return replace(finding, missing=str(error))
    return replace(finding, said=observation.text, status=observation.status)


def _server_probed(finding: Finding, settings: Settings) -> Finding:
    from themis.tools.mcp.client import McpServers

    name = finding.tool.removesuffix(".*")
    try:
        with McpServers({name: settings.servers[name]}) as servers:
            names = [tool.name for tool in servers.listed(name)]
    except ThemisError as error:
        return replace(finding, missing=str(error), status="unavailable")
    return replace(finding, said=", ".join(names) or "no tools", status="ok")
