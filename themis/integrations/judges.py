"""Which judge an adapter asks, and what it says where there is no reward."""

import atexit
import math
import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from themis.errors import ConfigError, NoRewardError
from themis.inference.load import load_judge
from themis.traces.case import Case, case_from_json, case_key
from themis.traces.judge import Judge
from themis.traces.trace import Verdict

_loading = threading.Lock()


def judge_of(model: Judge | str | Path) -> Judge:
    """The judge itself, or what `load_judge` makes of a name or of the address of a server. Close what it returns."""
    return load_judge(model) if isinstance(model, str | Path) else model


def shared_judge(model: Judge | str | Path | None = None) -> Judge:
    """`judge_of`, opened once for all who ask in this process, and closed at its end. None is THEMIS_MODEL or nano."""
    if model is not None and not isinstance(model, str | Path):
        return model
    with _loading:
        return _opened(str(model or os.environ.get("THEMIS_MODEL") or "nano"))


@cache
def _opened(model: str) -> Judge:
    judge = judge_of(model)
    atexit.register(judge.close)
    return judge


class RememberingJudge(Judge):
    """Gives an equal case the verdict that it had, for a policy says the same again in later steps.

    Only for judges that give the same verdict again: without sampling, and with tools whose answers do not change.
    """

    def __init__(self, judge: Judge, most: int = 100_000) -> None:
        """`most` verdicts are kept, those asked for last."""
        self._judge, self._most = judge, most
        self._kept: OrderedDict[str, Verdict] = OrderedDict()

    def judge_all(self, cases: Iterable[Case]) -> Iterator[tuple[int, Verdict]]:
        """Known verdicts first. One that failed is not kept: the next try may succeed."""
        new: list[tuple[int, str, Case]] = []
        for place, case in enumerate(cases):
            key = case_key(case)
            if key in self._kept:
                self._kept.move_to_end(key)
                yield place, replace(self._kept[key], id=case.id)
            else:
                new.append((place, key, case))
        for at, verdict in self._judge.judge_all([case for _, _, case in new]):
            place, key, _ = new[at]
            if verdict.reason not in _PASSING:
                self._kept[key] = verdict
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
            yield place, verdict

    def sampled(self, temperature: float, seed: str) -> Judge:
        """The judge beneath, whose samples are not remembered."""
        return self._judge.sampled(temperature, seed)

    def close(self) -> None:
        """Closes the judge beneath."""
        self._judge.close()


_PASSING = ("failed", "tool_unavailable")
"""Reasons that may be gone at the next try."""


def case_of(where: str, question: Any, answer: str, context: Any = None, tests: Any = None) -> Case:
    """A case from what a trainer's data hold: text or messages, lists also as arrays. Raises `DataError`."""
    row = {"question": question, "answer": answer, "context": context, "tests": tests}
    return case_from_json({name: value.tolist() if hasattr(value, "tolist") else value for name, value in row.items()}, where)


def each_once(cases: Sequence[Case]) -> tuple[list[Case], list[int]]:
    """Equal cases once, and for every case its place among them: the samples of a group often say the same."""
    keys = [case_key(case) for case in cases]
    distinct: dict[str, Case] = {}
    for key, case in zip(keys, cases, strict=True):
        distinct.setdefault(key, case)
    place_of = {key: place for place, key in enumerate(distinct)}
    return list(distinct.values()), [place_of[key] for key in keys]


def chosen_missing(value: object = None) -> float | None:
    """What the user chose that answers without a reward count as, here or by THEMIS_MISSING; None without a choice."""
    value = os.environ.get("THEMIS_MISSING") or None if value is None else value
    if value is None:
        return None
    try:
        number = float(str(value))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):  # it would make the gradient of a whole batch NaN
        raise ConfigError(f"THEMIS_MISSING: the reward of an answer that has none must be a finite number, found '{value}'")
    return number


def number_of(verdict: Verdict, missing: float | None) -> float:
    """The reward, or the chosen number; raises `NoRewardError` where nobody has chosen one."""
    reward = missing if verdict.reward is None else verdict.reward
    if reward is None:
        raise NoRewardError(f"an answer has no reward ({verdict.reason}); set THEMIS_MISSING to the number it shall count as")
    return reward
