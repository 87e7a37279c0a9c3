"""Rewards: made once, waited for, and absent where there is no honest one."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from math import nan
from pathlib import Path

import pytest

from themis.errors import ConfigError, DataError, ServerError
from themis.rlhf.rewards import FunctionJudge, Rewarder, function_named
from themis.traces import Case, Judge
from themis.traces.trace import Usage, Verdict


class Counting(Judge):
    """Rewards the length of an answer, after some failures; `none` has no reward."""

    def __init__(self, failures: int = 0) -> None:
        self.seen: list[str] = []
        self.threads: set[str] = set()
        self.failures = failures

    def judge_all(self, cases: Iterable[Case]) -> Iterator[tuple[int, Verdict]]:
        if self.failures:
            self.failures -= 1
            raise ServerError("the server is away")
        self.threads.add(threading.current_thread().name)
        for place, case in reversed(list(enumerate(cases))):
            self.seen.append(case.answer)
            yield place, Verdict("", None if case.answer == "none" else float(len(case.answer)), None, usage=Usage(tool_calls=2))


def cases(*answers: str) -> list[Case]:
    return [Case("q", answer, id=str(number)) for number, answer in enumerate(answers)]


def test_equal_answers_are_judged_once_in_a_thread_of_their_own() -> None:
    judge = Counting()
    with Rewarder(judge) as rewarder:
        assert rewarder.judge(cases("a", "bb", "a", "none")) == [1.0, 2.0, 1.0, None]
        assert rewarder.judge(cases("none", "bb", "ccc")) == [None, 2.0, 3.0]
        assert rewarder.judge([Case("another", "a")]) == [1.0]
        kept = rewarder.kept()
    assert sorted(judge.seen) == ["a", "a", "bb", "ccc", "none"]
    assert threading.current_thread().name not in judge.threads
    with Rewarder(other := Counting()) as resumed:
        resumed.put_back(kept)
        assert resumed.judge(cases("a", "none", "dddd")) == [1.0, None, 4.0]
    assert other.seen == ["dddd"]


def test_an_answer_that_says_nothing_has_no_reward_and_is_not_sent() -> None:
    judge = Counting()
    with Rewarder(judge) as rewarder:
        assert rewarder.judge(cases("", "a")) == [None, 1.0]
    assert judge.seen == ["a"]


def test_a_judge_that_is_down_is_asked_again_and_then_the_error_is_told() -> None:
    heard: list[str] = []
    slept: list[float] = []
    with Rewarder(Counting(failures=2), 100.0, heard.append, slept.append) as rewarder:
        assert rewarder.judge(cases("a")) == [1.0]
    assert slept == [1.0, 2.0]
    assert heard[0] == "the judge cannot be asked (the server is away); asks again for 100 s"
    with Rewarder(Counting(failures=2), 0.0, heard.append, slept.append) as rewarder, pytest.raises(ServerError):
        rewarder.judge(cases("a"))


def test_a_function_is_a_judge_and_what_is_no_number_is_no_reward(tmp_path: Path) -> None:
    judge = FunctionJudge(lambda cases: [1, None, nan][: len(cases)])
    assert [verdict.reward for _, verdict in judge.judge_all(cases("a", "b", "c"))] == [1.0, None, None]
    with pytest.raises(DataError, match="gave 3 rewards for 4 cases"):
        list(judge.judge_all(cases("a", "b", "c", "d")))
    with pytest.raises(DataError, match="must give numbers or None, found '1'"):
        list(FunctionJudge(lambda cases: ["1"]).judge_all(cases("a")))  # type: ignore[list-item]


def length(cases: Sequence[Case]) -> list[float | None]:
    return [float(len(case.answer)) for case in cases]


def test_a_function_is_found_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def shout(cases):\n    return [float(case.answer.isupper()) for case in cases]\n")
    found = function_named(f"{file}:shout")
    assert found is not None
    assert found(cases("A", "b")) == [1.0, 0.0]
    assert function_named("tests.rlhf.test_rewards:length") is not None
    assert function_named("nano") is None
    assert function_named("http://127.0.0.1:8000") is None
    with pytest.raises(ConfigError, match="has no function 'whisper'"):
        function_named(f"{file}:whisper")
    with pytest.raises(ConfigError, match="there is no file"):
        function_named(f"{tmp_path}/other.py:shout")
    with pytest.raises(ConfigError, match="cannot be imported"):
        function_named("no.such.module:f")
