"""Settings: which backend serves a tool, and which MCP servers join.

There are three places, and a later one wins:

1. the file of `--settings` or THEMIS_SETTINGS, else `themis.toml` in the working directory or the nearest parent
2. environment variables, such as THEMIS_TOOLS__TRANSLATE__URL
3. flags, such as `--tool translate.url=...`

If a later place names another backend, the options of the earlier one are dropped. A secret is best given by the name
of an environment variable (`key_env = "SERPER_API_KEY"`). No message shows the value of an option, as any may be a
secret. Knows nothing of what an option means: the backend checks it.
"""

import difflib
import json
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from themis.config import build
from themis.errors import ConfigError
from themis.tools.setup.backend import Backend
from themis.tools.setup.registry import TOOLS, backends, default_backend

FILE = "themis.toml"
PREFIXES = ("THEMIS_TOOLS__", "THEMIS_MCP__")
OFF = "off"
"""Instead of a backend: the tool is not enabled."""


@dataclass(frozen=True, slots=True)
class ToolSetting:
    """What the settings say of one tool: at least its backend, or that it is off."""

    backend: str
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """May hold secrets."""
    unset: tuple[str, ...] = ()
    """Environment variables that options name, and that are not set."""
    where: str = ""
    """The file, variable or flag that names the backend."""


@dataclass(frozen=True, slots=True)
class McpServer:
    """One MCP server: a program to start, or an address."""

    command: tuple[str, ...] = ()
    """Spoken to over its standard input and output."""
    url: str = ""
    """Of a server that speaks streamable HTTP."""
    env: dict[str, str] = field(default_factory=dict, repr=False)
    """Environment variables of the program, beside PATH, HOME and the like."""
    env_from: tuple[str, ...] = ()
    """Environment variables of ours that the program gets as well."""
    token_env: str = ""
    """The environment variable that holds the bearer token for `url`."""
    cwd: str = ""
    deadline: float = 10.0
    """Seconds, of one call."""
    startup: float = 30.0
    """Seconds, until its tools are listed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, checked. Tools that are not named here have their defaults."""

    tools: Mapping[str, ToolSetting] = field(default_factory=dict)
    servers: Mapping[str, McpServer] = field(default_factory=dict)
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class _Given:
    """One value and where it was given."""

    path: tuple[str, ...]
    value: Any
    where: str

    @property
    def key(self) -> str:
        return ".".join(self.path)


def read_settings(file: Path | None = None, flags: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of a file, of the environment and of `--tool` flags; raises `ConfigError`."""
    environment = os.environ if environment is None else environment
    found = file or (Path(environment["THEMIS_SETTINGS"]) if environment.get("THEMIS_SETTINGS") else _nearest_file())
    places = [list(_of_file(found)) if found else [], list(_of_environment(environment)), [_of_flag(flag) for flag in flags]]
    tools: dict[str, dict[str, _Given]] = {}
    for place in places:
        _lay_over(tools, place)
    servers = [given for place in places for given in place if given.path[0] == "mcp"]
    checked = {tool: _tool_setting(tool, options, environment) for tool, options in tools.items()}
    return Settings(checked, _servers(servers), found)


FLAG = "--tool"
FLAG_ONLY = {("code_run", "unsafe"): "--unsafe"}
"""Giving up a wall takes a flag, every time: neither a file nor a variable can do it."""
_SERVER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_SECRET_WORDS = ("key", "token", "secret", "password")


def is_secret(option: str) -> bool:
    """Whether the value of such an option must never be shown."""
    return option.rpartition("_")[2] in _SECRET_WORDS


def _nearest_file() -> Path | None:
    here = Path.cwd()
    found = next((folder / FILE for folder in (here, *here.parents) if (folder / FILE).is_file()), None)
    if found is not None and hasattr(os, "getuid") and found.stat().st_uid not in (os.getuid(), 0):
        # The file can start programs (MCP servers), so one that a stranger left in a parent folder must not count.
        raise ConfigError(f"{found} belongs to another user; if you trust it, name it with --settings or THEMIS_SETTINGS")
    return found


def _of_file(path: Path) -> Iterator[_Given]:
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"no settings can be read from {path}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    for key, value in raw.items():
        if key not in ("tools", "mcp"):
            raise ConfigError(f"{path}: unknown table '{key}'{_hint(key, ('tools', 'mcp'))}")
        yield from _leaves((key,), value, str(path))


def _leaves(path: tuple[str, ...], value: Any, where: str) -> Iterator[_Given]:
    """The values of `tools.NAME.OPTION` and `mcp.servers.NAME.KEY`, which may be tables themselves."""
    if len(path) == (3 if path[0] == "tools" else 4):
        yield _Given(path, value, where)
        return
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: '{'.'.join(path)}' must be a table, found {type(value).__name__}")
    for key, below in value.items():
        yield from _leaves((*path, key), below, where)


def _of_environment(environment: Mapping[str, str]) -> Iterator[_Given]:
    tables: dict[tuple[str, ...], dict[str, str]] = {}
    for name, text in sorted(environment.items()):
        if not name.startswith(PREFIXES):
            continue
        words = name.removeprefix("THEMIS_").split("__")
        depth = 3 if words[0] == "TOOLS" else 4
        path = tuple(word.lower() for word in words[:depth])
        if len(path) < depth or "" in path or len(words) > depth + 1:
            form = "THEMIS_TOOLS__NAME__OPTION" if words[0] == "TOOLS" else "THEMIS_MCP__SERVERS__NAME__KEY"
            raise ConfigError(f"the environment variable {name} is not of the form {form}")
        if len(words) > depth:  # a variable of a server's own environment: THEMIS_MCP__SERVERS__TIME__ENV__TZ
            tables.setdefault(path, {})[words[depth]] = text
            continue
        yield _Given(path, _value(path[-1], text), name)
    for path, table in tables.items():
        yield _Given(path, table, "the environment")


def _of_flag(flag: str) -> _Given:
    key, equals, text = flag.partition("=")
    tool, dot, option = key.strip().rpartition(".")
    if not equals or not dot or not tool or not option:
        raise ConfigError(f"--tool '{key.strip()}' is not of the form NAME.OPTION=VALUE, such as translate.backend=apertium")
    return _Given(("tools", tool, option), _value(option, text.strip()), FLAG)


def _value(option: str, text: str) -> Any:
    """A number, truth value or list if the text is one. A secret is always text."""
    if is_secret(option) or option.endswith("_env"):
        return text
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return found if isinstance(found, bool | int | float | list) else text


def _lay_over(tools: dict[str, dict[str, _Given]], place: Iterable[_Given]) -> None:
    """Lays the values of one place over those of the places before."""
    said: dict[str, dict[str, _Given]] = {}
    for given in place:
        flag = FLAG_ONLY.get((given.path[1], given.path[2]))
        if flag and given.where != FLAG and given.value is not False:
            raise ConfigError(f"{given.where}: '{given.key}' is taken from the command line alone: {flag}")
        if given.path[0] == "tools":
            said.setdefault(given.path[1], {})[given.path[2]] = given
    for tool, options in said.items():
        before = tools.get(tool, {})
        if "backend" in options and "backend" in before and options["backend"].value != before["backend"].value:
            before = {}
        for name in options:  # `key` replaces a `key_env` of before, and the other way round
            before.pop(name.removesuffix("_env") if name.endswith("_env") else f"{name}_env", None)
        tools[tool] = {**before, **options}


def _tool_setting(tool: str, given: dict[str, _Given], environment: Mapping[str, str]) -> ToolSetting:
    first = next(iter(given.values()))
    if tool not in TOOLS:
        raise ConfigError(f"{first.where}: unknown tool in '{first.key}'{_hint(tool, TOOLS)}")
    named = given.pop("backend", None)
    if named is not None and named.value in (OFF, False):
        return ToolSetting(OFF, where=named.where)
    backend = _backend(tool, named, first)
    options: dict[str, Any] = {}
    unset = []
    for name, entry in given.items():
        plain = name.removesuffix("_env") if name.endswith("_env") and name not in backend.options else name
        if plain not in backend.options:
            why = _hint(name, backend.options) if backend.options else f": the backend '{backend.name}' has no options"
            raise ConfigError(f"{entry.where}: unknown option '{entry.key}' of the backend '{backend.name}'{why}")
        if plain in options or (plain != name and plain in given):
            raise ConfigError(f"{entry.where}: '{entry.key}' and 'tools.{tool}.{plain}' are both given; leave one out")
        if plain == name:
            options[plain] = entry.value
        elif variable := environment.get(str(entry.value)):
            options[plain] = variable
        else:
            unset.append(str(entry.value))
    return ToolSetting(backend.name, options, tuple(unset), named.where if named else first.where)


def _backend(tool: str, named: _Given | None, first: _Given) -> Backend:
    known = {backend.name: backend for backend in backends(tool)}
    if named is None:
        usual = default_backend(tool)
        if usual is None:
            raise ConfigError(f"{first.where}: '{first.key}' is given, but no 'tools.{tool}.backend': one of {', '.join(known)}")
        return usual
    if named.value not in known:
        raise ConfigError(f"{named.where}: '{named.key}' is '{named.value}', not a backend of {tool}{_hint(str(named.value), known)}")
    return known[named.value]


def _servers(given: Sequence[_Given]) -> dict[str, McpServer]:
    raw: dict[str, dict[str, _Given]] = {}
    for entry in given:
        if entry.path[1] != "servers":
            raise ConfigError(f"{entry.where}: unknown table 'mcp.{entry.path[1]}', did you mean 'mcp.servers'?")
        raw.setdefault(entry.path[2], {})[entry.path[3]] = entry
    return {name: _server(name, entries) for name, entries in raw.items()}


def _server(name: str, entries: dict[str, _Given]) -> McpServer:
    where = next(iter(entries.values())).where
    key = f"mcp.servers.{name}"
    if not _SERVER_NAME.fullmatch(name):
        raise ConfigError(f"{where}: the name in '{key}' must be up to 32 letters, digits, - and _: the names of its tools open with it")
    texts = entries["env"].value if "env" in entries else {}
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise ConfigError(f"{where}: '{key}.env' must be a table of texts")
    server = build(McpServer, {option: entry.value for option, entry in entries.items()}, where, f"{key}.")
    if bool(server.command) == bool(server.url):
        raise ConfigError(f"{where}: '{key}' needs either a command (a list: program and arguments) or a url")
    if server.url and not server.url.startswith(("http://", "https://")):
        raise ConfigError(f"{where}: '{key}.url' must start with http:// or https://")
    if server.deadline <= 0 or server.startup <= 0:
        raise ConfigError(f"{where}: '{key}.deadline' and '{key}.startup' are seconds above 0")
    return server


def _hint(wrong: str, right: Iterable[str]) -> str:
    near = difflib.get_close_matches(wrong, right := list(right), n=1)
    return f"; did you mean '{near[0]}'?" if near else f"; known: {', '.join(right)}"
