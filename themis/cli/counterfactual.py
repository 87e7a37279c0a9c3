"""`themis build counterfactual` and `themis eval counterfactual`: pairs of worlds, and how often a judge tells them apart."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from themis.cli.bench import Verdicts, beside, check_files, weights_of, write_whole
from themis.cli.judging import (
    BatchSize,
    ModelOption,
    RationaleOption,
    SettingsFile,
    ToolFlags,
    Unsafe,
    lines_by_task,
    make_judge,
    open_toolbox,
    progress_bar,
)
from themis.errors import ConfigError, DataError
from themis.files import whole_file

if TYPE_CHECKING:
    from themis.evaluation.items import JudgeAll

BUILD_EXAMPLE = "Example: themis build counterfactual --out flips.jsonl --count 250"
EVAL_EXAMPLE = "Example: themis eval counterfactual flips.jsonl --model nano --tasks weather,code"

_TASKS_HELP = "Only these tasks, separated by commas."


def counterfactual(
    out: Annotated[Path, typer.Option(help="The JSONL file of the pairs.", dir_okay=False)],
    count: Annotated[int, typer.Option(min=1, help="Pairs of each task.")] = 250,
    seed: Annotated[int, typer.Option(help="Another seed draws other pairs.")] = 0,
    tasks: Annotated[str, typer.Option(help=_TASKS_HELP, show_default="all six")] = "",
) -> None:
    """Make pairs of worlds for evaluation: same question, same answer, other observations, so that the verdict must flip.

    The same seed gives the same bytes. None of their questions is in a data set that `themis build tara` makes.
    """
    from themis.builder.counterfactual.build import build_counterfactuals, counterfactual_tasks
    from themis.config import data_root

    root = data_root()
    if root is None:
        raise ConfigError("the sources of the pairs are not at hand: set THEMIS_DATA to the folder of the data sets")
    chosen = _chosen(tasks, counterfactual_tasks())
    with progress_bar() as bar:
        progress = lines_by_task(bar)
        made = 0
        try:
            with whole_file(out) as file:
                for row in build_counterfactuals(root, count, seed, chosen, lambda task, done: progress(task, done, count)):
                    file.write((json.dumps(row.to_json(), ensure_ascii=False) + "\n").encode("utf-8"))
                    made += 1
        except OSError as error:
            raise DataError(f"{out} cannot be written: {error.strerror or error}") from error
    typer.echo(f"{made} pairs of {len(chosen)} tasks: {out}", err=True)


def evaluate(
    file: Annotated[Path, typer.Argument(help="Pairs made by `themis build counterfactual`.", dir_okay=False)],
    model: ModelOption = "nano",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result as JSON to this file.", dir_okay=False)] = None,
    verdicts: Verdicts = None,
    rationale: RationaleOption = "write",
    tasks: Annotated[str, typer.Option(help=_TASKS_HELP, show_default="all in the file")] = "",
    batch_size: BatchSize = 16,
    settings: SettingsFile = None,
    tool: ToolFlags = None,
    unsafe: Unsafe = False,
) -> None:
    """Judge each answer in two worlds: how often is the reward higher in the one that makes it right?"""
    from rich.console import Console

    from themis.builder.counterfactual.rows import read_counterfactuals
    from themis.evaluation.counterfactual import CounterfactualToolbox, evaluate_counterfactual, render_flips, world_keys
    from themis.evaluation.verdict_cache import KeptVerdicts

    rows = read_counterfactuals(file)
    wanted = _chosen(tasks, tuple(dict.fromkeys(row.task for row in rows)))
    rows = [row for row in rows if row.task in wanted]
    check_files(json_file, verdicts)
    with ExitStack() as stack:
        real = stack.enter_context(open_toolbox(settings=settings, flags=tool, unsafe=unsafe))
        toolbox = stack.enter_context(CounterfactualToolbox(rows, real))
        judge_all: JudgeAll = make_judge(model, toolbox, rationale, batch_size).judge_all
        if keep := verdicts or beside(json_file):
            how = {"bench": "counterfactual", "model": model, "rationale": rationale, "tools": sorted(real.names)}
            kept = stack.enter_context(KeptVerdicts(keep, {**how, "weights": weights_of(model)}))
            judge_all = kept.judge_all(judge_all, key=world_keys(rows))
        progress = lines_by_task(stack.enter_context(progress_bar()))
        result = evaluate_counterfactual(rows, model, str(file), judge_all, progress)
    Console(highlight=False).print(render_flips(result))
    if json_file is not None:
        write_whole(json_file, json.dumps(result, indent=2) + "\n")


def _chosen(tasks: str, known: tuple[str, ...]) -> tuple[str, ...]:
    chosen = tuple(task.strip() for task in tasks.split(",") if task.strip()) or known
    unknown = [task for task in chosen if task not in known]
    if unknown:
        raise ConfigError(f"--tasks: there is no task '{unknown[0]}' among {', '.join(known)}")
    return chosen
