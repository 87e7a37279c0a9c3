"""What holds for all commands: their help, their errors, and how fast they answer."""

import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from tests.cli.conftest import Themis
from themis import __version__
from themis.cli import Commands
from themis.errors import ConfigError, DataError

COMMANDS = ("demo", "score", "eval tara", "tools list", "tools call", "tools replay-tara", "train", "export")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_says_what_it_does_with_an_example(themis: Themis, command: str) -> None:
    result = themis(*command.split(), "--help")
    assert result.exit_code == 0
    assert f"Example: themis {command}" in " ".join(result.stdout.split())


def test_help_names_every_command_and_imports_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "sys.argv = ['themis', '--help']\n"
        "from themis.cli import main\n"
        "try:\n"
        "    main()\n"
        "except SystemExit:\n"
        "    heavy = sorted({'torch', 'transformers', 'numpy', 'tokenizers'} & set(sys.modules))\n"
        "    print('heavy:', heavy)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "heavy: []" in done.stdout
    assert all(f" {command.split()[0]} " in done.stdout for command in COMMANDS)


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
def test_a_wrong_option_exits_with_2_and_no_traceback(themis: Themis, words: list[str]) -> None:
    result = themis(*words)
    assert result.exit_code == 2
    assert "Traceback" not in result.output
