"""`themis tools`: which tools there are, what one says, and whether they say what TARA published."""

import json
from pathlib import Path
from typing import Annotated

import typer

from themis.cli.judging import JsonFlag, Store, ToolsMode, open_toolbox
from themis.errors import DataError

app = typer.Typer(help="List the tools of a judge, call one, or replay the published calls.", no_args_is_help=True)


@app.command("list", epilog="Example: themis tools list --json")
def list_tools(json_output: JsonFlag = False) -> None:
    """The tools that a judge may use."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    with open_toolbox() as toolbox:
        schemas = [entry["function"] for entry in toolbox.schemas()]
    if json_output:
        typer.echo(json.dumps(schemas, indent=2))
        return
    table = Table("tool", "argument", "what it says", box=None, pad_edge=False)
    for tool in schemas:
        arguments = ", ".join(tool["parameters"]["properties"])
        table.add_row(escape(tool["name"]), escape(arguments), escape(" ".join(tool["description"].split("\n\n")[0].split())))
    Console(highlight=False).print(table)


@app.command(
    epilog="Example: themis tools call Calendar.target_day '2013-02-26, -210'",
    context_settings={"ignore_unknown_options": True},  # an expression may open with a minus
)
def call(
    name: Annotated[str, typer.Argument(help="The tool.")],
    argument: Annotated[str, typer.Argument(help="Its argument: values separated by commas, or a JSON object.")] = "",
    answer: Annotated[str, typer.Option(help="The answer under judgement, for a tool that looks at it.")] = "",
    json_output: JsonFlag = False,
    tools_mode: ToolsMode = None,
    store: Store = None,
) -> None:
    """Call a tool, and print what a judge would read. Where that is no answer, the exit status is 2."""
    from themis.cli.show import plain
    from themis.traces import Action, Case
    from themis.traces.case import checked_text

    with open_toolbox(tools_mode, store) as toolbox:
        case = Case("", checked_text(answer, "--answer", "the command line")) if answer else None
        observation = toolbox.call(Action(name, checked_text(argument, "ARGUMENT", "the command line")), case)
    failed = observation.status != "ok"
    if json_output:
        typer.echo(json.dumps({"status": observation.status, "text": observation.text}))
    else:
        typer.echo(plain(f"themis: {observation.text}" if failed else observation.text), err=failed)
    if failed:
        raise typer.Exit(2)


@app.command("replay-tara", epilog="Example: themis tools replay-tara tara")
def replay(
    directory: Annotated[Path, typer.Argument(help="The folder of TASK/train.jsonl and TASK/dev.jsonl.")],
    json_output: JsonFlag = False,
) -> None:
    """Run every published call of our tools, and compare what they say with what was published."""
    from themis.cli.show import plain
    from themis.tools.replay import render_text, replay_tara

    if not directory.is_dir():
        raise DataError(f"{directory} is no directory: give the folder of TASK/train.jsonl and TASK/dev.jsonl")
    outcome = replay_tara(directory)
    typer.echo(json.dumps(outcome.to_json(), indent=2) if json_output else plain(render_text(outcome)))
