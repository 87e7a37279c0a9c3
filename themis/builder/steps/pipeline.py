"""The four steps in order, and the report of a build.

Source: Tool-Augmented Reward Modeling, arXiv:2310.01045, section 3.1.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any, Protocol, TypeAlias

from themis import __version__
from themis.builder.agents.programs import agents_by_rule
from themis.builder.card.card import Card, card_files
from themis.builder.draft import Agents, Draft, Evidence, Source, View
from themis.builder.quality.audit import audit_published
from themis.builder.quality.filters import Sifted
from themis.builder.steps import collect as step1
from themis.builder.steps.choose import Rows, choose
from themis.builder.steps.recipe import BuildRecipe
from themis.builder.steps.rows import Processes, Threads, Workers, make_rows
from themis.builder.steps.tools import INTROS, WEATHER, BuildTools, Places, opened, prepared
from themis.builder.steps.work import Work, finished, full_disk_told
from themis.builder.steps.writing import write_recordings, write_rows
from themis.builder.tasks.registry import task_named
from themis.data.published import measured_questions
from themis.errors import ConfigError
from themis.files import content_of, digest, json_lines, write_whole
from themis.tools.setup.known import known_settings
from themis.tools.setup.settings import Settings
from themis.tools.weather.importer import without_notes
from themis.traces import Step

TARA = "tara"
"""Below the root: the questions that are held out, and the published rows that the card compares with."""
EXTRA = ("datasketch", "matplotlib", "pyarrow", "sklearn")
"""What every build imports of the extra `build`."""
_OF_REPLIES = ("model", "temperature", "max_tokens", "send_seed", "extra", "repairs")
"""The endpoint settings that change its replies."""

Advance: TypeAlias = Callable[[int], None]


class Progress(Protocol):
    """Shows how far a build is; by itself, nothing."""

    def step(self, name: str, total: int) -> Advance:
        """A step begins; call the result with the number of items that are newly done."""
        return lambda count: None

    def say(self, text: str) -> None:
        """A message for once, such as the expected cost of a build."""
        return

    def note(self, text: str) -> None:
        """A message that is updated, such as the cost so far."""
        return


class Silent(Progress):
    """Shows nothing."""


@dataclass(frozen=True, slots=True)
class Built:
    """The outcome of a build."""

    report: dict[str, Any]
    """Counts by task, what was left out and why, seconds of each step: what `--json` prints."""
    is_new: bool = True
    """False if the folder already held this build."""


def build(
    recipe: BuildRecipe,
    out: Path,
    catalogue: Mapping[str, Source],
    root: Path | None,
    *,
    settings: Settings | None = None,
    overwrite: bool = False,
    at_once: int | None = None,
    command: str = "themis build tara --out DIR",
    progress: Progress | None = None,
) -> Built:
    """The data set of a recipe in the folder `out`; resumes an earlier run. `root` is the folder of the data sets.

    `command` is the command that the dataset card shows. Raises `ConfigError` and `DataError`; finished work is kept.
    """
    shown = progress or Silent()
    sources = step1.sources_of(recipe, catalogue)
    step1.check_files(sources, root)
    known_by = made_from(recipe, sources, root, settings)
    if not overwrite and (report := finished(out, known_by)) is not None:
        return Built(report, is_new=False)
    check_extra()
    clock = _Clock()
    with full_disk_told(out), without_notes(), ExitStack() as stack:
        work = stack.enter_context(Work(out, known_by, overwrite=overwrite))
        advance = shown.step("1 collecting", len(sources))
        collected = step1.collect(work, recipe, sources, root, held_out(root), lambda: advance(1))
        clock.lap("collect")
        drafts = list(step1.all_drafts(collected.drafts))
        places = prepared(work, recipe, drafts, root, settings)
        build_tools = stack.enter_context(opened(places))
        clock.lap("tools")
        workers = _workers(stack, recipe, out, build_tools, places, drafts, shown, at_once)
        by_task = {task: [draft for some in splits.values() for draft in some] for task, splits in collected.drafts.items()}
        made = make_rows(work, by_task, workers, shown.step("2 wrong answers, 3 tools", len(drafts)))
        clock.lap("agents")
        rows, sifted = choose(recipe, collected.drafts, made)
        clock.lap("filters")
        advance = shown.step("4 writing", 3)
        write_rows(out, work.folder, rows)
        advance(1)
        observations = write_recordings(out, work.folder, rows, build_tools)
        advance(1)
        for name, content in card_files(_card(recipe, command, rows, sifted, collected, root)).items():
            write_whole(out / name, content)
        advance(1)
        report = report_of(recipe, rows, sifted, collected, observations)
        clock.lap("writing")
        work.finish(report)
    return Built({**report, "seconds": clock.laps})


def check_extra() -> None:
    """Raises `ConfigError` where a library is missing that a build needs, some of them only at its end."""
    if missing := [name for name in EXTRA if find_spec(name) is None]:
        raise ConfigError(f"a build needs {', '.join(missing)}, missing here: pip install 'themis-rm[build]'")


def made_from(recipe: BuildRecipe, sources: Mapping[str, Source], root: Path | None, settings: Settings | None = None) -> dict[str, Any]:
    """What the bytes of a build depend on: version, recipe, the user's tools, and the content of all that is read."""
    read = {file for source in sources.values() for file in source.files} | {str(INTROS), str(WEATHER), TARA}
    files = {file: content_of(root / file) for file in sorted(read) if root and (root / file).exists()}
    own = {f"{place}: {Path(name).name}": content_of(Path(name)) for place, name in enumerate(sources) if Path(name).is_file()}
    told = asdict(recipe)
    if model := told["language_model"]:
        # The address and the budget may change between runs of one build, for example after a budget is spent.
        model["endpoint"] = {name: model["endpoint"][name] for name in _OF_REPLIES}
    # Keys that hold more than a value may hold paths of this machine, and the data set may be published.
    told = {name: digest(value) if isinstance(value, dict) else value for name, value in told.items()}
    tools = known_settings(settings) if settings and recipe.tools == "settings" else {}
    return {"version": __version__, **told, "own tools": tools, "files": files, "own files": own}


def held_out(root: Path | None) -> step1.Held:
    """The questions of TARA's test set, if the data are at hand."""
    if root is None or not (root / "tara").is_dir():
        return step1.Held()
    rows = (row for file in sorted((root / "tara").glob("*/dev.jsonl")) for _, row in json_lines(file))
    return step1.Held(measured_questions(root), tuple(str(row["question"]) for row in rows if "question" in row))


def report_of(recipe: BuildRecipe, rows: Rows, sifted: Sifted, collected: step1.Collected, observations: int) -> dict[str, Any]:
    """Counts by task; equal for equal builds."""
    tasks: dict[str, Any] = {}
    for task, splits in rows.items():
        used = Counter(row.draft.source for some in splits.values() for row in some)
        left = {reason: count for (of, reason), count in collected.left_out.items() if of == task}
        tasks[task] = {
            "train": len(splits["train"]),
            "test": len(splits["test"]),
            "sources": dict(sorted(used.items())),
            "left out": dict(sorted(left.items())),
            "filtered": {name: count for (name, of), count in sorted(sifted.counts.items()) if of == task},
        }
    return {
        "name": recipe.name,
        "setting": recipe.setting,
        "agents": recipe.agents,
        "seed": recipe.seed,
        "rows": {split: sum(entry[split] for entry in tasks.values()) for split in ("train", "test")},
        "observations": observations,
        "tasks": tasks,
    }


def _card(recipe: BuildRecipe, command: str, rows: Rows, sifted: Sifted, collected: step1.Collected, root: Path | None) -> Card:
    model = recipe.language_model if recipe.agents == "language_model" else None
    return Card(
        name=recipe.name,
        command=command,
        seed=recipe.seed,
        setting=recipe.setting,
        agents=model.endpoint.model if model else "by_rule",
        rows={task: {str(split): some for split, some in splits.items()} for task, splits in rows.items()},
        sources=collected.sources,
        sifted=sifted,
        left_out=collected.left_out,
        published=audit_published(root / "tara", tuple(rows)) if root and (root / "tara").is_dir() else {},
        reasons=recipe.reasons,
    )


def _workers(
    stack: ExitStack,
    recipe: BuildRecipe,
    out: Path,
    build_tools: BuildTools,
    places: Places,
    drafts: list[Draft],
    shown: Progress,
    at_once: int | None,
) -> Workers:
    """The workers for the drafts. With a language model, this first prints the estimated cost."""
    model = recipe.language_model
    if recipe.agents == "by_rule" or model is None:
        at_once = at_once or os.cpu_count() or 1
        if at_once > 1:
            return Processes(recipe, places, at_once)
        return Threads(recipe, lambda task: agents_by_rule(task_named(task)), build_tools, 1)
    from themis.builder.agents.language_model import agents_by_model, estimated
    from themis.chat import Chat

    # Beside the data set's folder, not in it: replies that were paid for outlive --overwrite and are not published.
    chat = stack.enter_context(Chat(model.endpoint, out.with_name(f"{out.name}.replies.sqlite")))
    tools = build_tools.toolbox.schemas()
    shown.say(estimated(model, chat, tools, drafts, recipe.setting == "blind").words(model.endpoint))
    stack.callback(lambda: shown.say(f"spent: {chat.total()}"))

    def of(task: str) -> Agents:
        made = agents_by_model(task, model, chat, tools)

        def rationale(view: View, steps: Sequence[Step], evidence: Evidence, rng: Random) -> str:
            text = made.rationale(view, steps, evidence, rng)
            shown.note(chat.total())
            return text

        return replace(made, rationale=rationale)

    return Threads(recipe, of, build_tools, at_once or model.endpoint.concurrency)


class _Clock:
    """Seconds of each step."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.laps[name], self._last = round(now - self._last, 1), now
