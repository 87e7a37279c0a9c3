"""The command line: a command -> a function; parses and prints, decides nothing.

What is slow to import (torch, transformers) is imported inside the commands that need it, so that
`themis --help` answers at once. An error made for somebody (`ThemisError`) becomes one sentence on
stderr and exit status 2; Ctrl-C one line and 130; anything else is a bug of ours and surfaces.
"""

import io
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from themis import __version__
from themis.cli import build, demo, evaluate, mcp, report, score, tools, train
from themis.errors import ThemisError


class Commands(TyperGroup):
    """All commands, and the one place where their errors are caught."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except ThemisError as error:
            raise _exit_saying(str(error), 2) from None
        except KeyboardInterrupt:
            raise _exit_saying("interrupted; what was written is kept", 130) from None


def _exit_saying(sentence: str, code: int) -> typer.Exit:
    from themis.cli.show import one_line

    typer.echo(f"themis: {one_line(sentence)}", err=True)
    return typer.Exit(code)


app = typer.Typer(
    cls=Commands,
    help="Themis, the reward model that checks with tools before it judges.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo", epilog=demo.EXAMPLE)(demo.demo)
app.command("score", epilog=score.EXAMPLE)(score.score)
app.add_typer(evaluate.app, name="eval")
app.command("report", epilog=report.EXAMPLE)(report.report)
app.add_typer(tools.app, name="tools")
app.add_typer(build.app, name="build")
app.command("mcp", epilog=mcp.EXAMPLE)(mcp.mcp)
app.command("train", epilog=train.TRAIN_EXAMPLE)(train.train)
app.command("average", epilog=train.AVERAGE_EXAMPLE)(train.average)
app.command("export", epilog=train.EXPORT_EXAMPLE)(train.export)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")]


@app.callback()
def _root(version: Version = False) -> None:
    pass


def main() -> None:
    """The entry point of the command `themis`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that knows no such letter is no reason to stop
    app()
