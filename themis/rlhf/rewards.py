"""Rewards for answers, from a judge or a function, while the policy writes on.

Equal answers are judged once. A judge that is down is asked again for a while. Knows nothing of policies.
"""

import importlib
import importlib.util
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from themis.closing import Closing
from themis.errors import ConfigError, DataError, ServerError
from themis.traces import Case, Judge
from themis.traces.case import case_key
from themis.traces.trace import Verdict

RewardFunction = Callable[[Sequence[Case]], Sequence[float | None]]
"""Gives each case its reward, or None where there is no honest one."""


class FunctionJudge(Judge):
    """A Python function as a judge."""

    def __init__(self, function: RewardFunction) -> None:
        self._function = function

    def judge_all(self, cases: Iterable[Case]) -> Iterator[tuple[int, Verdict]]:
        """Raises `DataError` where the function does not give one reward for each case."""
        cases = list(cases)
        rewards = list(self._function(cases))
        if len(rewards) != len(cases):
            raise DataError(f"the reward function gave {len(rewards)} rewards for {len(cases)} cases")
        for place, (case, reward) in enumerate(zip(cases, rewards, strict=True)):
            if reward is not None and (isinstance(reward, bool) or not isinstance(reward, int | float)):
                raise DataError(f"the reward function must give numbers or None, found {reward!r}")
            known = reward is not None and math.isfinite(reward)
            yield place, Verdict(case.id, float(reward) if reward is not None and known else None, None if known else "malformed")


def function_named(name: str) -> RewardFunction | None:
    """The function of `package.module:name` or `file.py:name`; None for any other text. Raises `ConfigError`."""
    where, colon, attribute = name.rpartition(":")
    if not colon or not attribute.isidentifier() or "/" in attribute or where in ("http", "https"):
        return None
    try:
        module = _of_file(Path(where)) if where.endswith(".py") else importlib.import_module(where)
    except (ImportError, OSError, SyntaxError) as error:
        raise ConfigError(f"reward.judge: '{where}' cannot be imported ({error})") from error
    found = getattr(module, attribute, None)
    if not callable(found):
        raise ConfigError(f"reward.judge: {where} has no function '{attribute}'")
    return found  # type: ignore[no-any-return]


def _of_file(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ConfigError(f"reward.judge: there is no file '{path}'")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True, slots=True)
class Judged:
    """A judgement as the update needs it."""

    reward: float | None
    seconds: float = 0.0
    """Of the thread that judged, for the whole part that this answer belongs to, divided by its answers."""
    tools: float = 0.0
    """Calls of tools."""


class Rewarder(Closing):
    """Judges parts of a batch in a thread of its own, one part after the other."""

    def __init__(
        self, judge: Judge, wait_seconds: float = 120.0, notice: Callable[[str], None] = print, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._judge, self._wait, self._notice, self._sleep = judge, wait_seconds, notice, sleep
        self._kept: dict[str, float | None] = {}
        self._thread = ThreadPoolExecutor(1, "judge")

    def submit(self, cases: Sequence[Case]) -> Future[list[Judged]]:
        """Begin to judge a part. The result has a judgement for each case, in their order."""
        return self._thread.submit(self._judged, list(cases))

    def judge(self, cases: Sequence[Case]) -> list[float | None]:
        """The rewards of some cases, awaited."""
        return [judged.reward for judged in self.submit(cases).result()]

    def kept(self) -> dict[str, float | None]:
        """All rewards so far, by the hash of their case: a run that resumes must see the same ones."""
        return dict(self._kept)

    def put_back(self, kept: Mapping[str, float | None]) -> None:
        """What `kept` gave."""
        self._kept = dict(kept)

    def close(self) -> None:
        """Ends the thread; what it has begun is finished first."""
        self._thread.shutdown(cancel_futures=True)

    def _judged(self, cases: list[Case]) -> list[Judged]:
        begun, calls = time.monotonic(), 0
        keys = [case_key(case) for case in cases]
        new = {key: case for key, case in zip(keys, cases, strict=True) if key not in self._kept and case.answer}
        names = list(new)
        for place, verdict in self._answers(list(new.values())):
            reward = verdict.reward
            self._kept[names[place]] = reward if reward is not None and math.isfinite(reward) else None
            calls += verdict.usage.tool_calls
        missing = [name for name in names if name not in self._kept]
        assert not missing, f"the judge left out {len(missing)} cases"
        seconds = (time.monotonic() - begun) / max(1, len(cases))
        # An answer that says nothing has no verdict: most judges refuse it.
        return [
            Judged(self._kept[key] if case.answer else None, seconds, calls / len(cases)) for key, case in zip(keys, cases, strict=True)
        ]

    def _answers(self, cases: list[Case]) -> list[tuple[int, Verdict]]:
        """All verdicts, after as many tries as the time allows."""
        until, pause = time.monotonic() + self._wait, 1.0
        while cases:
            try:
                return list(self._judge.judge_all(cases))
            except ServerError as error:
                left = until - time.monotonic()
                if left <= 0:
                    raise
                self._notice(f"the judge cannot be asked ({error}); asks again for {left:.0f} s")
                self._sleep(min(pause, left))
                pause = min(2 * pause, 30.0)
        return []
