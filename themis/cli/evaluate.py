"""`themis eval`: the benches of `themis.evaluation`, a command each."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from themis.cli import counterfactual
from themis.cli.bench import BenchOptions, run_bench
from themis.cli.judging import with_options
from themis.cli.output import check_output
from themis.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from themis.evaluation.items import JudgedItem
    from themis.evaluation.results import NotRun, Subset
    from themis.tools import Toolbox

app = typer.Typer(help="Measure how often a judge prefers the better answer.", no_args_is_help=True)


Tests = Literal["both", "with", "without"]
"""As in `themis.evaluation.ranking`, whose import would slow down the help."""
Form = Literal["pairs", "rewardbench", "rewardbench2", "rm-bench", "judgebench"]
"""As in `themis.evaluation.bench_files`."""

_BENCH_HELP = "JSON lines, a JSON list, CSV or Parquet, with prompt, chosen and rejected, or in a published layout."
_FORM_HELP = "The layout of the rows."
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
        from dataclasses import replace

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
