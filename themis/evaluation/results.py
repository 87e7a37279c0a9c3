"""From judged items to figures, each with its n and its 95 % interval, beside length rules and another model.

A `Result` is JSON as it is; `tables` and `page` only show it. The averages cover the subsets that a bench averages.
Source of the averages: Tool-Augmented Reward Modeling, arXiv:2310.01045, section 4.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

from themis.evaluation.calibration import Calibration, calibration
from themis.evaluation.call_agreement import call_agreement
from themis.evaluation.costs import Cost, cost_of
from themis.evaluation.draws import Coverage, Draws, coverage, draws_of
from themis.evaluation.familiarity import Familiarity, familiarity, fit_unlikely
from themis.evaluation.items import Item, JudgedItem, length_points
from themis.evaluation.statistics import macro_interval, mean, paired_bootstrap, wilson_interval

MISTAKES = 20
"""How many mistakes a result holds with their traces."""
RULES = ("longer", "shorter")


class Rival(TypedDict):
    """Another judge on the same items: a rule of length, or another model (`against`)."""

    accuracy: float
    ci95: tuple[float, float]
    difference: float
    """The judge's accuracy less the rival's."""
    difference_ci95: tuple[float, float]
    """From the paired bootstrap."""


class TaskResult(TypedDict):
    """One line of the table: a task of TARA, a subset of another bench."""

    n: int
    correct: float
    """The sum of the points; a pair gives 0 or 1."""
    accuracy: float
    ci95: tuple[float, float]
    unscored: int
    """Items that lack a reward, except those of empty answers; they count as wrong."""
    empty: int
    """Items that an empty answer decides, as it counts as below every answer with a reward."""
    call_agreement: float | None
    """Share of the judgements that made exactly the published calls; None where there is nothing to compare."""
    averaged: bool
    dropped: dict[str, int]
    """Parts of the file that are in no item, by reason; dropped rows are not in `n`."""
    rivals: dict[str, Rival]
    cost: Cost | None


class Average(TypedDict):
    """Over several subsets."""

    n: int
    accuracy: float
    ci95: tuple[float, float]
    """Micro: Wilson's interval of all items. Macro: from Wilson's interval of each subset."""
    rivals: dict[str, Rival]


class NotRun(TypedDict):
    """A task that is in no average."""

    task: str
    reason: str


class Answer(TypedDict):
    """An answer with its verdict."""

    answer: str
    verdict: dict[str, Any]


class Mistake(TypedDict):
    """An item that was not won, with the two answers that decided it."""

    task: str
    id: str
    question: str
    context: str | None
    margin: float | None
    chosen: Answer
    rejected: Answer


class Result(TypedDict):
    """A whole evaluation."""

    bench: str
    model: str
    against: str | None
    split: str
    settings: dict[str, Any]
    """How the judge was run: rationale, draws, tools."""
    tasks: dict[str, TaskResult]
    not_run: list[NotRun]
    micro: float | None
    macro: float | None
    baselines: dict[str, dict[str, float | None]]
    """For each length rule its accuracy on each task, `micro` and `macro`."""
    averages: dict[str, Average]
    official: dict[str, float]
    """Scores as the authors of the bench count them."""
    calibration: Calibration | None
    familiarity: Familiarity | None
    unlikely: float | None
    """The threshold of `unfamiliar` that fits these items."""
    coverage: list[Coverage]
    draws: Draws | None
    cost: Cost | None
    against_cost: Cost | None
    mistakes: list[Mistake]
    items: dict[str, dict[str, tuple[float, float | None]]]
    """For each task and item its points and margin, so that runs can be compared item by item."""
    verdicts: str | None
    """The file of the verdict cache."""


@dataclass(frozen=True, slots=True)
class Subset:
    """Items of one kind."""

    items: tuple[Item, ...]
    averaged: bool = True
    dropped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class About:
    """Which run a result is of."""

    bench: str
    model: str
    split: str = ""
    against: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    stored_temperature: float = 1.0
    verdicts: str | None = None
    not_run: tuple[NotRun, ...] = ()


Judged = Mapping[str, list[JudgedItem]]
Points = dict[str, dict[str, list[float]]]
"""For each judge (`judge`, `longer`, `shorter`, `against`) and subset, the points of each item."""


def limited(limit: int | None) -> str:
    """What a table says of `--limit`."""
    return f"Only the first {limit} of each task or subset (--limit). " if limit else ""


def result_of(
    about: About, subsets: Mapping[str, Subset], judged: Judged, rival: Judged | None = None, official: Mapping[str, float] | None = None
) -> Result:
    """All figures of a run."""
    points = _points(judged, rival)
    tasks = {name: task_result(judged[name], subsets[name], {judge: by[name] for judge, by in points.items()}) for name in judged}
    averaged = [name for name in judged if subsets[name].averaged]
    together = [entry for name in averaged or judged for entry in judged[name]]
    averages = averages_of(points, averaged)
    return Result(
        bench=about.bench,
        model=about.model,
        against=about.against,
        split=about.split,
        settings=dict(about.settings),
        tasks=tasks,
        not_run=list(about.not_run),
        micro=_accuracy(averages, "micro"),
        macro=_accuracy(averages, "macro"),
        baselines={rule: _baseline(points[rule], averages, rule) for rule in RULES},
        averages=averages,
        official=dict(official or {}),
        calibration=calibration([entry.margin for entry in together if entry.margin is not None], about.stored_temperature),
        familiarity=familiarity(together),
        unlikely=fit_unlikely(together),
        coverage=coverage(together),
        draws=draws_of(together),
        cost=cost_of([verdict for entry in together for verdict in entry.verdicts]),
        against_cost=cost_of([verdict for name in (averaged or rival) for entry in rival[name] for verdict in entry.verdicts])
        if rival
        else None,
        mistakes=mistakes_of({name: judged[name] for name in averaged or judged}),
        items={name: _by_id(entries) for name, entries in judged.items()},
        verdicts=about.verdicts,
    )


def task_result(judged: Sequence[JudgedItem], subset: Subset, points: Mapping[str, list[float]]) -> TaskResult:
    """One line of the table; `judged` is not empty."""
    correct = sum(entry.points for entry in judged)
    return TaskResult(
        n=len(judged),
        correct=correct,
        accuracy=correct / len(judged),
        ci95=wilson_interval(correct, len(judged)),
        unscored=sum(entry.standings is None for entry in judged),
        empty=sum(entry.is_decided_by_empty for entry in judged),
        call_agreement=call_agreement(judged),
        averaged=subset.averaged,
        dropped=dict(subset.dropped),
        rivals={judge: _rival([points["judge"]], [theirs]) for judge, theirs in points.items() if judge != "judge"},
        cost=cost_of([verdict for entry in judged for verdict in entry.verdicts]),
    )


def averages_of(points: Points, names: Sequence[str]) -> dict[str, Average]:
    """Micro and macro averages of these subsets, and micro without `translator` where it is among them."""
    if not names:
        return {}
    averages = {"micro": _micro(points, names), "macro": _macro(points, names)}
    others = [name for name in names if name != "translator"]
    if 0 < len(others) < len(names):
        averages["micro without translator"] = _micro(points, others)
    return averages


def mistakes_of(judged: Judged) -> list[Mistake]:
    """The items that were lost by the largest margins; those without a reward come last."""
    lost = [(name, entry) for name, entries in judged.items() for entry in entries if entry.points < 1]
    lost.sort(key=lambda each: (each[1].margin is None, each[1].margin or 0.0))
    return [_mistake(name, entry) for name, entry in lost[:MISTAKES]]


def _points(judged: Judged, rival: Judged | None) -> Points:
    points: Points = {"judge": {name: [entry.points for entry in entries] for name, entries in judged.items()}}
    for rule in RULES:
        points[rule] = {name: [length_points(entry.item, longer=rule == "longer") for entry in entries] for name, entries in judged.items()}
    if rival is not None:
        points["against"] = {name: [entry.points for entry in entries] for name, entries in rival.items()}
    return points


def _micro(points: Points, names: Sequence[str]) -> Average:
    pooled = {judge: [point for name in names for point in by[name]] for judge, by in points.items()}
    ours = pooled.pop("judge")
    rivals = {judge: _rival([ours], [theirs]) for judge, theirs in pooled.items()}
    return Average(n=len(ours), accuracy=sum(ours) / len(ours), ci95=wilson_interval(sum(ours), len(ours)), rivals=rivals)


def _macro(points: Points, names: Sequence[str]) -> Average:
    strata = {judge: [by[name] for name in names] for judge, by in points.items()}
    ours = strata.pop("judge")
    rivals = {judge: _rival(ours, theirs) for judge, theirs in strata.items()}
    n = sum(map(len, ours))
    return Average(n=n, accuracy=_mean_of_means(ours), ci95=macro_interval([(sum(each), len(each)) for each in ours]), rivals=rivals)


def _rival(ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]]) -> Rival:
    differences = [[a - b for a, b in zip(mine, other, strict=True)] for mine, other in zip(ours, theirs, strict=True)]
    return Rival(
        accuracy=_mean_of_means(theirs),
        ci95=macro_interval([(sum(each), len(each)) for each in theirs]),
        difference=_mean_of_means(differences),
        difference_ci95=paired_bootstrap(differences),
    )


def _mean_of_means(strata: Sequence[Sequence[float]]) -> float:
    return mean([sum(each) / len(each) for each in strata]) or 0.0


def _baseline(by_task: Mapping[str, list[float]], averages: Mapping[str, Average], rule: str) -> dict[str, float | None]:
    """The accuracies of one length rule."""
    figures: dict[str, float | None] = {name: sum(points) / len(points) for name, points in by_task.items()}
    return figures | {name: averages[name]["rivals"][rule]["accuracy"] if name in averages else None for name in ("micro", "macro")}


def _accuracy(averages: Mapping[str, Average], name: str) -> float | None:
    return averages[name]["accuracy"] if name in averages else None


def _by_id(entries: Sequence[JudgedItem]) -> dict[str, tuple[float, float | None]]:
    figures: dict[str, tuple[float, float | None]] = {}
    for entry in entries:
        figures[_free_name(entry.item.id, figures)] = (entry.points, entry.margin)
    return figures


def _free_name(id: str, taken: Collection[str]) -> str:
    """The id, with a number where it is taken: ids in other people's files may be missing or repeated."""
    return next(name for name in (id, *(f"{id}#{number}" for number in range(2, len(taken) + 3))) if name not in taken)


def _mistake(task: str, entry: JudgedItem) -> Mistake:
    chosen = min(range(len(entry.chosen)), key=lambda at: entry.chosen[at].height)
    if entry.item.rule == "best":
        chosen = max(range(len(entry.chosen)), key=lambda at: entry.chosen[at].height)
    rejected = max(range(len(entry.rejected)), key=lambda at: entry.rejected[at].height)
    case = entry.item.chosen[chosen]
    return Mistake(
        task=task,
        id=entry.item.id,
        question=case.question_text,
        context=case.context,
        margin=entry.margin,
        chosen=Answer(answer=case.answer, verdict=entry.chosen[chosen].verdicts[0].to_json()),
        rejected=Answer(answer=entry.item.rejected[rejected].answer, verdict=entry.rejected[rejected].verdicts[0].to_json()),
    )
