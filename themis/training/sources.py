"""Where a run's pairs come from: published rows, built rows, preference files, and the streams of a curriculum."""

import difflib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Protocol

from themis import __version__
from themis.builder.pairs import pair_of
from themis.builder.tasks.calculator.generated import faulted
from themis.builder.tasks.registry import task_named
from themis.data.columns import question_key
from themis.data.mixture import Mixture, PairSource, always, one_of
from themis.data.preferences import read_preferences
from themis.data.published import Published, read_published, read_rows
from themis.errors import ConfigError, DataError
from themis.files import content_of, digest
from themis.model.checkpoint import weights_of
from themis.traces.pair import Pair
from themis.training.batches.steps import Drills
from themis.training.recipe import Data, TrainRecipe

FILES, GSM8K = "files", "gsm8k"
_FOLDERS = ("tara/", "built/")
_STREAMS = ("rules/", "free/", "prose/")
_TASK_OF = {GSM8K: "calculator"}


class Curriculum(Protocol):
    """What a run is handed beside its rows."""

    @property
    def drills(self) -> Drills: ...
    def streams(self, published: Mapping[str, Sequence[Pair]], built: Mapping[str, Sequence[Pair]]) -> Mapping[str, PairSource]:
        """Infinite sources by name, of the published rows and of the built ones, by task."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """What a run learns from and what it is measured on."""

    mixture: Mixture
    """Weighted, for a run in steps; of a run in epochs, its alterations."""
    rows: tuple[PairSource, ...]
    """Every row once, for a run in epochs."""
    held: tuple[Pair, ...]
    """Never trained on; the best checkpoint is chosen by them."""


@dataclass(frozen=True, slots=True)
class _Read:
    """The rows of all kinds, and the streams made from them."""

    published: Published
    built: Published
    tests: Mapping[str, Sequence[Pair]]
    """Test rows of the built data set, by task."""
    brought: Sequence[Pair]
    streams: Mapping[str, PairSource]

    def sources(self) -> dict[str, PairSource]:
        sources: dict[str, PairSource] = dict(self.streams)
        for task, pairs in self.published.pairs.items():
            if task == "calculator":
                # The published wrong answers' observations knew the reference answer, which no judge does;
                # so only the right answers are taken, each beside a fault that arithmetic can find.
                sources["tara/calculator"] = _one_faulted([(pair.question, pair.chosen.answer) for pair in pairs])
            elif pairs:
                sources[f"tara/{task}"] = one_of(pairs)
        if self.published.gsm8k:
            sources[GSM8K] = _one_faulted(self.published.gsm8k)
        sources |= {f"built/{task}": one_of(pairs) for task, pairs in self.built.pairs.items() if pairs}
        return sources | ({FILES: one_of(self.brought)} if self.brought else {})

    def rows(self, name: str) -> list[tuple[str, PairSource]]:
        """The rows of a source, each with the hash of its question and as a source of its own."""
        folder, _, task = name.partition("/")
        if name in (GSM8K, "tara/calculator"):
            known = self.published.gsm8k if name == GSM8K else [(pair.question, pair.chosen.answer) for pair in self.published.pairs[task]]
            return [(question_key(question), _faulted(question, answer)) for question, answer in known]
        pairs = self.brought if name == FILES else (self.published if folder == "tara" else self.built).pairs[task]
        return [(question_key(pair.question), always(pair)) for pair in pairs]


def gather(
    recipe: TrainRecipe, root: Path | None, curriculum: Curriculum | None, built: Path | None, notice: Callable[[str], None]
) -> Pairs:
    """Read what the recipe names, below `root` and in the data set `built`.

    A source whose files are missing is left out with a notice; a name that no source could have is an error.
    """
    data = recipe.data
    read, left_out = _read(data, root, curriculum, built)
    sources = read.sources()
    weights = _of_tasks(data.tasks, _available(data.mixture or {FILES: 1.0}, set(sources), notice))
    for reason, count in (read.published.left_out + read.built.left_out + left_out).items():
        notice(f"left out: {reason}: {count}")
    forged = data.forged_share if recipe.kind == "themis" else 0.0
    mixture = Mixture(sources, weights, forged, data.dropped_observations, recipe.curriculum.swapped_rationales)
    seed, measured = f"{recipe.run.seed}/held", recipe.logging.measured_pairs
    endless = [name for name in weights if name in read.streams]
    tested = [pair for task, pairs in read.tests.items() if f"built/{task}" in weights for pair in pairs]
    if not recipe.run.epochs and (tested or any(name.startswith(_STREAMS) for name in weights)):
        return Pairs(mixture, (), tuple(_drawn(seed, measured, mixture, read.tests)))
    if recipe.run.epochs and endless:
        finite = "tara/TASK, built/TASK, gsm8k and files"
        raise ConfigError(f"run.epochs: {', '.join(endless)}: an infinite stream has no epochs; give run.steps, or a mixture of {finite}")
    held = tested or _held_out(seed, measured, [name for name in sorted(weights) if name not in endless], read)
    if not held and not recipe.run.epochs:
        notice("measures on pairs that it trains on: there are too few questions to hold some out")
        return Pairs(mixture, (), tuple(_drawn(seed, measured, mixture, read.tests)))
    asked = {question_key(pair.question) for pair in held}
    kept = {name: [row for question, row in read.rows(name) if question not in asked] for name in sorted(weights) if name not in endless}
    weights = {name: weight for name, weight in weights.items() if kept.get(name, True)}
    mixture = replace(mixture, sources=sources | {name: _any_of(rows) for name, rows in kept.items()}, weights=weights)
    rows: list[PairSource] = []
    if recipe.run.epochs:
        rows = [row for question, row in _shuffled(seed, sorted(weights), read) if question not in asked]
    Random(seed).shuffle(held)
    return Pairs(mixture, tuple(rows), tuple(held[:measured]))


def content_of_run(recipe: TrainRecipe, root: Path | None, built: Path | None, start: Path | None = None) -> dict[str, str]:
    """What a run is made from beside its recipe, by content: its data, and the model that it starts from."""
    found = {"themis": __version__} | {f"data.files[{at}]": content_of(Path(file)) for at, file in enumerate(recipe.data.files)}
    if built and (built / "tara").is_dir():
        found["data.built"] = content_of(built / "tara")
    if root and set(recipe.data.mixture) - {FILES}:
        rows = [*root.glob("tara/*/train.jsonl"), *root.glob("tara/*/dev.jsonl"), *root.glob("tara/holdout.sha256"), *root.glob("gsm8k/*")]
        found["THEMIS_DATA"] = digest({str(file.relative_to(root)): content_of(file) for file in rows})
    name = start or recipe.model.name
    return found | ({"model.name": weights_of(name)} if name else {})


def _read(data: Data, root: Path | None, curriculum: Curriculum | None, folder: Path | None) -> tuple[_Read, Counter[str]]:
    published = _first(read_published(root) if root else Published(), data.limit)
    built = _first(read_rows(folder, root) if folder else Published(), data.limit)
    tests = read_rows(folder, root, "test").pairs if folder else {}
    brought, left_out = _brought(data)
    streams = curriculum.streams(published.pairs, built.pairs) if curriculum else {}
    return _Read(published, built, tests, brought, streams), left_out


def _first(rows: Published, limit: int) -> Published:
    pairs = {task: some[: limit or None] for task, some in rows.pairs.items()}
    return replace(rows, pairs=pairs, gsm8k=rows.gsm8k[: limit or None])


def _brought(data: Data) -> tuple[list[Pair], Counter[str]]:
    pairs: list[Pair] = []
    left_out: Counter[str] = Counter()
    seen: set[Pair] = set()
    for file in data.files:
        read = read_preferences(file, data.margin, seen)
        if data.margin and all(pair.chosen.score == pair.rejected.score for pair in read.pairs):
            raise DataError(f"{file}: the column 'margin' is 0 in every row, so it asks for nothing; leave out the key 'margin'")
        pairs += read.pairs[: data.limit or None]
        left_out += Counter({f"{Path(file).name}: {reason}": count for reason, count in read.left_out.items()})
    return pairs, left_out


def _available(mixture: Mapping[str, float], sources: set[str], notice: Callable[[str], None]) -> dict[str, float]:
    known = sources | {GSM8K, FILES}
    for name in mixture:
        if name not in known and not name.startswith(_FOLDERS):
            raise ConfigError(f"data.mixture: no source '{name}'; known: {', '.join(sorted(known))}, tara/TASK, built/TASK")
    missing = [name for name in mixture if name not in sources]
    if missing:
        notice(f"trains without {', '.join(missing)}: not found under THEMIS_DATA, nor in data.built and data.files")
    available = {name: weight for name, weight in mixture.items() if name in sources and weight > 0}
    if not available:
        raise ConfigError("data.mixture: none of its sources is available; set THEMIS_DATA, or name a stream such as rules/calendar")
    return available


def _of_tasks(tasks: Sequence[str], weights: dict[str, float]) -> dict[str, float]:
    if not tasks:
        return weights
    known = sorted({_task(name) for name in weights} - {FILES})
    for task in tasks:
        if task not in known:
            near = difflib.get_close_matches(task, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}"
            raise ConfigError(f"data.tasks: no source of the mixture is of task '{task}'; {hint}")
    return {name: weight for name, weight in weights.items() if _task(name) in tasks or name == FILES}


def _task(source: str) -> str:
    return _TASK_OF.get(source, source.rpartition("/")[2].partition("?")[0])


def _drawn(seed: str, count: int, mixture: Mixture, tests: Mapping[str, Sequence[Pair]]) -> list[Pair]:
    """Pairs by rule, from a random source that training does not use, and built test rows; no published rows."""
    rng = Random(seed)
    held = {f"built/{task}": one_of(pairs) for task, pairs in tests.items() if pairs}
    weights = {name: weight for name, weight in mixture.weights.items() if name in held or name.startswith(_STREAMS)}
    measured = replace(mixture, sources={**mixture.sources, **held}, weights=weights or mixture.weights, dropped_observations=0.0)
    return [measured.draw(rng)[1] for _ in range(count)]


def _shuffled(seed: str, names: Sequence[str], read: _Read) -> list[tuple[str, PairSource]]:
    """The rows of some sources in an order drawn by the seed."""
    rows = [row for name in names for row in read.rows(name)]
    Random(seed).shuffle(rows)
    return rows


def _held_out(seed: str, count: int, names: Sequence[str], read: _Read) -> list[Pair]:
    """Pairs that are measured: at most one row in ten, and of a question all rows or none."""
    rows = _shuffled(seed, names, read)
    by_question: dict[str, list[PairSource]] = {}
    for question, row in rows:
        by_question.setdefault(question, []).append(row)
    held: list[PairSource] = []
    for some in by_question.values():
        held += some if len(held) + len(some) <= min(count, len(rows) // 10) else []
    drawn = (row(Random(f"{seed}/{place}")) for place, row in enumerate(held))
    return [pair for pair in drawn if pair is not None]


def _any_of(rows: Sequence[PairSource]) -> PairSource:
    return lambda rng: rng.choice(rows)(rng)


def _one_faulted(rights: Sequence[tuple[str, str]]) -> PairSource:
    return lambda rng: _faulted(*rng.choice(rights))(rng)


def _faulted(question: str, answer: str) -> PairSource:
    """The right answer beside a fault that the calculator finds."""

    def pair(rng: Random) -> Pair | None:
        draft, observe = faulted(rng, question, answer)
        return pair_of(draft, task_named("calculator"), observe, rng, draft.rejected)

    return pair
