"""The options that all benches of `themis eval` share, and a run from the files to the table.

An evaluation has a verdict cache beside its result, so it resumes if interrupted.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from themis.cli.judging import JudgeOptions, import_libraries
from themis.cli.output import check_output
from themis.cli.progress import lines_by_task, progress_bar
from themis.errors import ConfigError, DataError
from themis.files import STREAM, check_regular, write_whole

if TYPE_CHECKING:
    from themis.evaluation.items import JudgedItem
    from themis.evaluation.results import NotRun, Result, Subset
    from themis.evaluation.verdict_cache import VerdictCache
    from themis.tools import Toolbox
    from themis.traces import Judge

_OUT_HELP = "Write the result as JSON to this file, or to standard output (-)."
_AGAINST_HELP = "Judge with this model, too, and give the paired difference to it."
_VERDICTS_HELP = "The verdict cache: a case with a verdict in this file is not judged again."
_VERDICTS_DEFAULT = "beside --out, else no cache"
_LIMIT_HELP = "Judge only the first items of each task or subset; the result and its table say so."
_SAMPLES_HELP = "Sample this many traces of each answer, and take the mean reward."
_TEMPERATURE_HELP = "With --samples: the temperature of the sampled tokens."
_SEED_HELP = "With --samples: the seed of the sampled tokens."
_SAVE_HELP = "Write to the model's themis.json what these items fit: the temperature, and what is unfamiliar."

Out = Annotated[Path | None, typer.Option(help=_OUT_HELP, dir_okay=False)]
Verdicts = Annotated[Path | None, typer.Option(help=_VERDICTS_HELP, dir_okay=False, show_default=_VERDICTS_DEFAULT)]
Limit = Annotated[int | None, typer.Option(min=1, help=_LIMIT_HELP, show_default="all")]


@dataclass(frozen=True)
class BenchOptions(JudgeOptions):
    """What every bench takes."""

    against: Annotated[str | None, typer.Option(help=_AGAINST_HELP)] = None
    out: Out = None
    verdicts: Verdicts = None
    limit: Limit = None
    samples: Annotated[int, typer.Option(min=1, help=_SAMPLES_HELP)] = 1
    temperature: Annotated[float, typer.Option(min=0.01, help=_TEMPERATURE_HELP)] = 0.7
    seed: Annotated[int, typer.Option(help=_SEED_HELP)] = 0
    save_temperature: Annotated[bool, typer.Option("--save-temperature", help=_SAVE_HELP)] = False

    @property
    def models(self) -> tuple[str, ...]:
        """Also the one that is compared with."""
        return (self.model, *([self.against] if self.against else []))

    def check(self) -> None:
        """Also of options that do not fit together."""
        super().check()
        if self.samples > 1:
            self.check_here("sample its traces (--samples)")
        if self.save_temperature:
            from themis.model.named import is_prompted

            self.check_here("write the temperature of its judge (--save-temperature)")
            if is_prompted(self.model):
                raise ConfigError(f"--save-temperature: {self.model} states probabilities, so it has no temperature: leave it out")
        if self.limit and self.save_temperature:
            raise ConfigError("--save-temperature fits all items of a bench: leave out --limit")


Official = Callable[[Mapping[str, Sequence["JudgedItem"]]], dict[str, float]]
Load = Callable[["Toolbox"], "tuple[Mapping[str, Subset], Sequence[NotRun]]"]
"""Reads the files of a bench: its subsets, and the tasks that are not run with these tools."""


def run_bench(
    bench: str, load: Load, options: BenchOptions, *, split: str = "", tara: Path | None = None, official: Official | None = None
) -> None:
    """Read a bench, judge it, print its table and write its result."""
    from rich.console import Console

    from themis.evaluation.tables import render

    check_files(options.out, options.verdicts, [options.store, options.settings], ("bench", "tasks", "items"))
    options.check()
    with options.toolbox(tara) as toolbox:
        subsets, not_run = load(toolbox)
        subsets = {name: replace(subset, items=subset.items[: options.limit]) for name, subset in subsets.items()}
        result = judge_bench(bench, split, subsets, not_run, toolbox, options, official)
    Console(highlight=False, stderr=options.out == STREAM).print(render(result))
    if options.out is not None:
        write_whole(options.out, json.dumps(result, indent=1) + "\n")
    if options.save_temperature:
        typer.echo(save_temperature(options.model, result), err=True)


def judge_bench(
    bench: str,
    split: str,
    subsets: "Mapping[str, Subset]",
    not_run: "Sequence[NotRun]",
    toolbox: "Toolbox",
    options: BenchOptions,
    official: Official | None,
) -> "Result":
    """The figures of a bench, for the judge and for the model it is compared with."""
    from themis.evaluation.results import About, result_of

    import_libraries()
    verdicts = options.verdicts or cache_beside(options.out)
    sampled = options.samples > 1
    drawn = {"temperature": options.temperature, "seed": options.seed} if sampled else {"temperature": None, "seed": None}
    settings = {**options.known_by(toolbox), "samples": options.samples, **drawn}
    rival = None
    with ExitStack() as stack:
        cache = _cache(verdicts, settings, stack)
        judge = options.judge(toolbox)
        draws: list[Judge] = [judge]
        if sampled:
            draws = [judge.sampled(options.temperature, f"{options.seed}/{draw}") for draw in range(options.samples)]
        judged = _judged(subsets, draws, cache)
        del judge, draws
        if options.against is not None:
            others = verdicts.with_suffix(f".against{verdicts.suffix}") if verdicts else None
            greedy = {"samples": 1, "temperature": None, "seed": None}
            cache = _cache(others, {**options.known_by(toolbox, options.against), **greedy}, stack)
            rival = _judged(subsets, [options.judge(toolbox, options.against)], cache)
    about = About(
        bench,
        options.model,
        split,
        against=options.against,
        settings=settings | ({"limit": options.limit} if options.limit else {}),
        stored_temperature=_stored_temperature(options.model),
        verdicts=str(verdicts) if verdicts else None,
        not_run=tuple(not_run),
    )
    return result_of(about, subsets, judged, rival, official(judged) if official else None)


def save_temperature(model: str, result: "Result") -> str:
    """Write the temperature fitted on all items of a result, and the threshold of `unfamiliar`, to `themis.json`."""
    import_libraries()
    from themis.evaluation.calibration import COLDEST, HOTTEST
    from themis.model.named import META_FILE, resolve

    found = result["calibration"]
    if found is None or found["after"] is None:
        raise DataError("there are too few rewards to fit a temperature: themis.json is unchanged")
    if not COLDEST * 1.01 < found["after"]["temperature"] < HOTTEST * 0.99:
        raise DataError("no temperature fits a judge that is always right, or at chance level: themis.json is unchanged")
    file = resolve(model) / META_FILE
    meta = json.loads(file.read_text(encoding="utf-8"))
    fitted = {"temperature": round(found["after"]["temperature"], 6)}
    if result["unlikely"] is not None:  # items without calls tell nothing of it: what was fitted before stays
        fitted["unlikely"] = result["unlikely"]
    write_whole(file, json.dumps({**meta, **fitted}, indent=2) + "\n")
    return f"{file}: {', '.join(f'{name} {value}' for name, value in fitted.items())}"


def _cache(verdicts: Path | None, known_by: Mapping[str, Any], stack: ExitStack) -> "VerdictCache | None":
    from themis.evaluation.verdict_cache import VerdictCache

    return stack.enter_context(VerdictCache(verdicts, known_by)) if verdicts else None


def _judged(subsets: "Mapping[str, Subset]", draws: "Sequence[Judge]", cache: "VerdictCache | None") -> "dict[str, list[JudgedItem]]":
    from themis.evaluation.items import judge_items

    if cache is not None:
        draws = [cache.cached(judge, draw) for draw, judge in enumerate(draws)]
    with progress_bar() as bar:
        progress = lines_by_task(bar)
        return {name: judge_items(name, subset.items, draws, progress) for name, subset in subsets.items()}


def _stored_temperature(model: str) -> float:
    """1 for a judge behind a server, which does not tell its own, and for a chat model, which states probabilities."""
    from themis.model.checkpoint import load_meta
    from themis.model.named import is_elsewhere, resolve

    return 1.0 if is_elsewhere(model) else load_meta(resolve(model)).temperature


def cache_beside(out: Path | None) -> Path | None:
    """The verdict cache of a result."""
    return None if out is None or out == STREAM else out.with_suffix(".verdicts.jsonl")


def check_files(out: Path | None, verdicts: Path | None, inputs: Sequence[Path | None], keys: Sequence[str]) -> None:
    """Raise an error now, before an hour of judging, where a file should not be written; see `check_output`."""
    check_output(out, [*inputs, verdicts], keys)
    if cache := verdicts or cache_beside(out):
        check_regular(cache)
    if out is not None and verdicts is not None and out.absolute() == verdicts.absolute():
        raise ConfigError(f"--out and --verdicts are the same file, {out}: give two")
