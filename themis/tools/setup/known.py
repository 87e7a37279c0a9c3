"""What the answers of tools are known by, beside the call: backends with options and data, MCP servers."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from themis.config import data_root
from themis.files import content_of, digest
from themis.tools.setup.settings import Settings, ToolSetting, is_secret
from themis.tools.weather.tool import RECORDINGS
from themis.tools.wiki.index import content_of_index


def known_settings(settings: Settings) -> dict[str, str]:
    """By tool, and by server with a point behind its name. A tool that nobody set is left out, unless it has data."""
    tools = {"history_weather": ToolSetting("records"), **settings.tools}
    servers = {f"{name}.": f"MCP {digest(asdict(server) | {'env': _open(server.env)})}" for name, server in settings.servers.items()}
    return servers | {name: _known(setting) for name, setting in tools.items()}


def _known(setting: ToolSetting) -> str:
    """Of a file that an option names, what is in it counts, wherever it is."""
    told = _open(setting.options)
    files = [Path(str(told.pop("path"))).expanduser()] if "path" in told else []
    if setting.backend == "records":
        files.append(Path(told.pop("tara", None) or (data_root() or Path()) / "tara").expanduser() / RECORDINGS)
    return f"{setting.backend} {digest([told, [content_of_index(file) or content_of(file) for file in files if file.exists()]])}"


def _open(options: Mapping[str, Any]) -> dict[str, Any]:
    """Without secrets."""
    return {name: value for name, value in options.items() if not is_secret(name.lower())}
