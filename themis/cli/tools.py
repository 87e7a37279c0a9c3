"""`themis tools`: list the tools, call one, check what each needs, and replay TARA's published calls.

The commands that make files (indexes, recordings) are in `tool_data`.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from themis.cli import tool_data
from themis.cli.judging import JsonFlag, SettingsFile, Store, ToolFlags, ToolsMode, Unsafe, open_toolbox
from themis.cli.progress import progress_bar
from themis.errors import DataError

if TYPE_CHECKING:
    from themis.tools.setup.doctor import Finding

app = typer.Typer(help="List, call and check the tools of a judge; make indexes and recordings.", no_args_is_help=True)


@app.command("list", epilog="Example: themis tools list --json")
def list_tools(json_output: JsonFlag = False, settings: SettingsFile = None, tool: ToolFlags = None) -> None:
    """List the tools that a judge may use."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Column, Table

    with open_toolbox(settings=settings, flags=tool) as toolbox:
        schemas = [entry["function"] for entry in toolbox.schemas()]
    if json_output:
        typer.echo(json.dumps(schemas, indent=2))
        return
    table = Table(Column("tool", overflow="fold"), Column("argument", overflow="fold"), "what it does", box=None, pad_edge=False)
    for schema in schemas:
        arguments = ", ".join(schema["parameters"]["properties"])
        table.add_row(escape(schema["name"]), escape(arguments), escape(" ".join(schema["description"].split("\n\n")[0].split())))
    Console(highlight=False).print(table)


@app.command(
    epilog="Example: themis tools call Calendar.target_day '2013-02-26, -210'",
    context_settings={"ignore_unknown_options": True},  # an expression may start with a minus
)
def call(
    name: Annotated[str, typer.Argument(help="The tool.")],
    argument: Annotated[str, typer.Argument(help="Its argument: values separated by commas, or a JSON object.")] = "",
    answer: Annotated[str, typer.Option(help="The answer under judgement, for a tool that reads it.")] = "",
    json_output: JsonFlag = False,
    tools_mode: ToolsMode = None,
    store: Store = None,
    settings: SettingsFile = None,
    tool: ToolFlags = None,
    unsafe: Unsafe = False,
) -> None:
    """Call a tool, and print the observation as a judge reads it. The exit status is 2 if the call failed."""
    from themis.cli.show import plain
    from themis.files import checked_text
    from themis.traces import Action, Case

    with open_toolbox(tools_mode, store, settings=settings, flags=tool, unsafe=unsafe) as toolbox:
        case = Case("", checked_text(answer, "--answer", "the command line")) if answer else None
        observation = toolbox.call(Action(name, checked_text(argument, "ARGUMENT", "the command line")), case)
    failed = observation.status != "ok"
    if json_output:
        typer.echo(json.dumps({"status": observation.status, "text": observation.text}))
    else:
        typer.echo(plain(f"themis: {observation.text}" if failed else observation.text), err=failed)
    if failed:
        raise typer.Exit(2)


@app.command(epilog="Example: themis tools doctor --tool translate.backend=apertium --probe")
def doctor(
    json_output: JsonFlag = False,
    probe: Annotated[bool, typer.Option("--probe", help="Also call each tool that is switched on.")] = False,
    settings: SettingsFile = None,
    tool: ToolFlags = None,
) -> None:
    """Check which tools and backends work here. For the others, say what is missing and how to add it.

    `*` marks what is switched on. The exit status is 1 if something that is switched on does not work.
    """
    from themis.tools import plugin_tools
    from themis.tools.setup.doctor import examine, probed
    from themis.tools.setup.settings import read_settings

    chosen = read_settings(settings, tool or ())
    findings = examine(chosen, plugin_tools())
    if probe:
        with progress_bar() as bar:
            task = bar.add_task("called", total=len(findings))
            findings = probed(findings, chosen, lambda: bar.advance(task))
    if json_output:
        typer.echo(json.dumps([{**asdict(finding), "works": finding.works} for finding in findings], indent=2, ensure_ascii=False))
    else:
        _print_findings(findings, chosen.file)
    raise typer.Exit(0 if all(finding.works for finding in findings if finding.chosen) else 1)


def _print_findings(findings: "list[Finding]", file: Path | None) -> None:
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    from themis.cli.show import one_line

    names = (Column(name, overflow="fold") for name in ("tool", "", "backend", "here"))
    table = Table(*names, "what it is, or what is missing", box=None, pad_edge=False)
    for finding in findings:
        here = Text("works", "green") if finding.works else Text("no", "red" if finding.chosen else "dim")
        note = finding.missing or finding.summary
        if finding.said is not None:
            note = f"said: {finding.said}" if finding.status == "ok" else f"{finding.status}: {finding.said}"
        words = one_line(note)
        row = (finding.tool, "*" if finding.chosen else "", finding.backend, here, words if len(words) <= 300 else f"{words[:297]}...")
        table.add_row(*(cell if isinstance(cell, Text) else Text(one_line(cell)) for cell in row))
    console = Console(highlight=False)
    console.print(table)
    console.print(Text(f"\nsettings: {file or 'no themis.toml here; defaults, the environment and flags'}", "dim"))


@app.command("replay-tara", epilog="Example: themis tools replay-tara tara")
def replay(
    directory: Annotated[Path, typer.Argument(help="The folder of TASK/train.jsonl and TASK/dev.jsonl.", file_okay=False)],
    json_output: JsonFlag = False,
) -> None:
    """Make every published call of the built-in tools, and compare their answers with the published ones."""
    from themis.cli.show import plain
    from themis.tools.recordings.replay_check import render_text, replay_tara

    if not directory.is_dir():
        raise DataError(f"{directory} is not a folder: give the folder of TASK/train.jsonl and TASK/dev.jsonl")
    outcome = replay_tara(directory)
    typer.echo(json.dumps(outcome.to_json(), indent=2) if json_output else plain(render_text(outcome)))


tool_data.add_to(app)
