"""`themis build counterfactual` makes counterfactual pairs, and `themis eval counterfactual` judges them."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from themis.cli.bench import Limit, Out, Verdicts, cache_beside, check_files
from themis.cli.judging import BatchSize, ModelOptions, SettingsFile, ToolFlags, Unsafe, import_libraries, open_toolbox, with_options
from themis.cli.output import check_output
from themis.cli.progress import lines_by_task, progress_bar
from themis.errors import ConfigError
from themis.files import STREAM, write_whole, writing_whole

if TYPE_CHECKING:
    from themis.traces import Judge

BUILD_EXAMPLE = "Example: themis build counterfactual --out flips.jsonl --count 250"
EVAL_EXAMPLE = "Example: themis eval counterfactual flips.jsonl --tasks weather,code --out flips.json"

_TASKS_HELP = "Only these tasks, separated by commas."


def counterfactual(
    out: Annotated[Path, typer.Option(help="The JSONL file of the pairs.", dir_okay=False)],
    count: Annotated[int, typer.Option(min=1, help="Pairs of each task.")] = 250,
    seed: Annotated[int, typer.Option(help="Another seed draws other pairs.")] = 0,
    tasks: Annotated[str, typer.Option(help=_TASKS_HELP, show_default="all six")] = "",
) -> None:
    """Make counterfactual pairs for evaluation: one answer, with observations that support it and that contradict it.

    The same seed gives the same bytes. No data set of `themis build tara` has one of these questions. The sources are
    read from THEMIS_DATA.
    """
    from themis.builder.counterfactual.build import build_counterfactuals
    from themis.builder.tasks.registry import counterfactual_makers
    from themis.config import data_root

    check_output(out, keys=("task", "worlds"))
    root = data_root()
    if root is None:
        raise ConfigError("the pairs are made from data sets: set THEMIS_DATA to the folder that holds them")
    makers = counterfactual_makers()
    makers = {task: makers[task] for task in _chosen(tasks, tuple(makers))}
    made = 0
    with progress_bar() as bar, writing_whole(out) as file:
        progress = lines_by_task(bar)
        for row in build_counterfactuals(root, count, seed, makers, lambda task, done: progress(task, done, count)):
            file.write(json.dumps(row.to_json(), ensure_ascii=False) + "\n")
            made += 1
    typer.echo(f"{made} pairs of {len(makers)} tasks: {out}", err=True)


@with_options
def evaluate(
    file: Annotated[Path, typer.Argument(help="Pairs made by `themis build counterfactual`.", dir_okay=False)],
    out: Out = None,
    verdicts: Verdicts = None,
    limit: Limit = None,
    tasks: Annotated[str, typer.Option(help=_TASKS_HELP, show_default="all in the file")] = "",
    batch_size: BatchSize = 16,
    settings: SettingsFile = None,
    tool: ToolFlags = None,
    unsafe: Unsafe = False,
    *,
    judging: ModelOptions,
) -> None:
    """Judge counterfactual pairs: how often is the reward higher where the observations support the answer?"""
    from rich.console import Console

    from themis.builder.counterfactual.rows import read_counterfactuals
    from themis.evaluation.counterfactual import CounterfactualTools, cache_key, evaluate_counterfactual, render_flips
    from themis.evaluation.verdict_cache import VerdictCache
    from themis.inference import Budget

    check_files(out, verdicts, [file, settings], ("model", "file", "tasks", "note"))
    pairs = read_counterfactuals(file)
    wanted = _chosen(tasks, tuple(dict.fromkeys(pair.task for pair in pairs)))
    pairs = [pair for task in wanted for pair in [pair for pair in pairs if pair.task == task][:limit]]
    judging.check()
    judging.check_here("change what the tools of its judge say")
    with ExitStack() as stack:
        real = stack.enter_context(open_toolbox(settings=settings, flags=tool, unsafe=unsafe))
        import_libraries()
        tools = CounterfactualTools(pairs, real)
        judge: Judge = judging.load(tools, batch_size)
        if cache_file := verdicts or cache_beside(out):
            about = {"bench": "counterfactual", **judging.known_as(real.known_by(), Budget())}
            cache = stack.enter_context(VerdictCache(cache_file, about))
            judge = cache.cached(judge, key=cache_key(pairs))
        progress = lines_by_task(stack.enter_context(progress_bar()))
        result = evaluate_counterfactual(pairs, judging.model, str(file), judge, progress, limit)
    Console(highlight=False, stderr=out == STREAM).print(render_flips(result))
    if out is not None:
        write_whole(out, json.dumps(result, indent=2) + "\n")


def _chosen(tasks: str, known: tuple[str, ...]) -> tuple[str, ...]:
    chosen = tuple(task.strip() for task in tasks.split(",") if task.strip()) or known
    unknown = [task for task in chosen if task not in known]
    if unknown:
        raise ConfigError(f"--tasks: there is no task '{unknown[0]}' among {', '.join(known)}")
    return chosen
