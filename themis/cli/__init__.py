"""The command line: a command -> a function; parses and prints, decides nothing.

A command's module is imported when the command is called, and slow libraries (torch, transformers) inside the command.
So `themis --help` answers at once. A `ThemisError` becomes one sentence on stderr and exit status 2, and Ctrl-C one
line and 130. Anything else is a bug of ours and surfaces.
"""

import io
import sys
from typing import Annotated, ClassVar

import typer

from themis import __version__
from themis.cli.groups import Entry, LazyCommands


class Themis(LazyCommands):
    """All commands, in the order of the help; a summary is the first sentence of the command's own help."""

    entries: ClassVar = {
        "demo": Entry("demo:demo", "Judge built-in cases, a right and a wrong answer to each.", "EXAMPLE"),
        "score": Entry("score:score", "Judge an answer, or a file of answers: the tools called, what they said, the reward.", "EXAMPLE"),
        "eval": Entry("evaluate:app", "Measure how often a judge prefers the better answer."),
        "bench": Entry("evaluate:bench_app", "Judge another bench, and write its own files of results."),
        "report": Entry(
            "report:report",
            "Write evaluations and training runs as one self-contained HTML page: figures, plots, worst mistakes.",
            "EXAMPLE",
        ),
        "tools": Entry("tools:app", "List, call and check the tools of a judge; make indexes and recordings."),
        "build": Entry("build:app", "Build preference data that tools have checked."),
        "mcp": Entry("mcp:mcp", "Serve the tools, and a judge, to programs that speak MCP.", "EXAMPLE"),
        "serve": Entry("serve:serve", "Serve a judge over HTTP: rewards with their traces, for programs that train.", "EXAMPLE"),
        "train": Entry("train:train", "Train a reward model by a recipe.", "TRAIN_EXAMPLE"),
        "rlhf": Entry("rlhf.commands:app", "Train a policy against a judge by PPO, and measure whether it got better."),
        "models": Entry("models:app", "List pretrained backbones, fetch them, say where they are kept; push a model of yours."),
        "average": Entry("train:average", "Write the mean of several models' weights.", "AVERAGE_EXAMPLE"),
        "export": Entry(
            "train:export",
            "Write a model as an AutoModelForSequenceClassification that gives the same reward for the same text.",
            "EXPORT_EXAMPLE",
        ),
    }


app = typer.Typer(
    cls=Themis,
    help="Themis, the reward model that checks with tools before it judges.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
            stream.reconfigure(errors="backslashreplace")  # a letter that the terminal lacks must not stop the program
    app()
