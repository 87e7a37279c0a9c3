"""`themis build`: preference sets whose every pair is checked with tools."""

import json
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from themis.cli import counterfactual
from themis.cli.judging import JsonFlag, SettingsFile, ToolFlags
from themis.cli.output import check_output
from themis.cli.progress import BuildProgress, progress_bar
from themis.errors import ConfigError, DataError

EXAMPLE = (
    "Example: themis build tara --out rebuilt (needs THEMIS_DATA). "
    "From your own questions: themis build tara --source mine.jsonl --task calendar --out mine"
)
PARAPHRASE_EXAMPLE = "Example: themis build paraphrase runs/tara/tara/calendar/train.jsonl --count 200 --out paraphrases.jsonl"

_ROWS_HELP = "Rows in TARA's form, such as `themis build tara` writes, of the tasks calendar, weather and multi_tools."
_RECIPE_HELP = "Another recipe: a name of the package, or the path of a YAML file. `themis build FILE.yaml` is short for it."
_OVERRIDES_HELP = "Settings in place of the recipe's, e.g. seed=7 tasks.calendar.train=1000."
_SOURCE_HELP = "Your own questions or pairs instead: a file of JSON lines, CSV or Parquet, or OWNER/NAME of a Hub data set; with --task."
_TASK_HELP = "With --source: the task of the questions, such as wikisearch; it decides the tools."
_OVERWRITE_HELP = "Delete what an earlier build left in --out, and start over."
_AT_ONCE_HELP = "Rows that are built at the same time."


class Builds(TyperGroup):
    """`themis build X` for a recipe X is `themis build tara --recipe X`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands and not args[0].startswith("-") and _is_recipe(args[0]):
            args = ["tara", "--recipe", *args]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=Builds,
    help="Build preference data that tools have checked.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


app.command("counterfactual", epilog=counterfactual.BUILD_EXAMPLE)(counterfactual.counterfactual)


@app.command("tara", epilog=EXAMPLE)
def tara(
    out: Annotated[Path, typer.Option(help="The folder of the data set.", file_okay=False)],
    overrides: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help=_OVERRIDES_HELP)] = None,
    recipe: Annotated[str, typer.Option(help=_RECIPE_HELP)] = "tara",
    source: Annotated[str | None, typer.Option(help=_SOURCE_HELP, show_default=False)] = None,
    task: Annotated[str | None, typer.Option(help=_TASK_HELP, show_default=False)] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help=_OVERWRITE_HELP)] = False,
    at_once: Annotated[
        int | None, typer.Option(min=1, help=_AT_ONCE_HELP, show_default="one a core; with an endpoint, as the recipe has it")
    ] = None,
    json_output: JsonFlag = False,
    settings: SettingsFile = None,
    tool: ToolFlags = None,
) -> None:
    """Build a preference set in four steps: pairs, wrong answers, tool calls and rationales, filters.

    An interrupted build resumes with the same command, and ends with the same bytes.
    """
    from themis.builder.steps.pipeline import build
    from themis.builder.steps.recipe import of_own_source, read_build_recipe
    from themis.builder.tasks.registry import all_sources
    from themis.config import data_root
    from themis.tools.setup.settings import read_settings

    if (source is None) != (task is None):
        raise ConfigError("--source and --task belong together: give a file of your own, and the task of its questions")
    chosen = read_build_recipe(recipe, overrides or [])
    if source is not None and task is not None:
        chosen = of_own_source(chosen, source, task)
    if settings is not None or tool:
        chosen = replace(chosen, tools="settings")
    found = read_settings(settings, tool or ()) if chosen.tools == "settings" else None
    with progress_bar(transient=False, rate=True) as bar:
        built = build(
            chosen,
            out,
            all_sources(),
            data_root(),
            settings=found,
            overwrite=overwrite,
            at_once=at_once,
            command=" ".join(["themis build", Path(recipe).name, *(overrides or []), *_own(source, task), "--out DIR"]),
            progress=BuildProgress(bar),
        )
    typer.echo(
        json.dumps({**built.report, "out": str(out)}, ensure_ascii=False) if json_output else outcome(built.report, out, built.is_new)
    )


@app.command("paraphrase", epilog=PARAPHRASE_EXAMPLE)
def paraphrase(
    files: Annotated[list[Path], typer.Argument(help=_ROWS_HELP, exists=True, dir_okay=False)],
    out: Annotated[Path, typer.Option(help="The JSON lines of the rows.", dir_okay=False)],
    model: Annotated[str, typer.Option(help="A chat model: of `themis models list`, a directory, or a Hub repository.")] = "smollm2-135m",
    count: Annotated[int, typer.Option(min=1, help="Rows to make.")] = 200,
    seed: Annotated[int, typer.Option(help="Another seed draws other rows and other words.")] = 0,
) -> None:
    """Put the questions of rows in other words, for training.

    Kept is what has the numbers, names and units of the question, and from which the task's program reads the row's
    own calls. So tools have checked each answer.
    """
    from themis.builder.paraphrase import READ_FROM_QUESTIONS, Paraphrased, paraphrased
    from themis.config import data_root
    from themis.data.published import measured_questions
    from themis.model.rewording import Rewording
    from themis.traces.tara import question_hash, read_tara, write_tara

    check_output(out, [*files])
    root = data_root()
    held_out = measured_questions(root) if root else frozenset[str]()
    pairs = [pair for file in files for pair in read_tara(file).pairs if pair.task in READ_FROM_QUESTIONS]
    if not pairs:
        raise DataError(f"no row is of the tasks {', '.join(READ_FROM_QUESTIONS)}, whose calls can be read from a question")
    pairs = [pair for pair in pairs if question_hash(pair.question) not in held_out]
    Random(seed).shuffle(pairs)
    report = Paraphrased()
    with progress_bar() as bar:
        task = bar.add_task("paraphrases", total=count)
        rows = []
        for row in paraphrased(pairs, Rewording(model, seed), count, report):
            rows.append(row)
            bar.update(task, completed=len(rows))
    if not rows:
        raise ConfigError(f"no paraphrase was kept ({_reasons(report.dropped)}); try a larger --model")
    write_tara(rows, out)
    typer.echo(f"{len(rows)} rows in {out}; dropped: {_reasons(report.dropped) or 'none'}", err=True)


def outcome(report: dict[str, Any], out: Path, is_new: bool) -> str:
    """The rows of a build, by task, and what to do with them."""
    counts = " and ".join(f"{count:,} {split}" for split, count in report["rows"].items())
    lines = [f"{out}: {'built' if is_new else 'was built already'}, {counts} rows, every answer checked with tools"]
    width = max(map(len, report["tasks"]), default=0)
    for task, entry in report["tasks"].items():
        lost = {**entry["left out"], **entry["filtered"]}
        why = ", ".join(f"{reason} {count:,}" for reason, count in sorted(lost.items(), key=lambda item: -item[1]) if count)
        lines.append(f"  {task:{width}}  {entry['train']:>6,} {entry['test']:>6,}  {why}".rstrip())
    lines.append(f"train on it: themis train nano data.built={out}; judge it offline: themis score --store {out / 'recordings.sqlite'}")
    return "\n".join(lines)


def _own(source: str | None, task: str | None) -> list[str]:
    return [f"--source {Path(source).name if Path(source).exists() else source} --task {task}"] if source else []


def _is_recipe(name: str) -> bool:
    from themis.config import recipe_names

    return name.endswith((".yaml", ".yml")) or name in recipe_names("build")


def _reasons(dropped: dict[str, int]) -> str:
    return ", ".join(f"{reason}: {count}" for reason, count in sorted(dropped.items(), key=lambda item: -item[1]))
