"""The commands of `themis tools` that make files: passage indexes, weather stores, recordings."""

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from themis.cli.judging import JsonFlag, SettingsFile, ToolFlags, open_toolbox
from themis.cli.output import check_folder, check_output
from themis.cli.progress import progress_bar
from themis.errors import DataError
from themis.files import STREAM, locked

_CALLS_HELP = "JSON lines: calls (tool and argument), or verdicts of `themis score`."
_CASES_HELP = "With verdicts: their cases, for tools that read the answer."
_AGAIN_HELP = "Repeat the calls that are recorded already."

_PUBLISHED_EXAMPLE = "Example: themis tools record-published tara --tools translate,google_serper,wiki_search --store published.db"

NeededStore = Annotated[Path, typer.Option("--store", help="SQLite file of recorded observations.", dir_okay=False)]


def add_to(app: typer.Typer) -> None:
    """Adds the commands to `themis tools`."""
    app.command("index", epilog="Example: themis tools index wikipedia.jsonl.xz --out wiki-index")(index)
    app.command("import-weather", epilog="Example: themis tools import-weather weather.csv --out weather.db")(import_weather)
    app.command("record", epilog="Example: themis tools record verdicts.jsonl --cases cases.jsonl --store observations.db")(record)
    app.command("record-published", epilog=_PUBLISHED_EXAMPLE)(record_published)
    app.command("export-recordings", epilog="Example: themis tools export-recordings observations.db --out observations.jsonl")(export)
    app.command("import-recordings", epilog="Example: themis tools import-recordings observations.jsonl --store observations.db")(import_)


def index(
    files: Annotated[list[Path], typer.Argument(help="Articles: JSON lines with title and text, plain or .gz or .xz.", dir_okay=False)],
    out: Annotated[Path, typer.Option(help="The folder of the index.", file_okay=False)],
    json_output: JsonFlag = False,
) -> None:
    """Make a passage index, from which `wiki_search` answers offline."""
    from themis.tools.wiki.index import build_index

    for file in files:
        _check_there(file)
    check_folder(out, files)
    with locked(out), progress_bar() as bar:
        task = bar.add_task("passages", total=None)
        count = build_index(files, out, lambda done: bar.update(task, completed=done))
    _say(json_output, {"passages": count, "out": str(out)}, f"{count:,} passages in {out}")
    _say_setting(json_output, "wiki_search", "index", out)


def import_weather(
    file: Annotated[Path, typer.Argument(help="Records, a row each: CSV or Parquet.", dir_okay=False)],
    out: Annotated[Path, typer.Option(help="The store to make or to add to.", dir_okay=False)],
    json_output: JsonFlag = False,
) -> None:
    """Put weather records into a store, from which `history_weather` answers offline."""
    from themis.tools.weather.importer import import_weather as import_file

    _check_there(file)
    check_output(out, [file])
    with progress_bar() as bar:
        bar.add_task(f"reading {file.name}", total=None)
        count = import_file(file, out)
    _say(json_output, {"records": count, "out": str(out)}, f"{count:,} records in {out}")
    _say_setting(json_output, "history_weather", "store", out)


def record(
    calls: Annotated[Path, typer.Argument(help=_CALLS_HELP, dir_okay=False)],
    store: NeededStore,
    cases: Annotated[Path | None, typer.Option(help=_CASES_HELP, dir_okay=False)] = None,
    again: Annotated[bool, typer.Option("--again", help=_AGAIN_HELP)] = False,
    json_output: JsonFlag = False,
    settings: SettingsFile = None,
    tool: ToolFlags = None,
) -> None:
    """Make the calls of a file, and record the answers. The exit status is 1 if a tool failed to answer."""
    from themis.data.cases import files_of, read_cases
    from themis.tools.recordings.from_file import read_calls, record_calls
    from themis.traces import case_key

    found = read_calls(calls, {case_key(case): case for case in read_cases(files_of(cases))} if cases else {})
    with open_toolbox("record" if again else "auto", store, settings=settings, flags=tool) as toolbox, progress_bar() as bar:
        task = bar.add_task("called", total=len(found))
        statuses = record_calls(toolbox, found, lambda: bar.advance(task))
    why = " (these tools read the answer: give it with the call, or --cases)" if statuses["left out"] else ""
    _say(json_output, {"calls": len(found), **+statuses}, f"{len(found):,} calls: {_counted(+statuses)}{why}")
    raise typer.Exit(1 if statuses["unavailable"] + statuses["timeout"] else 0)


def record_published(
    directory: Annotated[Path, typer.Argument(help="The folder of TASK/train.jsonl and TASK/dev.jsonl.", file_okay=False)],
    store: NeededStore,
    tools: Annotated[str, typer.Option(help="Only the calls of these tools, separated by commas.", show_default="all")] = "",
    json_output: JsonFlag = False,
) -> None:
    """Record the observations published with TARA's calls, to judge its pairs offline (`eval tara --fuzzy-replay`)."""
    from themis.tools import ObservationStore
    from themis.tools.recordings.published import record_published as put
    from themis.tools.recordings.replay_check import published_calls
    from themis.tools.toolbox import known_tools

    if not directory.is_dir():
        raise DataError(f"{directory} is not a folder: give the folder of TASK/train.jsonl and TASK/dev.jsonl")
    with known_tools([name.strip() for name in tools.split(",") if name.strip()]) as toolbox, ObservationStore(store) as recordings:
        count = put(published_calls(directory), toolbox, recordings)
    _say(json_output, {"calls": count, "store": str(store)}, f"{count:,} published calls in {store}")


def export(
    store: Annotated[Path, typer.Argument(help="SQLite file of recorded observations.", dir_okay=False)],
    out: Annotated[Path, typer.Option(help="The JSON lines to write, sorted.", dir_okay=False)],
    json_output: JsonFlag = False,
) -> None:
    """Write recordings as sorted JSON lines, which can be read, compared, or put under version control."""
    from themis.tools import ObservationStore

    _check_there(store)
    check_output(out, [store], ("tool", "argument", "case_digest", "status", "text"))
    with ObservationStore(store) as recordings:
        count = recordings.export_jsonl(out)
    if out != STREAM:
        _say(json_output, {"observations": count, "out": str(out)}, f"{count:,} observations in {out}")


def import_(
    file: Annotated[Path, typer.Argument(help="JSON lines of `themis tools export-recordings`.", dir_okay=False)],
    store: NeededStore,
    json_output: JsonFlag = False,
) -> None:
    """Put exported recordings into a store. They replace recordings of the same calls."""
    from themis.tools import ObservationStore

    _check_there(file)
    with ObservationStore(store) as recordings:
        count = recordings.import_jsonl(file)
    _say(json_output, {"observations": count, "store": str(store)}, f"{count:,} observations in {store}")


def _check_there(file: Path) -> None:
    if not file.is_file():
        raise DataError(f"{file} does not exist")


def _say(json_output: bool, row: dict[str, object], sentence: str) -> None:
    typer.echo(json.dumps(row) if json_output else sentence)


def _say_setting(json_output: bool, tool: str, backend: str, path: Path) -> None:
    if not json_output:
        typer.echo(f'to use it, in themis.toml:\n\n[tools.{tool}]\nbackend = "{backend}"\npath = {json.dumps(str(path.resolve()))}')


def _counted(statuses: Counter[str]) -> str:
    return ", ".join(f"{count:,} {status}" for status, count in sorted(statuses.items())) or "none"
