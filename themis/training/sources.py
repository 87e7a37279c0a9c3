"""Where a run's pairs come from: the streams, the published rows, rows of our own making, files that somebody brings."""

import difflib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from themis.builder.tasks.calculator import marks as arithmetic
from themis.curriculum.asked import asked_sources
from themis.curriculum.calls_only import calls_sources
from themis.curriculum.longform import longform_sources
from themis.curriculum.reading import reading_sources
from themis.curriculum.resampled_negatives import redrawn_sources
from themis.curriculum.rules import STREAM
from themis.curriculum.templates import learnt_wordings
from themis.curriculum.worlds import WORLDS, worlds_sources
from themis.data.preferences import read_preferences
from themis.data.published import Published, read_published, read_rows
from themis.errors import ConfigError, DataError
from themis.traces.pair import Pair
from themis.training.batches.steps import Mixture, PairSource, mixture_sources, rows_sources
from themis.training.recipe import TrainRecipe

DATA = "data"
"""The source made of the files of the key `data`."""
READING = "reading"
FOREIGN = "reading/foreign"
LONGFORM = "longform"
CALLS = ("calls/wikisearch", "calls/webgpt", "calls/translator")
_OF_FILES = {
    **dict.fromkeys(CALLS, calls_sources),
    "asked/wikisearch": asked_sources,
    READING: reading_sources,
    FOREIGN: reading_sources,
    **dict.fromkeys(WORLDS, worlds_sources),
    LONGFORM: longform_sources,
}
"""Sources without end that are made of files below THEMIS_DATA, read only where a recipe names them."""
_TASK_OF = {"arithmetic": "calculator", "gsm8k": "calculator", READING: "translator", FOREIGN: "translator", LONGFORM: "webgpt"}


@dataclass(frozen=True, slots=True)
class Pairs:
    """What a run learns from and what it is measured on."""

    mixture: Mixture
    """Weighted, for a run in steps; of a run in epochs, its alterations."""
    rows: tuple[PairSource, ...]
    """Every row once, for a run in epochs."""
    held: tuple[Pair, ...]
    """Never trained on; the best checkpoint is chosen by them."""


def gather(recipe: TrainRecipe, root: Path | None, notice: Callable[[str], None]) -> Pairs:
    """Read what the recipe names. What is not here is left out with a notice; a name that nothing could give is an error."""
    published = read_published(root) if root else Published()
    made = _fewer(read_rows(Path(recipe.rows), root), recipe) if recipe.rows else Published()
    brought, left_out = _brought(recipe)
    wordings = learnt_wordings(published.pairs)
    sources = mixture_sources(published.pairs, published.gsm8k, wordings) | rows_sources(made.pairs) | redrawn_sources(made.pairs)
    for read in {read for name, read in _OF_FILES.items() if name in recipe.mixture}:
        sources |= read(root)
    if brought:
        sources[DATA] = lambda rng: rng.choice(brought)
    weights = _of_tasks(recipe, _available(_named(recipe), set(sources), notice))
    for reason, count in (published.left_out + made.left_out + left_out).items():
        notice(f"left out: {reason}: {count}")
    forged = recipe.forged_share if recipe.kind == "themis" else 0.0
    mixture = Mixture(sources, weights, forged, recipe.dropped_observations, recipe.swapped_rationales)
    if not recipe.epochs:
        return Pairs(mixture, (), tuple(_drawn(recipe, mixture, root)))
    rows, held = _rows(recipe, weights, published, made, brought, root)
    return Pairs(mixture, rows, held)


def _fewer(made: Published, recipe: TrainRecipe) -> Published:
    """`rows_at_most` of the rows, drawn by the seed, with each task's share what it was."""
    rows = sum(len(pairs) for pairs in made.pairs.values())
    if not recipe.rows_at_most or recipe.rows_at_most >= rows:
        return made
    share, rng = recipe.rows_at_most / rows, Random(f"{recipe.seed}/rows")
    return replace(made, pairs={task: rng.sample(pairs, max(1, round(share * len(pairs)))) for task, pairs in made.pairs.items()})


def _named(recipe: TrainRecipe) -> Mapping[str, float]:
    if recipe.mixture:
        return recipe.mixture
    if not recipe.data:
        raise ConfigError("the recipe names nothing to learn from: give 'mixture' or 'data'")
    return {DATA: 1.0}


def _brought(recipe: TrainRecipe) -> tuple[list[Pair], Counter[str]]:
    pairs: list[Pair] = []
    left_out: Counter[str] = Counter()
    for file in recipe.data:
        read = read_preferences(file)
        if recipe.margin and not (read.has_margin or any(pair.chosen.trace for pair in read.pairs)):
            raise ConfigError(f"margin: {file} has no column 'margin'")
        if recipe.margin and all(pair.chosen.score == pair.rejected.score for pair in read.pairs):
            raise DataError(f"{file}: the column 'margin' is 0 in every row, so it asks for nothing; leave out the key 'margin'")
        pairs += read.pairs
        left_out += Counter({f"{Path(file).name}: {reason}": count for reason, count in read.left_out.items()})
    return pairs, left_out


def _available(mixture: Mapping[str, float], sources: set[str], notice: Callable[[str], None]) -> dict[str, float]:
    known = sources | {"gsm8k", DATA, *_OF_FILES}
    for name in mixture:
        if name not in known and not name.startswith(("tara/", "rows/", "redrawn/")):
            raise ConfigError(f"mixture: no source '{name}'; known: {', '.join(sorted(known))}, tara/TASK, rows/TASK, redrawn/TASK")
    missing = [name for name in mixture if name not in sources]
    if missing:
        notice(f"trains without {', '.join(missing)}: not found under THEMIS_DATA, nor in the keys 'rows' and 'data'")
    available = {name: weight for name, weight in mixture.items() if name in sources and weight > 0}
    if not available:
        raise ConfigError("mixture: none of its sources is available; set THEMIS_DATA or name a stream such as calendar")
    return available


def _of_tasks(recipe: TrainRecipe, weights: dict[str, float]) -> dict[str, float]:
    if not recipe.tasks:
        return weights
    known = sorted({_task(name) for name in weights} - {DATA})
    for task in recipe.tasks:
        if task not in known:
            near = difflib.get_close_matches(task, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}"
            raise ConfigError(f"tasks: no source of the mixture is of task '{task}'; {hint}")
    return {name: weight for name, weight in weights.items() if _task(name) in recipe.tasks or name == DATA}


def _task(source: str) -> str:
    return _TASK_OF.get(source, source.rpartition("/")[2])


def _drawn(recipe: TrainRecipe, mixture: Mixture, root: Path | None) -> list[Pair]:
    """Pairs of the streams, from a random source that training does not use, and test rows of the folder `rows`; no published ones."""
    rng = Random(f"{recipe.seed}/held")
    tests = rows_sources(read_rows(Path(recipe.rows), root, "test").pairs) if recipe.rows else {}
    weights = {
        name: weight
        for name, weight in mixture.weights.items()
        if name in tests or ("/" not in name and name not in ("gsm8k", READING, LONGFORM, DATA))
    }
    held = replace(mixture, sources={**mixture.sources, **tests}, weights=weights or mixture.weights, dropped_observations=0.0)
    return [held.draw(rng)[1] for _ in range(recipe.measured_pairs)]


def _rows(
    recipe: TrainRecipe, weights: Mapping[str, float], published: Published, made: Published, brought: Sequence[Pair], root: Path | None
) -> tuple[tuple[PairSource, ...], tuple[Pair, ...]]:
    """Each row as what makes its pair, and those kept back: test rows where there are any, else at most one row in ten."""
    endless = [name for name in weights if name in (*STREAM, *_OF_FILES) or name.startswith("redrawn/")]
    if endless:
        raise ConfigError(f"epochs: {', '.join(endless)} has no end; give 'steps', or a mixture of tara/TASK, rows/TASK, gsm8k and data")
    rows: list[PairSource] = []
    for name in sorted(weights):
        folder, _, task = name.partition("/")
        if name == "gsm8k" or name == "tara/calculator":
            # As in a run in steps: the published wrong answers were judged by who knew the right one.
            known = published.gsm8k if name == "gsm8k" else [(pair.question, pair.chosen.answer) for pair in published.pairs[task]]
            rows += [_faulted(*right) for right in known]
        else:
            pairs = brought if name == DATA else (published if folder == "tara" else made).pairs[task]
            rows += [_always(pair) for pair in pairs]
    Random(f"{recipe.seed}/held").shuffle(rows)
    tests = read_rows(Path(recipe.rows), root, "test").pairs if recipe.rows else {}
    held = [pair for task, pairs in tests.items() if f"rows/{task}" in weights for pair in pairs]
    if held:
        Random(f"{recipe.seed}/held").shuffle(held)
        return tuple(rows), tuple(held[: recipe.measured_pairs])
    count = min(recipe.measured_pairs, len(rows) // 10)
    drawn = (row(Random(f"{recipe.seed}/held/{place}")) for place, row in enumerate(rows[:count]))
    return tuple(rows[count:]), tuple(pair for pair in drawn if pair is not None)


def _always(pair: Pair) -> PairSource:
    return lambda rng: pair


def _faulted(question: str, answer: str) -> PairSource:
    return lambda rng: arithmetic.faulted_pair(rng, question, answer)
