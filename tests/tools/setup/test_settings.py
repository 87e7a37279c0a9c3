"""Settings: three places, what each may say, and what is said of a wrong one."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from themis.errors import ConfigError
from themis.tools.setup.settings import OFF, McpServer, Settings, ToolSetting, is_secret, read_settings

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a themis.toml into the working directory, which is a fresh one."""
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> Path:
        path = tmp_path / "themis.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


SEARXNG = '[tools.google_serper]\nbackend = "searxng"\nurl = "http://localhost:8080"\n'


def test_without_settings_nothing_is_set(write: Write) -> None:
    assert read_settings(environment={}) == Settings()


def test_the_nearest_file_counts(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(SEARXNG)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    settings = read_settings(environment={})
    assert settings.file == path
    assert settings.tools == {"google_serper": ToolSetting("searxng", {"url": "http://localhost:8080"}, where=str(path))}
    (below / "themis.toml").write_text("", encoding="utf-8")
    assert read_settings(environment={}).tools == {}
    assert read_settings(path, environment={}).file == path
    assert read_settings(environment={"THEMIS_SETTINGS": str(path)}).file == path


def test_the_environment_is_in_front_of_the_file_and_flags_are_in_front_of_both(write: Write) -> None:
    write(SEARXNG)
    environment = {"THEMIS_TOOLS__GOOGLE_SERPER__URL": "http://other:1", "THEMIS_TOOLS__WIKI_SEARCH__BACKEND": "off"}
    settings = read_settings(environment=environment)
    assert settings.tools["google_serper"].options == {"url": "http://other:1"}
    assert settings.tools["wiki_search"].backend == OFF
    flagged = read_settings(flags=["google_serper.url=http://third:2", "google_serper.deadline=2.5"], environment=environment)
    assert flagged.tools["google_serper"].options == {"url": "http://third:2", "deadline": 2.5}


def test_another_backend_does_not_get_the_options_of_the_one_before(write: Write) -> None:
    write(SEARXNG)
    setting = read_settings(flags=["google_serper.backend=serper"], environment={}).tools["google_serper"]
    assert (setting.backend, dict(setting.options), setting.where) == ("serper", {}, "--tool")
    same = read_settings(flags=["google_serper.backend=searxng"], environment={}).tools["google_serper"]
    assert same.options == {"url": "http://localhost:8080"}


def test_a_key_can_be_named_by_its_environment_variable_and_is_never_shown(write: Write) -> None:
    write('[tools.google_serper]\nbackend = "serper"\nkey_env = "MY_KEY"\n')
    setting = read_settings(environment={"MY_KEY": "s3cret"}).tools["google_serper"]
    assert setting.options == {"key": "s3cret"}
    assert "s3cret" not in repr(setting)
    assert read_settings(environment={}).tools["google_serper"].unset == ("MY_KEY",)
    later = read_settings(flags=["google_serper.key=007"], environment={}).tools["google_serper"]
    assert (later.options, later.unset) == ({"key": "007"}, ()), "the flag replaces the file's key_env, and stays a text"
    assert is_secret("key")
    assert is_secret("auth_token")
    assert not is_secret("keyboard")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tools.wiki_serch]\nbackend = 'index'", "unknown tool in 'tools.wiki_serch.backend'; did you mean 'wiki_search'?"),
        (
            "[tools.google_serper]\nbackend = 'serpr'",
            "'tools.google_serper.backend' is 'serpr', not a backend of google_serper; did you mean 'serper'?",
        ),
        (
            "[tools.google_serper]\nbackend = 'searxng'\nulr = 'x'",
            "unknown option 'tools.google_serper.ulr' of the backend 'searxng'; did you mean 'url'?",
        ),
        ("[tools.google_serper]\nurl = 'x'", "'tools.google_serper.url' is given, but no 'tools.google_serper.backend': one of serper,"),
        ("[tools]\ngoogle_serper = 'serper'", "'tools.google_serper' must be a table, found str"),
        ("[tool.google_serper]\nbackend = 'serper'", "unknown table 'tool'; did you mean 'tools'?"),
        ("[tools.calculator]\nbackend = 'x'", "'tools.calculator.backend' is 'x', not a backend of calculator; known: built in"),
        ("[tools.google_serper\n", "is not valid TOML"),
        ("[tools.google_serper]\nbackend = 'serper'\nkey = 's3cret'\nkey_env = 'K'", "are both given; leave one out"),
        ("[mcp.server.time]\nurl = 'http://x'", "unknown table 'mcp.server', did you mean 'mcp.servers'?"),
        ("[mcp.servers.time]\nulr = 'http://x'", "unknown key 'mcp.servers.time.ulr', did you mean 'mcp.servers.time.url'?"),
        ("[mcp.servers.time]\ndeadline = 3", "'mcp.servers.time' needs either a command (a list: program and arguments) or a url"),
        ("[mcp.servers.time]\ncommand = ['x']\nurl = 'http://x'", "needs either a command"),
        ("[mcp.servers.time]\nurl = 'ftp://x'", "'mcp.servers.time.url' must start with http:// or https://"),
        ("[mcp.servers.time]\nurl = 'http://x'\ndeadline = 0", "are seconds above 0"),
        ("[mcp.servers.time]\ncommand = ['x']\nenv = 's3cret'", "'mcp.servers.time.env' must be a table of texts"),
        ("[mcp.servers.'a b']\nurl = 'http://x'", "must be up to 32 letters, digits, - and _"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence_with_key_and_file(write: Write, text: str, said: str) -> None:
    path = write(text)
    with pytest.raises(ConfigError) as refused:
        read_settings(environment={})
    sentence = str(refused.value)
    assert said in sentence
    assert str(path) in sentence
    assert "\n" not in sentence
    assert "s3cret" not in sentence


def test_what_is_wrong_in_the_environment_or_a_flag_names_that_place(write: Write) -> None:
    for environment, said in (
        ({"THEMIS_TOOLS__TRANSLATE": "x"}, "THEMIS_TOOLS__TRANSLATE is not of the form THEMIS_TOOLS__NAME__OPTION"),
        ({"THEMIS_TOOLS__WIKI__BACKEND": "x"}, "THEMIS_TOOLS__WIKI__BACKEND: unknown tool in 'tools.wiki.backend'"),
        ({"THEMIS_SETTINGS": "no/such.toml"}, "no settings can be read from no/such.toml"),
    ):
        with pytest.raises(ConfigError, match=re.escape(said)):
            read_settings(environment=environment)
    for flag in ("translate", "translate=x", ".backend=x", "translate.=x"):
        with pytest.raises(ConfigError, match=re.escape("is not of the form NAME.OPTION=VALUE")):
            read_settings(flags=[flag], environment={})
    with pytest.raises(ConfigError, match=re.escape("--tool: unknown tool in 'tools.wiki.backend'")):
        read_settings(flags=["wiki.backend=index"], environment={})


def test_mcp_servers_come_from_the_file_and_the_environment(write: Write) -> None:
    write('[mcp.servers.time]\ncommand = ["mcp-server-time", "--local"]\nenv = {TZ = "UTC"}\ndeadline = 3\n')
    environment = {"THEMIS_MCP__SERVERS__WEB__URL": "https://host/mcp", "THEMIS_MCP__SERVERS__WEB__ENV__A": "b"}
    assert read_settings(environment=environment).servers == {
        "time": McpServer(command=("mcp-server-time", "--local"), env={"TZ": "UTC"}, deadline=3.0),
        "web": McpServer(url="https://host/mcp", env={"A": "b"}),
    }


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give a file away")
def test_a_file_that_a_stranger_left_is_not_obeyed(write: Write) -> None:
    path = write('[mcp.servers.x]\ncommand = ["evil"]\n')
    os.chown(path, 12345, 12345)
    with pytest.raises(ConfigError, match="belongs to another user"):
        read_settings(environment={})
    assert read_settings(path, environment={}).servers["x"].command == ("evil",)


def test_every_setting_in_the_documentation_is_understood(write: Write) -> None:
    docs = Path(__file__).parents[3] / "docs"
    pages = [docs / "tools.md", *sorted((docs / "tools").glob("*.md"))]
    blocks = [block for page in pages for block in re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)]
    assert blocks
    for block in blocks:
        write(block)
        settings = read_settings(environment={})
        assert settings.tools or settings.servers
