"""Step 1: drafts from the sources, enough for the agents to choose from, split into training and test.

Only this step drops questions that are held out or in a dev file, whatever their source. It also drops training
drafts whose question is nearly a test question. A digest of the seed and the draft's id decides which drafts are
taken, and nothing else does.

Knows nothing of agents and tools.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from themis.builder.draft import Draft, Source
from themis.builder.reserved import reserved
from themis.builder.steps.drafts import draft_from_json, draft_to_json
from themis.builder.steps.recipe import BuildRecipe, Split, TaskRecipe, is_users
from themis.builder.steps.work import Work
from themis.errors import ConfigError, DataError
from themis.traces.tara import question_hash

MOST = 20_000
"""Drafts that a file is asked for, of which some are chosen by chance; a rule is asked for no more than needed."""
HELD_OUT, RESERVED = "the question is held out", "kept for the counterfactual pairs"
SPARE = 1.3
"""Drafts asked of a rule for each one needed, because some are repeated and some are held out."""

Chosen = dict[str, dict[Split, list[Draft]]]
"""By task and split."""


@dataclass(frozen=True, slots=True)
class Held:
    """What may not be trained on."""

    hashes: frozenset[str] = frozenset()
    """Hashes of questions that are dropped, from every source and in every split."""
    questions: tuple[str, ...] = ()
    """Published test questions in words; training drops questions that are nearly the same."""


@dataclass(slots=True)
class Collected:
    """The drafts of a build, and what was left out."""

    drafts: Chosen
    sources: dict[str, Source]
    left_out: Counter[tuple[str, str]]
    """By task and reason."""


def sources_of(recipe: BuildRecipe, catalogue: Mapping[str, Source]) -> dict[str, Source]:
    """The sources that the recipe names, including the user's own; raises `ConfigError`."""
    found: dict[str, Source] = {}
    for task, settings in recipe.tasks.items():
        for name in settings.sources:
            if is_users(name, catalogue):
                from themis.builder.user import user_source

                source = user_source(name, task)
            else:
                source = catalogue[name]
            if source.task != task:
                raise ConfigError(f"the source '{name}' is one of the task {source.task}, and the recipe asks it for {task}")
            if name in found:
                raise ConfigError(f"the recipe names the source '{name}' twice")
            found[name] = source
    return found


def check_files(sources: Mapping[str, Source], root: Path | None) -> None:
    """Whether the files of all sources exist; raises `DataError` that names the missing ones."""
    if root is None and any(source.files for source in sources.values()):
        raise DataError("the sources' files are missing: set THEMIS_DATA to the folder of the data sets")
    missing = [
        f"{name} needs {root / file}" for name, source in sources.items() for file in source.files if root and not (root / file).exists()
    ]
    if missing:
        raise DataError(f"a source's file is missing: {'; '.join(missing[:4])}{' and others' if len(missing) > 4 else ''}")


def collect(
    work: Work, recipe: BuildRecipe, sources: dict[str, Source], root: Path | None, held: Held, advance: Callable[[], None] = lambda: None
) -> Collected:
    """The drafts of every task; calls `advance` after each source. Raises `DataError` if there are too few."""
    left_out: Counter[tuple[str, str]] = Counter()
    chosen: Chosen = {}
    read: dict[str, list[Draft]] = {}
    for task, settings in recipe.tasks.items():
        for name in settings.sources:
            rows = work.once(f"sources/{_file_name(name)}.jsonl", lambda name=name: _read_source(name, sources[name], recipe, root, held))  # type: ignore[misc]
            left_out.update({(task, reason): count for reason, count in rows[0].items()})
            read[name] = [draft_from_json(row) for row in rows[1:]]
            advance()
        drafts = _without_repeats({name: read[name] for name in settings.sources}, task, left_out)
        _refuse_too_few(task, settings, drafts)
        chosen[task] = _parted(_share_out(drafts, settings, recipe), settings, recipe)
    _drop_near_test(work, chosen, held, left_out)
    for task, settings in recipe.tasks.items():
        _refuse_too_few_of(task, settings, chosen[task])
    return Collected(chosen, sources, +left_out)


def order(seed: int, name: str) -> str:
    """The place of something in a shuffle that depends on the seed and its name alone."""
    return hashlib.sha256(f"{seed}/{name}".encode()).hexdigest()


def wanted(settings: TaskRecipe, recipe: BuildRecipe) -> int | None:
    """How many drafts of a task go through the agents; None means all."""
    return None if settings.rows is None else math.ceil(settings.rows * (settings.surplus or recipe.surplus))


def _read_source(name: str, source: Source, recipe: BuildRecipe, root: Path | None, held: Held) -> list[object]:
    settings = recipe.tasks[source.task]
    needed = wanted(settings, recipe)
    by_rule = not source.files and name in settings.sources and needed is not None and "/" not in name and "." not in name
    most = math.ceil((needed or 0) * SPARE) if by_rule else max(MOST, needed or 0)
    kept: list[object] = []
    left_out = dict.fromkeys((HELD_OUT, RESERVED), 0)
    ids: set[str] = set()
    for draft in source.read(root or Path(), recipe.seed, most):
        if draft.task != source.task or draft.id in ids:
            wrong = f"the id {draft.id} twice" if draft.id in ids else f"a draft of the task {draft.task}"
            raise DataError(f"the source '{name}' of the task {source.task} gave {wrong}")
        ids.add(draft.id)
        if question_hash(draft.question) in held.hashes:
            left_out[HELD_OUT] += 1
        elif reserved(draft, source):
            left_out[RESERVED] += 1
        else:
            kept.append(draft_to_json(draft))
        if len(ids) >= most:
            break
    return [left_out, *kept]


def _file_name(source: str) -> str:
    return source if source.replace("_", "").replace("-", "").isalnum() else hashlib.sha256(source.encode()).hexdigest()[:16]


def _without_repeats(drafts: dict[str, list[Draft]], task: str, left_out: Counter[tuple[str, str]]) -> dict[str, list[Draft]]:
    """The first of equal drafts; one question may have several pairs of answers, or of programs."""
    seen: set[tuple[object, ...]] = set()
    kept: dict[str, list[Draft]] = {}
    for name, some in drafts.items():
        kept[name] = []
        for draft in some:
            key = (question_hash(draft.question), draft.context, draft.chosen, draft.rejected)
            if key in seen:
                left_out[task, "the pair was there already"] += 1
            else:
                seen.add(key)
                kept[name].append(draft)
    return kept


def _share_out(drafts: dict[str, list[Draft]], settings: TaskRecipe, recipe: BuildRecipe) -> list[Draft]:
    """Each source's share; what one source lacks, the others give."""
    needed = wanted(settings, recipe)
    shuffled = {name: sorted(some, key=lambda draft: order(recipe.seed, draft.id)) for name, some in drafts.items()}
    if needed is None:
        return [draft for some in shuffled.values() for draft in some]
    quota = dict.fromkeys(shuffled, 0)
    open_to = [name for name in shuffled if shuffled[name]]
    while open_to and (rest := needed - sum(quota.values())) > 0:
        weights = sum(settings.sources[name] for name in open_to)
        for name in open_to:
            more = max(1, round(rest * settings.sources[name] / weights))
            quota[name] = min(len(shuffled[name]), quota[name] + min(more, needed - sum(quota.values())))
        open_to = [name for name in open_to if quota[name] < len(shuffled[name])]
    return [draft for name, some in shuffled.items() for draft in some[: quota[name]]]


def _parted(drafts: list[Draft], settings: TaskRecipe, recipe: BuildRecipe) -> dict[Split, list[Draft]]:
    """Whole groups go to the test split until it has its share; the rest go to training."""
    groups: dict[str, list[Draft]] = {}
    for draft in drafts:
        groups.setdefault(draft.group or question_hash(draft.question), []).append(draft)
    share = recipe.test_share if settings.rows is None else (settings.test or 0) / max(1, settings.rows)
    parted: dict[Split, list[Draft]] = {"test": [], "train": []}
    for name in sorted(groups, key=lambda name: order(recipe.seed, f"group/{name}")):
        split: Split = "test" if len(parted["test"]) < share * len(drafts) else "train"
        parted[split] += groups[name]
    return {split: sorted(some, key=lambda draft: order(recipe.seed, draft.id)) for split, some in parted.items()}


def _drop_near_test(work: Work, chosen: Chosen, held: Held, left_out: Counter[tuple[str, str]]) -> None:
    from themis.builder.quality.duplicates import near_duplicates

    tested = [*held.questions, *(draft.question for splits in chosen.values() for draft in splits["test"])]
    trained = [draft for splits in chosen.values() for draft in splits["train"]]
    near = work.once("near.jsonl", lambda: sorted(near_duplicates([draft.question for draft in trained], tested)))
    dropped = {trained[place].id for place in near}
    for task, splits in chosen.items():
        kept = [draft for draft in splits["train"] if draft.id not in dropped]
        left_out[task, "the question is nearly one of the test"] += len(splits["train"]) - len(kept)
        splits["train"] = kept


def _refuse_too_few(task: str, settings: TaskRecipe, drafts: dict[str, list[Draft]]) -> None:
    there = sum(map(len, drafts.values()))
    if there < (settings.rows or 1):
        held = ", ".join(f"{name} {len(some):,}" for name, some in drafts.items())
        raise DataError(f"the recipe asks for {settings.rows or 1:,} rows of {task}, and its sources hold {there:,} questions ({held})")


def _refuse_too_few_of(task: str, settings: TaskRecipe, splits: Mapping[Split, list[Draft]]) -> None:
    asked: dict[Split, int] = {"train": settings.train or 0, "test": settings.test or 0}
    for split, count in asked.items():
        if len(splits[split]) < count:
            left = f"{len(splits[split]):,} questions that are not nearly one of the test"
            fix = f"lower tasks.{task}.{split}, or raise surplus"
            raise DataError(f"the recipe asks for {count:,} {split} rows of {task}, and its sources hold {left}: {fix}")


def all_drafts(chosen: Chosen) -> Iterator[Draft]:
    """The drafts of every task and split."""
    for splits in chosen.values():
        for drafts in splits.values():
            yield from drafts
