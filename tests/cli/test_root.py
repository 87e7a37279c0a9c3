"""What holds for all commands: their help, their errors, and how fast they answer."""

import json
import re
import resource
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from tests.cli.conftest import Themis as Give
from tests.test_readme import check_recipe, parsed, shell_commands
from themis import __version__
from themis.cli import Themis
from themis.cli.groups import Commands
from themis.errors import ConfigError, DataError

HELP_SECONDS = 1.5
"""Processor time that `themis --help` may take; a quiet machine needs about 0.25."""
PLAIN = {"themis", "themis.cli", "themis.cli.groups", "themis.errors"}
"""All that `themis --help` imports of Themis."""
HEAVY = {"torch", "transformers", "tokenizers", "numpy", "yaml", "pydantic", "httpx2", "rich.markdown", "rich.traceback", "pygments"}


def all_commands() -> list[str]:
    """Each command by its words, such as `tools list`."""
    found: list[str] = []
    for name, entry in Themis.entries.items():
        below = getattr(entry.command(name), "commands", None)
        found += [f"{name} {word}" for word in below] if below else [name]
    return found


@pytest.mark.parametrize("command", all_commands())
def test_each_command_says_what_it_does_with_an_example(themis: Give, command: str) -> None:
    result = themis(*command.split(), "--help")
    assert result.exit_code == 0
    words = " ".join(result.stdout.split())
    assert f"Example: themis {command}" in words or (command == "mcp" and '"args": ["mcp"]' in words)


@pytest.mark.parametrize("command", [command for command in all_commands() if command != "mcp"])
def test_the_example_of_a_command_parses(command: str) -> None:
    group, _, name = command.partition(" ")
    found = Themis.entries[group].command(group)
    (example,) = shell_commands(re.sub(r"[ ,(;.]*\(.*|\. .*", "", (found.commands[name] if name else found).epilog))
    path, _, values = parsed(example)
    assert path == f"themis {command}"
    check_recipe(path, values)


@pytest.mark.parametrize("name", Themis.entries)
def test_a_command_is_listed_by_the_first_sentence_of_its_help(name: str) -> None:
    entry = Themis.entries[name]
    assert entry.command(name).help.partition(". ")[0].rstrip(".") + "." == entry.summary


def test_help_names_every_command_and_imports_nothing_heavy() -> None:
    program = (
        "import json, sys\n"
        "sys.argv = ['themis', '--help']\n"
        "from themis.cli import main\n"
        "try:\n"
        "    main()\n"
        "except SystemExit:\n"
        "    print(json.dumps(sorted(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    imported = set(json.loads(done.stdout.splitlines()[-1]))
    assert imported.isdisjoint(HEAVY)
    assert {name for name in imported if name.partition(".")[0] == "themis"} <= PLAIN
    assert all(f" {name} " in done.stdout for name in Themis.entries)


def test_help_answers_at_once() -> None:
    """The best of three, in processor time, which other programs on the machine lengthen little."""
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "themis", "--help"], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(seconds) < HELP_SECONDS


def test_it_runs_as_a_module_too() -> None:
    done = subprocess.run([sys.executable, "-m", "themis", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == __version__


def commands_that_raise(error: BaseException) -> typer.Typer:
    app = typer.Typer(cls=Commands)

    @app.command()
    def stumble() -> None:
        raise error

    @app.callback()
    def root() -> None:
        pass

    return app


@pytest.mark.parametrize("error", [ConfigError("no such\nsetting: '\x1b[31m'"), DataError("no such\nsetting: '\x1b[31m'")])
def test_an_error_for_the_user_is_one_line_on_stderr_and_exit_status_2(error: Exception) -> None:
    result = CliRunner().invoke(commands_that_raise(error), ["stumble"])
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", "themis: no such setting: '\\x1b[31m'\n")


def test_ctrl_c_is_one_line_and_exit_status_130() -> None:
    result = CliRunner().invoke(commands_that_raise(KeyboardInterrupt()), ["stumble"])
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "themis: interrupted; what was written is kept\n")


def test_a_bug_of_ours_is_not_dressed_up_as_an_error_of_the_user() -> None:
    result = CliRunner().invoke(commands_that_raise(AssertionError("ours")), ["stumble"])
    assert isinstance(result.exception, AssertionError)


@pytest.mark.parametrize("words", [["score", "--tools-mode", "dead"], ["tools", "call"], ["nonsense"], ["score", "--batch-size", "0"]])
def test_a_wrong_option_exits_with_2_and_no_traceback(themis: Give, words: list[str]) -> None:
    result = themis(*words)
    assert result.exit_code == 2
    assert "Traceback" not in result.output
