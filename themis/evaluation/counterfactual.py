"""Flips: does a judge give an answer the higher reward in the world where it is right, when nothing but the observations differs?

Each answer is judged in both of its worlds (`themis.builder.counterfactual.rows`). A row is right when both rewards are there and that in
the right world is higher by more than rounding; a judge that does not look at what came back gives a tie, which is wrong. Whatever the
wording of its k-th call of a tool, it gets the k-th observation that the world holds for the tool; tools of which the world holds nothing
answer as they do.

Knows nothing of models: the judge is handed in.
"""

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypedDict

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from themis.builder.counterfactual.rows import Counterfactual, World
from themis.evaluation.items import JudgeAll, Progress
from themis.evaluation.statistics import wilson_interval
from themis.tools import Toolbox
from themis.tools.recordings.published import known_tools
from themis.traces import Action, Case, Observation, Verdict, case_key

NOTE = (
    "A judge that ignores its observations flips none; one that guesses flips half. "
    "A task that a model was not trained on is expected to be weak."
)
TIE = 1e-4
"""Rewards that differ by less are the same: with other cases beside it in a batch, a judgement is rounded otherwise."""


class FlipResult(TypedDict):
    """One task."""

    n: int
    flips: int
    share: float
    ci95: tuple[float, float]
    ties: int
    """Rows with the same reward in both worlds."""
    unscored: int
    """Rows that lack a reward in one of them."""
    observed: float
    """Share of the judgements that made a call which the worlds answer differently."""


class CounterfactualResult(TypedDict):
    """The whole table; it is JSON as it stands."""

    model: str
    file: str
    tasks: dict[str, FlipResult]
    note: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A row and what a judge made of its answer in both worlds."""

    row: Counterfactual
    right: Verdict
    wrong: Verdict

    @property
    def margin(self) -> float | None:
        """By how much the right world is rewarded more; None where a reward is missing."""
        if self.right.reward is None or self.wrong.reward is None:
            return None
        return self.right.reward - self.wrong.reward


def evaluate_counterfactual(
    rows: Sequence[Counterfactual],
    model: str,
    file: str,
    judge_all: JudgeAll,
    progress: Progress = lambda task, done, total: None,
) -> CounterfactualResult:
    """Judge every row in both worlds, with a judge whose tools are the `CounterfactualToolbox` of the same rows."""
    by_task: dict[str, list[Counterfactual]] = {}
    for row in rows:
        by_task.setdefault(row.task, []).append(row)
    tasks = {task: flip_result(judge_worlds(task, members, judge_all, progress)) for task, members in by_task.items()}
    return CounterfactualResult(model=model, file=file, tasks=tasks, note=NOTE)


def judge_worlds(task: str, rows: Sequence[Counterfactual], judge_all: JudgeAll, progress: Progress) -> list[Judged]:
    """Judge each answer twice, in the right world and in the wrong one."""
    total = 2 * len(rows)
    verdicts: dict[int, Verdict] = {}
    progress(task, 0, total)
    for place, verdict in judge_all(case for row in rows for case in cases_of(row)):
        verdicts[place] = verdict
        progress(task, len(verdicts), total)
    return [Judged(row, verdicts[2 * at], verdicts[2 * at + 1]) for at, row in enumerate(rows)]


def cases_of(row: Counterfactual) -> tuple[Case, Case]:
    """The case in the right world and in the wrong one; they differ in id, and where there are tests, in these."""
    right = replace(row.case, tests=row.right.tests, id=f"{row.case.id}/right")
    return right, replace(row.case, tests=row.wrong.tests, id=f"{row.case.id}/wrong")


def world_keys(rows: Iterable[Counterfactual]) -> Callable[[Case], str]:
    """By what verdicts of these rows are known again: by the case, and by what its world says (`kept`)."""
    keys: dict[str, str] = {}
    for row in rows:
        for case, world in zip(cases_of(row), (row.right, row.wrong), strict=True):
            keys[case.id] = hashlib.sha256(json.dumps([case_key(case), world.observations]).encode()).hexdigest()[:32]
    return lambda case: keys[case.id]


def flip_result(judged: Sequence[Judged]) -> FlipResult:
    """One line of the table; `judged` is not empty."""
    margins = [entry.margin for entry in judged if entry.margin is not None]
    flips = sum(margin > TIE for margin in margins)
    observed = [_has_observed(entry.row, verdict) for entry in judged for verdict in (entry.right, entry.wrong)]
    return FlipResult(
        n=len(judged),
        flips=flips,
        share=flips / len(judged),
        ci95=wilson_interval(flips, len(judged)),
        ties=sum(abs(margin) <= TIE for margin in margins),
        unscored=len(judged) - len(margins),
        observed=sum(observed) / len(observed),
    )


class CounterfactualToolbox(Toolbox):
    """The tools of the worlds, and `real` ones for whatever no world speaks of. A case is known by its id (`cases_of`)."""

    def __init__(self, rows: Iterable[Counterfactual], real: Toolbox) -> None:
        super().__init__(())
        self._real = real
        self._worlds: dict[str, World] = {}
        for row in rows:
            right, wrong = cases_of(row)
            self._worlds |= {right.id: row.right, wrong.id: row.wrong}
        said = {tool for world in self._worlds.values() for tool, _ in world.observations}
        self._others = tuple(sorted(said - set(real.names)))
        self._calls: Counter[tuple[str, str]] = Counter()
        self._counting = threading.Lock()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the real tools, then those that only worlds have."""
        return (*self._real.names, *self._others)

    def wants_case(self, name: str) -> bool:
        """All do: it is the case that says in which world they are called."""
        return name in self.names

    def schemas(self) -> list[dict[str, Any]]:
        """As chat templates take them."""
        with known_tools(self._others) as known:
            return [*self._real.schemas(), *(known.schemas() if self._others else ())]

    def call(self, action: Action, case: Case | None = None) -> Observation:
        """What the world of the case says, however it is asked; else what the real tool says."""
        world = self._worlds.get(case.id, World()) if case else World()
        texts = [text for tool, text in world.observations if tool == action.tool]
        if not texts or case is None:
            return self._real.call(action, case)
        with self._counting:
            place = self._calls[case.id, action.tool]
            self._calls[case.id, action.tool] += 1
        return Observation(texts[min(place, len(texts) - 1)])


def render_flips(result: CounterfactualResult) -> Table:
    """The table for a terminal of 80 columns: shares in percent, with their 95 % intervals."""
    title = escape(f"Counterfactual pairs, {result['model']}")
    table = Table(title=title, caption=escape(result["note"]), caption_justify="left", box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for heading in ("task", "n", "flips, % (95 %)", "ties", "no reward", "observed, %"):
        table.add_column(heading, justify="left" if heading == "task" else "right", no_wrap=True)
    for task, row in result["tasks"].items():
        low, high = row["ci95"]
        share = f"{100 * row['share']:.1f} ({100 * low:.1f}-{100 * high:.1f})"
        table.add_row(escape(task), str(row["n"]), share, str(row["ties"]), str(row["unscored"]), f"{100 * row['observed']:.1f}")
    return table


def _has_observed(row: Counterfactual, verdict: Verdict) -> bool:
    """Did the judgement make a call that tells the worlds apart?"""
    telling = {tool for tool, _ in row.right.observations} or {"code_run"}
    return any(step.action is not None and step.action.tool in telling for step in verdict.trace.steps)
