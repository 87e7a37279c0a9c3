"""`themis eval`: the benches of `themis.evaluation`, a command each."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from themis.cli import counterfactual
from themis.cli.bench import BenchOptions, cache_beside, run_bench
from themis.cli.judging import model_name, with_options
from themis.cli.output import check_output
from themis.errors import ConfigError, DataError
from themis.files import STREAM, write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from themis.evaluation.items import JudgedItem
    from themis.evaluation.results import NotRun, Subset
    from themis.tools import Toolbox

app = typer.Typer(help="Measure how often a judge prefers the better answer.", no_args_is_help=True)
bench_app = typer.Typer(help="Judge another bench, and write its own files of results.", no_args_is_help=True)
"""`themis bench`."""


Tests = Literal["both", "with", "without"]
"""As in `themis.evaluation.ranking`, whose import would slow down the help."""
Form = Literal["pairs", "rewardbench", "rewardbench2", "rm-bench", "judgebench"]
"""As in `themis.evaluation.bench_files`."""

_BENCH_HELP = "JSON lines, a JSON list, CSV or Parquet, with prompt, chosen and rejected, or in a published layout."
_FORM_HELP = "The layout of the rows."
_REWARDBENCH_HELP = "Rows of RewardBench 1 or 2, or pairs; or a file of scores that RewardBench or this command wrote."
_RESULTS_HELP = "The folder for RewardBench's files of results."
_NAME_HELP = "By which name the files know the judge: NAME or OWNER/NAME."
_NAME_DEFAULT = "that of the model or its folder"
_TESTS_HELP = "Judge rows with tests with them, without them, or both ways."

Folder = Annotated[Path | None, typer.Option(help="The folder of TASK/SPLIT.jsonl.", show_default="tara below THEMIS_DATA")]
Split = Annotated[str, typer.Option(help="Which file of each task: train or dev.")]


@app.command(epilog="Example: themis eval tara --data tara --split dev --out dev.json")
@with_options
def tara(
    data: Folder = None,
    split: Split = "dev",
    tasks: Annotated[str, typer.Option(help="Only these tasks, separated by commas.", show_default="all")] = "",
    tests: Annotated[Tests, typer.Option(help=_TESTS_HELP)] = "both",
    *,
    judging: BenchOptions,
) -> None:
    """Judge both answers of each TARA pair: accuracy by task, beside rules that look at length alone."""
    only = [task.strip() for task in tasks.split(",") if task.strip()] or None
    _run_tara("tara", data, split, only, judging, tests)


@app.command(epilog="Example: themis eval hh --data tara --out hh.json")
@with_options
def hh(data: Folder = None, split: Split = "dev", *, judging: BenchOptions) -> None:
    """Judge the pairs of HH*, an assistant's answers that need no tool (`hh_rlhf/SPLIT.jsonl`)."""
    _run_tara("hh", data, split, ["hh_rlhf"], judging)


@app.command("retarded-bar", epilog="Example: themis eval retarded-bar --data tara --out retarded-bar.json")
@with_options
def retarded_bar(data: Folder = None, split: Split = "dev", *, judging: BenchOptions) -> None:
    """Judge the pairs of Retarded-bar, riddles with a false premise (`retarded_bar/SPLIT.jsonl`)."""
    _run_tara("retarded-bar", data, split, ["retarded_bar"], judging)


@app.command(epilog="Example: themis eval truthfulqa --data tara --out truthfulqa.json")
@with_options
def truthfulqa(data: Folder = None, split: Split = "dev", *, judging: BenchOptions) -> None:
    """Judge each choice of TruthfulQA MC1; the one with the highest reward is taken (`truthful_qa/SPLIT.jsonl`)."""
    folder = data or _default_folder()

    def load(toolbox: "Toolbox") -> "tuple[Mapping[str, Subset], Sequence[NotRun]]":
        from themis.evaluation.truthfulqa import NAME, read_truthfulqa

        return read_truthfulqa(folder / NAME / f"{split}.jsonl"), []

    def official(judged: "Mapping[str, Sequence[JudgedItem]]") -> dict[str, float]:
        from themis.evaluation.truthfulqa import CHANCE, chance_level

        return {CHANCE: chance_level([entry.item for entries in judged.values() for entry in entries])}

    run_bench("truthfulqa", load, judging, split=split, tara=folder, official=official)


@app.command(epilog="Example: themis eval bench rewardbench.jsonl --rationale skip --out rewardbench.json")
@with_options
def bench(
    file: Annotated[Path, typer.Argument(help=_BENCH_HELP, dir_okay=False)],
    form: Annotated[Form | None, typer.Option(help=_FORM_HELP, show_default="seen from the first row")] = None,
    *,
    judging: BenchOptions,
) -> None:
    """Judge the answers of any preference file: RewardBench, RewardBench 2, RM-Bench, JudgeBench, or your own."""
    check_output(judging.out, [file])
    found: list[Form] = []

    def load(toolbox: "Toolbox") -> "tuple[Mapping[str, Subset], Sequence[NotRun]]":
        from themis.evaluation.bench_files import read_bench

        read = read_bench(file, form)
        found.append(read.form)
        return read.subsets, read.not_run

    def official(judged: "Mapping[str, Sequence[JudgedItem]]") -> dict[str, float]:
        from themis.evaluation.official import official_scores

        return official_scores(found[0], judged)

    run_bench(file.stem, load, judging, official=official)


@bench_app.callback()
def _benches() -> None:
    pass


@bench_app.command(epilog="Example: themis bench rewardbench rewardbench.jsonl --model nano --results results")
@with_options
def rewardbench(
    file: Annotated[Path, typer.Argument(help=_REWARDBENCH_HELP, dir_okay=False)],
    results: Annotated[Path, typer.Option(help=_RESULTS_HELP, file_okay=False)] = Path("results"),
    name: Annotated[str | None, typer.Option(help=_NAME_HELP, show_default=_NAME_DEFAULT)] = None,
    *,
    judging: BenchOptions,
) -> None:
    """Judge RewardBench, and write its files of results; or show the figures of such files of any model."""
    from themis.evaluation.rewardbench_files import read_results, result_files

    check_output(judging.out, [file])
    if found := read_results(file):
        _show_results(file, *found, judging.out)
        return
    name = name or model_name(judging.model)
    if not re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)?", name):
        raise ConfigError(f"--name: RewardBench's files need a name such as nano or OWNER/NAME, found '{name}'")
    forms: list[Form] = []
    judged: dict[str, Sequence[JudgedItem]] = {}

    def load(toolbox: "Toolbox") -> "tuple[Mapping[str, Subset], Sequence[NotRun]]":
        from themis.evaluation.bench_files import read_bench

        read = read_bench(file)
        if read.form not in ("pairs", "rewardbench", "rewardbench2"):
            raise DataError(f"{file} is of the form {read.form}, of which RewardBench has no files: `themis eval bench {file}` judges it")
        forms.append(read.form)
        return read.subsets, read.not_run

    def official(items: "Mapping[str, Sequence[JudgedItem]]") -> dict[str, float]:
        from themis.evaluation.official import official_scores

        judged.update(items)
        return official_scores(forms[0], items)

    cache = judging.verdicts or cache_beside(results / f"{name}.json")
    run_bench("rewardbench", load, replace(judging, verdicts=cache), official=official)
    for path, content in result_files(forms[0], name, judged).items():
        write_whole(results / path, content)
        typer.echo(f"{results / path}: written", err=True)


def _show_results(file: Path, form: Form, judged: "Mapping[str, list[JudgedItem]]", out: Path | None) -> None:
    """The table of scores that stand in a file."""
    from rich.console import Console

    from themis.evaluation.official import official_scores
    from themis.evaluation.results import About, Subset, result_of
    from themis.evaluation.tables import render

    subsets = {name: Subset(tuple(entry.item for entry in entries)) for name, entries in judged.items()}
    result = result_of(About("rewardbench", file.stem), subsets, judged, official=official_scores(form, judged))
    Console(highlight=False, stderr=out == STREAM).print(render(result))
    if out is not None:
        write_whole(out, json.dumps(result, indent=1) + "\n")


@app.command(epilog="Example: themis eval hacks --count 60 --out hacks.json")
@with_options
def hacks(
    count: Annotated[int, typer.Option(min=1, help="Pairs of each kind.")] = 40,
    pairs_seed: Annotated[int, typer.Option(help="Another seed makes other pairs.")] = 0,
    *,
    judging: BenchOptions,
) -> None:
    """Judge answers that hedge, list, deny, echo or refuse beside right ones, and right ones in unusual forms."""

    def load(toolbox: "Toolbox") -> "tuple[Mapping[str, Subset], Sequence[NotRun]]":
        from themis.evaluation.hacks import hack_subsets

        return hack_subsets(count, pairs_seed, toolbox.names)

    run_bench("hacks", load, judging)


def _run_tara(name: str, data: Path | None, split: str, only: list[str] | None, judging: BenchOptions, tests: Tests = "both") -> None:
    """Evaluate some tasks of TARA's folder. A bench of one task is averaged even if it needs no tool."""
    folder = data or _default_folder()

    def load(toolbox: "Toolbox") -> "tuple[Mapping[str, Subset], Sequence[NotRun]]":
        from themis.evaluation.ranking import tara_subsets

        subsets, not_run = tara_subsets(folder, split, toolbox.names, only, tests)
        return (subsets if name == "tara" else {task: replace(subset, averaged=True) for task, subset in subsets.items()}), not_run

    run_bench(name, load, judging, split=split, tara=folder)


def _default_folder() -> Path:
    from themis.config import data_root

    root = data_root()
    if root is None:
        raise ConfigError("give --data, the folder of TASK/SPLIT.jsonl, or set THEMIS_DATA to the folder that holds tara")
    return root / "tara"


app.command("counterfactual", epilog=counterfactual.EVAL_EXAMPLE)(counterfactual.evaluate)
