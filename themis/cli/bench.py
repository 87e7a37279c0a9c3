"""What all benches of `themis eval` have in common: their options, and a run from the files to the table.

An evaluation keeps its verdicts beside its result, so one that was killed goes on.
"""

import functools
import hashlib
import inspect
import json
import typing
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from themis.cli.judging import (
    BatchSize,
    CallTokens,
    ModelOption,
    Near,
    NewTokens,
    RationaleOption,
    RationaleTokens,
    Seconds,
    SettingsFile,
    Store,
    ToolCalls,
    ToolFlags,
    ToolsMode,
    Unsafe,
    Without,
    budget_of,
    import_libraries,
    lines_by_task,
    make_judge,
    open_toolbox,
    progress_bar,
)
from themis.errors import ConfigError, DataError
from themis.files import whole_file

if TYPE_CHECKING:
    from themis.evaluation.items import JudgeAll, JudgedItem
    from themis.evaluation.results import NotRun, Result, Subset
    from themis.tools import Toolbox

_AGAINST_HELP = "Judge with this model, too, and give the paired difference; the vanilla reward model, say."
_VERDICTS_HELP = "Keep every verdict in this file; cases that have one there are not judged again."
_VERDICTS_DEFAULT = "beside --json, else none are kept"
_SAMPLES_HELP = "Judge each answer over so many traces with drawn tokens, and take the mean reward."
_KEEP_HELP = "Write the fitted temperature to the themis.json of the model."

Verdicts = Annotated[Path | None, typer.Option(help=_VERDICTS_HELP, dir_okay=False, show_default=_VERDICTS_DEFAULT)]


@dataclass(frozen=True, slots=True)
class JudgingOptions:
    """Options that every bench takes; `with_judging_options` makes them flags of a command."""

    model: ModelOption = "nano"
    against: Annotated[str | None, typer.Option(help=_AGAINST_HELP)] = None
    json_file: Annotated[Path | None, typer.Option("--json", "--out", help="Write the result as JSON to this file.", dir_okay=False)] = None
    verdicts: Verdicts = None
    rationale: RationaleOption = "write"
    samples: Annotated[int, typer.Option(min=1, help=_SAMPLES_HELP)] = 1
    temperature: Annotated[float, typer.Option(min=0.01, help="Of the drawn tokens, with --samples.")] = 0.7
    seed: Annotated[int, typer.Option(help="Of the drawn tokens, with --samples.")] = 0
    keep_temperature: Annotated[bool, typer.Option("--keep-temperature", help=_KEEP_HELP)] = False
    batch_size: BatchSize = 16
    tools_mode: ToolsMode = None
    store: Store = None
    near: Near = False
    settings: SettingsFile = None
    tool: ToolFlags = None
    without: Without = None
    unsafe: Unsafe = False
    tool_calls: ToolCalls = None
    call_tokens: CallTokens = None
    rationale_tokens: RationaleTokens = None
    new_tokens: NewTokens = None
    seconds: Seconds = None


def with_judging_options(command: Callable[..., None]) -> Callable[..., None]:
    """A command that takes a `judging: JudgingOptions`, as one that takes a flag for each of its fields."""
    hints = typing.get_type_hints(JudgingOptions, include_extras=True)
    own = [parameter for name, parameter in inspect.signature(command).parameters.items() if name != "judging"]
    own_hints = {name: hint for name, hint in typing.get_type_hints(command, include_extras=True).items() if name != "judging"}
    own = [parameter.replace(annotation=own_hints[parameter.name], kind=parameter.KEYWORD_ONLY) for parameter in own]
    flags = [
        inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=_default(field), annotation=hints[field.name])
        for field in fields(JudgingOptions)
    ]

    @functools.wraps(command)
    def with_flags(**values: Any) -> None:
        judging = JudgingOptions(**{field.name: values.pop(field.name) for field in fields(JudgingOptions)})
        command(**values, judging=judging)

    with_flags.__signature__ = inspect.Signature([*own, *flags])  # type: ignore[attr-defined]
    with_flags.__annotations__ = {**own_hints, **{field.name: hints[field.name] for field in fields(JudgingOptions)}}
    return with_flags


Official = Callable[[Mapping[str, Sequence["JudgedItem"]]], dict[str, float]]
Load = Callable[["Toolbox"], "tuple[Mapping[str, Subset], Sequence[NotRun]]"]
"""Reads the files of a bench: its subsets, and what is not run with these tools."""


def run_bench(
    bench: str, load: Load, options: JudgingOptions, *, split: str = "", tara: Path | None = None, official: Official | None = None
) -> None:
    """Read a bench, judge it, print its table and write its result."""
    from rich.console import Console

    from themis.evaluation.tables import render

    check_files(options.json_file, options.verdicts)
    toolbox_of_run = open_toolbox(
        options.tools_mode,
        options.store,
        tara=tara,
        settings=options.settings,
        flags=options.tool,
        near=options.near,
        unsafe=options.unsafe,
        without=options.without,
    )
    with toolbox_of_run as toolbox:
        subsets, not_run = load(toolbox)
        result = judge_bench(bench, split, subsets, not_run, toolbox, options, official)
    Console(highlight=False).print(render(result))
    if options.json_file is not None:
        write_whole(options.json_file, json.dumps(result, indent=1) + "\n")
    if options.keep_temperature:
        typer.echo(keep_temperature(options.model, result), err=True)


def judge_bench(
    bench: str,
    split: str,
    subsets: "Mapping[str, Subset]",
    not_run: "Sequence[NotRun]",
    toolbox: "Toolbox",
    options: JudgingOptions,
    official: Official | None,
) -> "Result":
    """The figures of a bench: the judge's, and those of the model it is held against."""
    from themis.evaluation.results import About, result_of

    verdicts = options.verdicts or beside(options.json_file)
    budget = budget_of(options.tool_calls, options.call_tokens, options.rationale_tokens, options.new_tokens, options.seconds)
    settings = _settings(options, toolbox) | {"budget": asdict(budget)}
    rival = None
    with ExitStack() as stack:
        judge = make_judge(options.model, toolbox, options.rationale, options.batch_size, budget)
        draws: list[JudgeAll] = [judge.judge_all]
        if options.samples > 1:
            draws = [judge.sampled(options.temperature, f"{options.seed}/{draw}").judge_all for draw in range(options.samples)]
        judged = _judged(subsets, draws, stack, verdicts, {"model": options.model, **settings})
        del judge, draws
        if options.against is not None:
            other = make_judge(options.against, toolbox, options.rationale, options.batch_size, budget)
            others = verdicts.with_suffix(f".against{verdicts.suffix}") if verdicts else None
            greedy = settings | {"samples": 1, "temperature": None, "seed": None}
            rival = _judged(subsets, [other.judge_all], stack, others, {"model": options.against, **greedy})
    about = About(
        bench,
        options.model,
        split,
        against=options.against,
        settings=settings,
        kept_temperature=_kept_temperature(options.model),
        verdicts=str(verdicts) if verdicts else None,
        not_run=tuple(not_run),
    )
    return result_of(about, subsets, judged, rival, official(judged) if official else None)


def keep_temperature(model: str, result: "Result") -> str:
    """Write the temperature fitted on all items of a result to the model's `themis.json`; says so in a sentence."""
    import_libraries()
    from themis.evaluation.calibration import COLDEST, HOTTEST
    from themis.model.checkpoint import META_FILE, resolve

    found = result["calibration"]
    if found is None or found["after"] is None:
        raise DataError("there are not enough rewards to fit a temperature on: themis.json is left as it was")
    if not COLDEST * 1.01 < found["after"]["temperature"] < HOTTEST * 0.99:
        raise DataError("no temperature fits a judge that never errs, or is right by chance at most: themis.json is left as it was")
    file = resolve(model) / META_FILE
    meta = json.loads(file.read_text(encoding="utf-8")) | {"temperature": round(found["after"]["temperature"], 6)}
    write_whole(file, json.dumps(meta, indent=2) + "\n")
    return f"{file}: keeps temperature {meta['temperature']}"


def _judged(
    subsets: "Mapping[str, Subset]", draws: "Sequence[JudgeAll]", stack: ExitStack, verdicts: Path | None, judge: Mapping[str, Any]
) -> "dict[str, list[JudgedItem]]":
    from themis.evaluation.items import judge_items
    from themis.evaluation.verdict_cache import KeptVerdicts

    if verdicts is not None:
        kept = stack.enter_context(KeptVerdicts(verdicts, {**judge, "weights": weights_of(str(judge["model"]))}))
        draws = [kept.judge_all(judge_all, draw) for draw, judge_all in enumerate(draws)]
    with progress_bar() as bar:
        progress = lines_by_task(bar)
        return {name: judge_items(name, subset.items, draws, progress) for name, subset in subsets.items()}


def weights_of(model: str) -> str:
    """A hash by which weights are known again: of the small files of weights whole, of the large ones name and size."""
    from themis.model.checkpoint import resolve

    digest = hashlib.sha256()
    for file in sorted(resolve(model).glob("*.safetensors")):
        size = file.stat().st_size
        digest.update(f"{file.name} {size} ".encode())
        if size < 1_000_000:
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _kept_temperature(model: str) -> float:
    from themis.model.checkpoint import load_meta, resolve

    return load_meta(resolve(model)).temperature


def _settings(options: JudgingOptions, toolbox: "Toolbox") -> dict[str, Any]:
    """What besides the model decides over verdicts."""
    drawn = options.samples > 1
    return {
        "rationale": options.rationale,
        "samples": options.samples,
        "temperature": options.temperature if drawn else None,
        "seed": options.seed if drawn else None,
        "tools": sorted(toolbox.names),
        "near": options.near,
        **({"without": list(toolbox.switched_off)} if toolbox.switched_off else {}),
    }


def beside(json_file: Path | None) -> Path | None:
    """Where the verdicts of a result are kept."""
    return json_file.with_suffix(".verdicts.jsonl") if json_file else None


def check_files(json_file: Path | None, verdicts: Path | None) -> None:
    """Can both be written? To be asked before an hour of judging, not after."""
    for path in (json_file, verdicts):
        if path is not None:
            try:
                path.open("a").close()
            except OSError as error:
                raise DataError(f"{path} cannot be written: {error.strerror or error}") from error
    if json_file is not None and json_file == verdicts:
        raise ConfigError(f"--json and --verdicts are the same file, {json_file}: give two")


def write_whole(path: Path, text: str) -> None:
    """A reader finds the file as it was or as it will be."""
    try:
        with whole_file(path) as file:
            file.write(text.encode("utf-8"))
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}") from error


def _default(field: Any) -> Any:
    return inspect.Parameter.empty if field.default is MISSING else field.default
