"""verl's reward function, called as its reward loop calls it: coroutines side by side, one answer each.

verl does not install here; its request sequence is replayed as `verl/experimental/reward_loop` has it.
"""

import asyncio
import inspect
from typing import Any

import numpy as np
import pytest

from tests.integrations.conftest import ANSWERS, QUESTION, TuesdayJudge, needs_nano, verdict_of
from themis.errors import ConfigError, DataError
from themis.integrations.verl import compute_score
from themis.traces import Case, Judge, Verdict

KEYS = [
    "score",
    "themis_scored",
    "themis_degraded",
    "themis_calls",
    "themis_valid_calls",
    "themis_status",
    "themis_reason",
    "themis_trace",
]


def asked_by_verl(answers: tuple[str, ...], extra_info: dict[str, Any], **reward_kwargs: Any) -> list[dict[str, Any]]:
    """All samples at once; the keys of the first are read from all, as arrays."""

    async def run() -> list[dict[str, Any]]:
        row: dict[str, Any] = {"data_source": "dates", "ground_truth": "Tuesday", "extra_info": extra_info}
        return await asyncio.gather(*(compute_score(solution_str=each, **row, **reward_kwargs) for each in answers))

    results = asyncio.run(run())
    for key in results[0]:
        np.array([result[key] for result in results])
    return results


def test_the_keys_are_the_same_with_a_reward_and_without() -> None:
    results = asked_by_verl((*ANSWERS, " "), {"question": QUESTION}, model=TuesdayJudge(), missing=-5)
    assert [list(result) for result in results] == [KEYS] * 5
    assert [result["score"] for result in results] == [2.0, -1.0, 2.0, -1.0, -5.0]
    assert [result["themis_scored"] for result in results] == [1.0, 1.0, 1.0, 1.0, 0.0]
    assert [result["themis_reason"] for result in results] == ["", "no_evidence", "", "", "empty_answer"]
    assert "Action: Calendar.week_day" in results[0]["themis_trace"]
    assert inspect.iscoroutinefunction(compute_score)


def test_the_number_for_answers_without_a_reward_is_chosen_before_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="verl cannot leave an answer without a reward out: set THEMIS_MISSING"):
        asked_by_verl(ANSWERS, {"question": QUESTION}, model=TuesdayJudge())
    monkeypatch.setenv("THEMIS_MISSING", "-2")
    assert asked_by_verl((" ",), {"question": QUESTION}, model=TuesdayJudge())[0]["score"] == -2.0


@pytest.mark.parametrize("told", [{}, {"question": None}, {"index": 3}])
def test_a_row_without_its_question_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"a row of dates: extra_info has no 'question'.*put the question into extra_info"):
        asked_by_verl(ANSWERS, told, model=TuesdayJudge(), missing=0)


def test_rows_out_of_parquet_hold_arrays() -> None:
    judge = TuesdayJudge()
    messages = np.array([{"role": "user", "content": "Add."}], dtype=object)
    tests = np.array(["assert add(1, 2) == 3"], dtype=object)
    asked_by_verl(("def add(a, b): ...",), {"question": messages, "tests": tests, "context": "Python"}, model=judge, missing=0)
    assert judge.cases == [Case(({"role": "user", "content": "Add."},), "def add(a, b): ...", "Python", ("assert add(1, 2) == 3",))]


def test_what_is_asked_at_the_same_time_is_in_the_judge_at_the_same_time() -> None:
    class Together(Judge):
        """Answers nobody until four have asked."""

        waiting = 0

        async def ajudge(self, case: Case) -> Verdict:
            self.waiting += 1
            while self.waiting < 4:
                await asyncio.sleep(0.01)
            return verdict_of(case)

        def judge_all(self, cases: Any) -> Any:
            raise NotImplementedError

    assert len(asked_by_verl(ANSWERS, {"question": QUESTION}, model=Together(), missing=0)) == 4


@needs_nano
def test_nano_gives_to_verl_what_it_gives_in_process(nano: Judge, wanted: list[float]) -> None:
    results = asked_by_verl(ANSWERS, {"question": QUESTION}, missing=0)
    assert [result["score"] for result in results] == pytest.approx(wanted, abs=1e-4)
    assert all(result["themis_valid_calls"] >= 1 for result in results)
