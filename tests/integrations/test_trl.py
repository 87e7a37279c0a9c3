"""Reward functions for TRL: called as its trainers call them, and by a real `GRPOTrainer`."""

import asyncio
import importlib
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import byte_tokenizer, random_backbone, tiny_config
from tests.integrations.conftest import ANSWERS, QUESTION, JudgeServer, TuesdayJudge, needs_nano
from themis.errors import ConfigError, DataError
from themis.integrations.judges import RememberingJudge
from themis.integrations.trl import answer_of, reward_function
from themis.rlhf.rewards import FunctionJudge
from themis.traces import Case, Judge, Verdict


class Logs:
    """What a trainer is given to log."""

    def __init__(self) -> None:
        self.columns: dict[str, list[str]] = {}
        self.metrics: dict[str, float] = {}

    def asked(self, function: Any, prompts: list[Any], completions: list[Any], **columns: Any) -> list[float | None]:
        """By keywords alone; a coroutine is awaited."""
        words: dict[str, Any] = {"completion_ids": [[1]] * len(prompts), "trainer_state": object(), **columns}
        said = function(
            prompts=prompts, completions=completions, log_extra=self.columns.setdefault, log_metric=self.metrics.setdefault, **words
        )
        rewards: list[float | None] = asyncio.run(said) if asyncio.iscoroutine(said) else said
        return rewards


@pytest.mark.parametrize("asynchronous", [False, True])
def test_rewards_come_in_order_with_trace_status_and_shares(asynchronous: bool) -> None:
    logs, function = Logs(), reward_function(TuesdayJudge(), asynchronous=asynchronous)
    assert asyncio.iscoroutinefunction(function) == asynchronous
    assert logs.asked(function, [QUESTION] * 4, ["A Tuesday.", "A Friday.", " ", "A Sunday."]) == [2.0, -1.0, None, -1.0]
    assert logs.columns["themis_status"] == ["scored", "degraded: no_evidence", "unscored: empty_answer", "scored"]
    assert logs.columns["themis_trace"][0] == (
        "Thought: I look.\nAction: Calendar.week_day\nAction Input: 2015-03-24\nObservation: Tuesday\nRationale: So it is.\n"
    )
    shares = {"scored": 0.5, "degraded": 0.25, "unscored": 0.25, "valid_calls": 1.0}
    assert logs.metrics == {f"themis/{name}": share for name, share in shares.items()}


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("prompt", [QUESTION, [{"role": "user", "content": QUESTION}]])
def test_equal_answers_of_a_group_are_judged_once(asynchronous: bool, prompt: Any) -> None:
    judge, logs = TuesdayJudge(), Logs()
    said = ["A Friday.", "A Tuesday.", "A Friday.", " ", "A Tuesday."]
    rewards = logs.asked(reward_function(judge, asynchronous=asynchronous), [prompt] * 5, said)
    assert (rewards[0], rewards[2]) == (-1.0, -1.0)
    assert (rewards[1], rewards[3], rewards[4]) == (2.0, None, 2.0)
    assert sorted(case.answer for case in judge.cases) == [" ", "A Friday.", "A Tuesday."]
    assert len(logs.columns["themis_trace"]) == 5


def test_the_same_answer_to_two_questions_is_judged_twice() -> None:
    judge = TuesdayJudge()
    Logs().asked(reward_function(judge), [QUESTION, f"{QUESTION} Answer briefly."], ["A Tuesday."] * 2)
    assert len(judge.cases) == 2


def test_the_probability_can_be_the_reward_where_the_judge_has_one() -> None:
    function = reward_function(TuesdayJudge(), number="probability")
    assert function([QUESTION] * 3, ["A Tuesday.", " ", "A Sunday."]) == [0.75, None, 0.75]
    with pytest.raises(ConfigError, match="this judge gives rewards without a probability"):
        reward_function(FunctionJudge(lambda cases: [1.0] * len(cases)), number="probability")([QUESTION], ["A Tuesday."])
    with pytest.raises(ConfigError, match="number: must be one of reward, probability, found 'score'"):
        reward_function(TuesdayJudge(), number="score")  # type: ignore[arg-type]


def test_a_judge_that_remembers_is_asked_once_for_equal_answers_of_all_batches() -> None:
    judge = TuesdayJudge()
    remembering = RememberingJudge(judge, most=2)
    function = reward_function(remembering)
    assert function([QUESTION] * 2, ["A Tuesday.", "A Sunday."]) == [2.0, -1.0]
    assert function([QUESTION] * 2, ["A Sunday.", "A Tuesday."]) == [-1.0, 2.0]
    assert len(judge.cases) == 2
    assert function([QUESTION], ["A Monday."]) == [-1.0]  # now Sunday, asked for longest ago, is forgotten
    assert remembering.judge(Case(QUESTION, "A Tuesday.", id="mine")).id == "mine"
    function([QUESTION], ["A Sunday."])
    assert [case.answer for case in judge.cases[2:]] == ["A Monday.", "A Sunday."]


def test_a_judgement_that_failed_is_tried_again() -> None:
    class Failing(TuesdayJudge):
        def judge_all(self, cases: Iterable[Case]) -> Iterator[tuple[int, Verdict]]:
            for place, case in enumerate(cases):
                self.cases.append(case)
                yield place, Verdict(case.id, None, "failed")

    judge = Failing()
    function = reward_function(RememberingJudge(judge))
    assert [function([QUESTION], ["A Tuesday."]) for _ in range(2)] == [[None], [None]]
    assert len(judge.cases) == 2


def test_without_anything_to_log_to_there_are_rewards_and_without_completions_none() -> None:
    function = reward_function(TuesdayJudge(), name="dates")
    assert function.__name__ == "dates"
    assert function([QUESTION], ["A Tuesday."]) == [2.0]
    assert Logs().asked(function, [], []) == []


def test_messages_are_read_and_the_answer_is_the_last_turn_of_the_assistant() -> None:
    judge = TuesdayJudge()
    prompt = [{"role": "user", "content": QUESTION}]
    called = {"role": "assistant", "content": None, "tool_calls": [{"type": "function"}]}
    turns = [called, {"role": "tool", "name": "dates", "content": "Tuesday"}, {"role": "assistant", "content": "A Tuesday."}]
    assert Logs().asked(reward_function(judge), [prompt] * 2, [turns, turns[:2]]) == [2.0, None]
    assert judge.cases[1] == Case(({"role": "user", "content": QUESTION},), "A Tuesday.")
    assert judge.cases[0].answer == ""
    assert (
        answer_of([{"role": "assistant", "content": [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]}]) == "One.\nTwo."
    )
    assert answer_of([]) == ""


def test_columns_of_the_data_are_used_where_they_are_there() -> None:
    judge = TuesdayJudge()
    columns = {"ask": ["Add.", "Subtract."], "context": ["Python", None], "tests": [["assert f"], None], "other": [1, 2]}
    Logs().asked(reward_function(judge, question="ask"), ["templated 1", "templated 2"], ["def f", "def g"], **columns)
    assert judge.cases[::-1] == [Case("Add.", "def f", "Python", ("assert f",)), Case("Subtract.", "def g")]
    with pytest.raises(ConfigError, match="question: the data set has no column 'question', it has ask, context, other, tests"):
        Logs().asked(reward_function(judge, question="question"), ["1", "2"], ["a", "b"], **columns)
    with pytest.raises(DataError, match="completion 0: field 'tests' must be a list"):
        Logs().asked(reward_function(judge), ["1"], ["a"], tests=["assert f"])


@pytest.mark.parametrize(("name", "asynchronous"), [("reward", False), ("reward_async", True)])
def test_a_dotted_path_leads_to_the_judge_of_the_environment(
    name: str, asynchronous: bool, server: JudgeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THEMIS_MODEL", server.url)
    function = getattr(importlib.import_module("themis.integrations.trl"), name)
    assert (function.__name__, asyncio.iscoroutinefunction(function)) == (name, asynchronous)
    logs = Logs()
    assert logs.asked(function, [QUESTION] * 2, ["A Tuesday.", ""]) == [2.0, None]
    assert list(logs.columns) == ["themis_status", "themis_trace"]


@needs_nano
def test_nano_gives_to_trl_what_it_gives_in_process(nano: Judge, wanted: list[float]) -> None:
    for asynchronous in (False, True):
        rewards = Logs().asked(reward_function("nano", asynchronous=asynchronous), [QUESTION] * 4, list(ANSWERS))
        assert rewards == pytest.approx(wanted, abs=1e-4)


@needs_nano
def test_a_grpo_trainer_is_rewarded_by_nano_which_calls_its_tools(nano: Judge, tmp_path: Path) -> None:
    """A policy that knows nothing; a synchronous function beside an asynchronous one."""
    trl, datasets, pandas = (pytest.importorskip(name) for name in ("trl", "datasets", "pandas"))
    tokenizer = byte_tokenizer(ours=False)
    policy = random_backbone(tiny_config("llama", len(tokenizer), 256))
    days = [f"What day of the week is 2015-03-{day}?" for day in range(10, 16)]
    config = trl.GRPOConfig(
        output_dir=str(tmp_path),
        max_steps=3,
        per_device_train_batch_size=4,
        num_generations=4,
        max_completion_length=8,
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        log_completions=True,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    functions = [reward_function("nano"), reward_function("nano", name="beside", asynchronous=True)]
    data = datasets.Dataset.from_dict({"prompt": days})
    trainer = trl.GRPOTrainer(policy, reward_funcs=functions, args=config, train_dataset=data, processing_class=tokenizer)
    trainer.train()
    steps = [entry for entry in trainer.state.log_history if "rewards/themis/mean" in entry]
    assert len(steps) == 3
    assert all(math.isfinite(entry["rewards/themis/mean"]) and entry["themis/valid_calls"] > 0 for entry in steps)
    assert all(entry["themis/scored"] + entry["themis/degraded"] + entry["themis/unscored"] == pytest.approx(1) for entry in steps)
    tables = [pandas.read_parquet(file) for file in sorted((tmp_path / "completions").glob("*.parquet"))]
    assert [len(table) for table in tables] == [4, 4, 4]
    for table in tables:
        assert table["themis"].tolist() == pytest.approx(table["beside"].tolist(), abs=1e-4, nan_ok=True)
        assert table["themis_trace"].tolist() == table["beside_trace"].tolist()
    traces = "".join(trace for table in tables for trace in table["themis_trace"])
    assert "Action: Calendar.week_day\nAction Input: 2015-03-1" in traces
