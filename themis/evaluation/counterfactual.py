"""Flips: does a judge give an answer the higher reward when the observations support it than when they contradict it?

The answer of a counterfactual pair (`themis.builder.counterfactual.rows`) is judged twice: with the observations that
make it right, and with those that make it wrong. Nothing else differs. A pair flips when both rewards are there and
the right one is higher by more than rounding. A judge that ignores its observations gives a tie, which does not count.

The k-th call of a tool gets the k-th observation that the pair holds for that tool, whatever the argument. A tool for
which the pair holds nothing answers as usual. Knows nothing of models.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any, TypedDict

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from themis.builder.counterfactual.rows import Counterfactual
from themis.evaluation.items import Progress
from themis.evaluation.results import limited
from themis.evaluation.statistics import wilson_interval
from themis.tools import Toolbox
from themis.traces import Action, Case, Judge, Observation, Verdict, case_key

NOTE = (
    "Flips: pairs whose reward is higher where the observations support the answer. "
    "The chance level is 50 %; a judge that ignores its observations flips none. "
    "A task that a model was not trained on is expected to be weak."
)
TIE = 1e-4
"""Rewards that differ by less are the same: the rest of the batch changes how a judgement is rounded."""


class FlipResult(TypedDict):
    """One task."""

    n: int
    flips: int
    share: float
    ci95: tuple[float, float]
    ties: int
    """Pairs with the same reward both times."""
    unscored: int
    """Pairs that lack a reward."""
    observed: float
    """Share of the judgements with a call whose observation differs between the two sides of the pair."""


class CounterfactualResult(TypedDict):
    """The whole table, which is JSON as it is."""

    model: str
    file: str
    tasks: dict[str, FlipResult]
    note: str


@dataclass(frozen=True, slots=True)
class JudgedCounterfactual:
    """A pair with the verdict under each side's observations."""

    pair: Counterfactual
    right: Verdict
    wrong: Verdict

    @property
    def margin(self) -> float | None:
        """The reward with supporting observations less that with contradicting ones; None where one is missing."""
        if self.right.reward is None or self.wrong.reward is None:
            return None
        return self.right.reward - self.wrong.reward


def evaluate_counterfactual(
    pairs: Sequence[Counterfactual],
    model: str,
    file: str,
    judge: Judge,
    progress: Progress = lambda task, done, total: None,
    limit: int | None = None,
) -> CounterfactualResult:
    """Judge every pair, with a judge whose tools are the `CounterfactualTools` of the same pairs.

    `limit` says that they are only the first pairs of each task.
    """
    by_task: dict[str, list[Counterfactual]] = {}
    for pair in pairs:
        by_task.setdefault(pair.task, []).append(pair)
    tasks = {task: flip_result(judge_twice(task, members, judge, progress)) for task, members in by_task.items()}
    return CounterfactualResult(model=model, file=file, tasks=tasks, note=limited(limit) + NOTE)


def judge_twice(task: str, pairs: Sequence[Counterfactual], judge: Judge, progress: Progress) -> list[JudgedCounterfactual]:
    """Judge each answer with the observations that support it, and with those that contradict it."""
    total = 2 * len(pairs)
    verdicts: dict[int, Verdict] = {}
    progress(task, 0, total)
    for place, verdict in judge.judge_all(case for pair in pairs for case in cases_of(pair)):
        verdicts[place] = verdict
        progress(task, len(verdicts), total)
    return [JudgedCounterfactual(pair, verdicts[2 * at], verdicts[2 * at + 1]) for at, pair in enumerate(pairs)]


def cases_of(pair: Counterfactual) -> tuple[Case, Case]:
    """The case of each side, right and wrong; they differ in their id, and in their tests where there are any."""
    right = replace(pair.case, tests=pair.right.tests, id=f"{pair.case.id}/right")
    return right, replace(pair.case, tests=pair.wrong.tests, id=f"{pair.case.id}/wrong")


def cache_key(pairs: Iterable[Counterfactual]) -> Callable[[Case], str]:
    """The key of these pairs' cases in a verdict cache: of the case and of its observations."""
    keys: dict[str, str] = {}
    for pair in pairs:
        for case, side in zip(cases_of(pair), (pair.right, pair.wrong), strict=True):
            keys[case.id] = hashlib.sha256(json.dumps([case_key(case), side.observations]).encode()).hexdigest()[:32]
    return lambda case: keys[case.id]


def flip_result(judged: Sequence[JudgedCounterfactual]) -> FlipResult:
    """One line of the table; `judged` is not empty."""
    margins = [entry.margin for entry in judged if entry.margin is not None]
    flips = sum(margin > TIE for margin in margins)
    observed = [_has_observed(entry.pair, verdict) for entry in judged for verdict in (entry.right, entry.wrong)]
    return FlipResult(
        n=len(judged),
        flips=flips,
        share=flips / len(judged),
        ci95=wilson_interval(flips, len(judged)),
        ties=sum(abs(margin) <= TIE for margin in margins),
        unscored=len(judged) - len(margins),
        observed=sum(observed) / len(observed),
    )


class CounterfactualTools:
    """The tools of a judge, with the observations of counterfactual pairs. A pair is found by the case's id."""

    def __init__(self, pairs: Iterable[Counterfactual], real: Toolbox) -> None:
        """`real` answers the calls of tools for which a pair holds nothing."""
        self._real = real
        self._observations: dict[str, tuple[tuple[str, str], ...]] = {}
        for pair in pairs:
            right, wrong = cases_of(pair)
            self._observations |= {right.id: pair.right.observations, wrong.id: pair.wrong.observations}
        self._calls: Counter[tuple[str, str]] = Counter()

    @property
    def names(self) -> tuple[str, ...]:
        """Those of the real tools."""
        return self._real.names

    def schemas(self) -> list[dict[str, Any]]:
        """Those of the real tools."""
        return self._real.schemas()

    def submit(self, action: Action, case: Case) -> Future[Observation]:
        """The pair's observation for this call, or the real tool's."""
        texts = [text for tool, text in self._observations.get(case.id, ()) if tool == action.tool]
        if not texts:
            return self._real.submit(action, case)
        place = self._calls[case.id, action.tool]
        self._calls[case.id, action.tool] += 1
        observation: Future[Observation] = Future()
        observation.set_result(Observation(texts[min(place, len(texts) - 1)]))
        return observation


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


def _has_observed(pair: Counterfactual, verdict: Verdict) -> bool:
    """Did the judgement call a tool whose observations differ between the two sides?"""
    telling = {tool for tool, _ in pair.right.observations} or {"code_run"}
    return any(step.action is not None and step.action.tool in telling for step in verdict.trace.steps)
