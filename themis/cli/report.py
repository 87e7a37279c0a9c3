"""`themis report`: evaluations and training runs on one page."""

from pathlib import Path
from typing import Annotated

import typer

from themis.errors import DataError

EXAMPLE = "Example: themis report dev.json vanilla.json runs/nano --out report.html"

_RUNS_HELP = "JSON files of `themis eval ... --out`, and directories of training runs with their log.json."


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help=_RUNS_HELP)],
    out: Annotated[Path, typer.Option(help="The page to write.", dir_okay=False)] = Path("report.html"),
    title: Annotated[str, typer.Option(help="The heading of the page.")] = "Themis: how well the judge judges",
) -> None:
    """Write evaluations and training runs as one self-contained HTML page: figures, plots, worst mistakes."""
    from themis.evaluation.page import page, read_run

    read = [read_run(part) for path in runs for part in sorted(path.glob("stages/*"), key=lambda stage: stage.stat().st_mtime) or [path]]
    if any(out.exists() and path.exists() and path.samefile(out) for path in runs):
        raise DataError(f"{out} is one of the runs: give another file for the page")
    try:
        out.write_text(page(read, title), encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise DataError(f"{out} cannot be written: {error.strerror or error}") from error
    typer.echo(f"{out}: {len(read)} runs")
