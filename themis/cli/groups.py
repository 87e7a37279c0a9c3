"""The root of the command line: a command is imported when it is called, and its errors are caught in one place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from themis.errors import ThemisError


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a command is, and the first sentence of its help."""

    target: str
    """`MODULE:NAME` of a function or of a group (a `typer.Typer`), with the module below `themis.cli`."""
    summary: str
    example: str = ""
    """The name of the module's example, for a function."""

    def command(self, name: str) -> Any:
        """Import the command."""
        module_name, _, target = self.target.partition(":")
        module = import_module(f"themis.cli.{module_name}")
        found = getattr(module, target)
        if isinstance(found, typer.Typer):
            return get_group(found)
        app = typer.Typer(add_completion=False)
        app.command(name, cls=FunctionCommand, epilog=getattr(module, self.example))(found)
        return get_command(app)


class FunctionCommand(TyperCommand):
    """A function with its options."""

    def make_parser(self, ctx: Any) -> Any:
        """`--ray` may stand alone: no option of typer may lack its value, so it gets the address `local`."""
        parser: Any = super().make_parser(ctx)
        parse_args = parser.parse_args
        parser.parse_args = lambda args: parse_args(with_address(args))
        return parser


class LazyCommand(TyperCommand):
    """Is listed by its summary; whatever else is asked of it, the command itself does."""

    def __init__(self, name: str, entry: Entry) -> None:
        super().__init__(name, help=entry.summary)
        self.entry = entry

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        return self.entry.command(str(self.name)).make_context(info_name, args, parent, **extra)


class Commands(TyperGroup):
    """Commands whose errors are caught here: one sentence on stderr and exit status 2, or 130 for Ctrl-C."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except ThemisError as error:
            raise _exit_saying(str(error), 2) from None
        except Exception as error:
            from themis.files import disk_fault

            if fault := disk_fault(error):
                raise _exit_saying(f"{fault}: give a place that may be written to and has space; what was written is kept", 2) from error
            raise
        except KeyboardInterrupt:
            raise _exit_saying("interrupted; what was written is kept", 130) from None


class LazyCommands(Commands):
    """All commands of `themis`."""

    entries: ClassVar[Mapping[str, Entry]] = {}

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, entry in self.entries.items():
            self.add_command(LazyCommand(name, entry))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The page as typer draws it, without the Markdown and the tracebacks that typer imports with it."""
        from rich.console import Console
        from rich.padding import Padding
        from rich.text import Text

        console = Console(highlight=False)
        usage = Text.assemble(("Usage: ", "yellow"), (self.get_usage(ctx).removeprefix("Usage: "), "bold"))
        console.print(Padding(usage, 1), Padding(str(self.help), (0, 1, 1, 1)), sep="\n")
        options = [(", ".join(parameter.opts), str(getattr(parameter, "help", ""))) for parameter in self.get_params(ctx)]
        commands = [(name, command.get_short_help_str(1_000)) for name, command in self.commands.items()]
        console.print(_panel("Options", options), _panel("Commands", commands))


def with_address(args: Sequence[str]) -> list[str]:
    """The words of a command, with the address `local` after each `--ray` that stands alone."""
    filled: list[str] = []
    for place, word in enumerate(args, 1):
        is_bare = word == "--ray" and (place == len(args) or args[place].startswith("-"))
        filled += [word, "local"] if is_bare else [word]
    return filled


def _panel(title: str, rows: list[tuple[str, str]]) -> Any:
    from rich.panel import Panel
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False, expand=True)
    table.add_column(style="bold cyan", no_wrap=True)
    table.add_column(ratio=1)
    for row in rows:
        table.add_row(*row)
    return Panel(table, title=title, title_align="left", border_style="dim")


def _exit_saying(sentence: str, code: int) -> typer.Exit:
    from themis.cli.show import one_line

    typer.echo(f"themis: {one_line(sentence)}", err=True)
    return typer.Exit(code)
