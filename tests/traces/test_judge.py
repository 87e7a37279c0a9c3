"""What every judge can do that writes `judge_all` alone, and a verdict written and read."""

import asyncio
import json
from collections.abc import Iterable, Iterator

from themis.traces import Action, Case, Judge, Observation, Step, Trace, Usage, Verdict, verdict_from_json


class LengthJudge(Judge):
    """The reward is the answer's length; the last case is done first."""

    def judge_all(self, cases: Iterable[Case]) -> Iterator[tuple[int, Verdict]]:
        for place, case in reversed(list(enumerate(cases))):
            yield place, Verdict(case.id, float(len(case.answer)), None)


CASES = [Case("q", "a" * length) for length in range(4)]


def test_one_case_is_judged_by_itself() -> None:
    assert LengthJudge().judge(CASES[3]).reward == 3


def test_the_async_twins_give_the_same() -> None:
    async def both() -> tuple[Verdict, list[tuple[int, Verdict]]]:
        judge = LengthJudge()
        return await judge.ajudge(CASES[2]), [entry async for entry in judge.ajudge_all(CASES)]

    one, several = asyncio.run(both())
    assert one.reward == 2
    assert several == list(LengthJudge().judge_all(CASES))


def test_a_judge_that_draws_nothing_is_its_own_sampled_judge_and_closes_nothing() -> None:
    with LengthJudge() as judge:
        assert judge.sampled(1.0, "seed") is judge


def test_a_verdict_comes_back_as_it_was() -> None:
    steps = (Step("t", Action("a", "x"), Observation("y", "timeout", "replayed_near")), Step("done"))
    verdict = Verdict("1", None, "budget", Trace(steps, "because"), Usage(1, 2, 3, 0.5))
    back = verdict_from_json(json.loads(json.dumps(verdict.to_json())))
    assert back == verdict
    assert back.trace.steps[0].observation == Observation("y", "timeout", "replayed_near")
