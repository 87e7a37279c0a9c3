"""Which judge an adapter asks, and what it says where there is no reward."""

import atexit
import math
import os
import threading
from collections.abc import Sequence
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
