"""`themis report`: evaluations and training runs on one page."""

from pathlib import Path
from typing import Annotated

import typer

from themis.cli.output import check_output
from themis.files import STREAM, write_whole

EXAMPLE = "Example: themis report dev.json vanilla.json runs/nano --out report.html"

_RUNS_HELP = "JSON files of `themis eval ... --out`, and directories of training runs with their log.json."


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help=_RUNS_HELP)],
    out: Annotated[Path, typer.Option(help="The page to write.", dir_okay=False)] = Path("report.html"),
    title: Annotated[str, typer.Option(help="The heading of the page.")] = "Themis: how well the judge judges",
) -> None:
    """Write evaluations and training runs as one self-contained HTML page: figures, plots, worst mistakes."""
    from themis.evaluation.page import page, read_run

    check_output(out, runs, begins=page([]).partition("<title>")[0])
    read = [read_run(part) for path in runs for part in sorted(path.glob("stages/*"), key=lambda stage: stage.stat().st_mtime) or [path]]
    write_whole(out, page(read, title))
    typer.echo(f"{out}: {len(read)} runs", err=out == STREAM)
