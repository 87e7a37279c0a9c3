"""Calls that are taken back and written anew."""

from collections.abc import Sequence
from typing import Any

import pytest
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from tests.fakes import EchoTools, ScriptedModel, tiny_model
from tests.inference.test_cache_agreement import verdicts
from themis.inference import Budget
from themis.inference.causal import CausalJudge
from themis.inference.engine.row import Row
from themis.inference.judgement import SECOND_TRY_TOKENS
from themis.model.checkpoint import ModelMeta
from themis.traces.case import Case
from themis.traces.text import OBSERVATION, RATIONALE
from themis.traces.trace import Action, Observation, Step, Trace, Verdict

CASE = Case("What age?", "Seven.", id="seven")
CALL = f"Thought: ask\nAction: echo\nAction Input: age\n{OBSERVATION}"
CALLED = Step("ask", Action("echo", "age"), Observation("you said age"))
REFUSED = Observation("expected a day, found 'age'", "error")


def likeliest(logits_BV: Tensor, rows: list[Row]) -> list[int | None]:
    """A script knows one way to write a call."""
    found: list[int | None] = logits_BV.argmax(-1).tolist()
    return found


def judged(tokenizer: PreTrainedTokenizerFast, observations: Sequence[Observation], lines: Sequence[str], tries: int) -> Verdict:
    """By tools that give these observations in turn, the last one for ever."""
    left = list(observations)
    toolbox = EchoTools(lambda action, case: left.pop(0) if len(left) > 1 else left[0])
    settings: dict[str, Any] = {"rationale": "skip", "budget": Budget(second_tries=tries), "meta": ModelMeta(unlikely=-9.0)}
    judge = CausalJudge(ScriptedModel(tokenizer, lines), tokenizer, toolbox, use_cache=False, **settings)
    judge.choose = likeliest
    return judge.judge(CASE)


def test_a_refused_call_is_taken_back_and_the_trace_holds_the_one_in_its_place(tokenizer: PreTrainedTokenizerFast) -> None:
    told = [REFUSED, REFUSED, Observation("you said age")]
    verdict = judged(tokenizer, told, [CALL, RATIONALE], tries=2)
    assert verdict.trace == Trace((CALLED,))
    assert (verdict.reward, verdict.reason, verdict.usage.tool_calls) == (1.5, None, 3)
    assert verdict.unfamiliar, "one that needs a second try knows less"


def test_by_default_nothing_is_taken_back(tokenizer: PreTrainedTokenizerFast) -> None:
    assert Budget().second_tries == 0
    verdict = judged(tokenizer, [REFUSED], [CALL, RATIONALE], tries=0)
    assert verdict.trace.steps[0].observation == REFUSED


def test_a_call_that_is_refused_each_time_stands_once_and_the_reward_is_read(tokenizer: PreTrainedTokenizerFast) -> None:
    verdict = judged(tokenizer, [REFUSED], [CALL, RATIONALE], tries=2)
    assert [step.observation for step in verdict.trace.steps] == [REFUSED]
    assert (verdict.reward, verdict.reason, verdict.usage.tool_calls) == (1.5, "no_evidence", 3)


@pytest.mark.parametrize(("words", "calls"), [("age", 1), ("oak tree", 3)])
def test_a_call_that_says_nothing_of_the_case_is_taken_back(words: str, calls: int, tokenizer: PreTrainedTokenizerFast) -> None:
    verdict = judged(tokenizer, [Observation("heard")], [CALL.replace("age", words), RATIONALE], tries=2)
    assert verdict.usage.tool_calls == calls


def test_a_tool_that_is_off_is_not_asked_again(tokenizer: PreTrainedTokenizerFast) -> None:
    off = Observation("this tool is off", "unavailable", "off")
    assert judged(tokenizer, [off], [CALL, RATIONALE], tries=2).usage.tool_calls == 1


SEARCHED = CALL.replace("Action: echo", "Action: search")


@pytest.mark.parametrize(("told", "reason"), [(Observation("you said age"), None), (REFUSED, "tool_unavailable")])
def test_where_a_tool_is_off_another_is_asked_and_the_reason_stays_where_that_finds_nothing(
    told: Observation, reason: str | None, tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The script names the tool that is off once more, before it names the other."""
    asked, calls, take_back = list[str](), [SEARCHED, SEARCHED, CALL], Row.take_back
    monkeypatch.setattr(Row, "take_back", lambda row: bool(calls.pop(0)) and take_back(row))

    def answer(action: Action, case: Case) -> Observation:
        asked.append(action.tool)
        return told if action.tool == "echo" else Observation("this tool is off", "unavailable", "off")

    settings: dict[str, Any] = {"rationale": "skip", "budget": Budget(second_tries=2), "meta": ModelMeta(unlikely=-9.0)}
    model = ScriptedModel(tokenizer, lambda prompt: [calls[0], RATIONALE])
    judge = CausalJudge(model, tokenizer, EchoTools(answer), use_cache=False, **settings)
    judge.choose = likeliest
    verdict = judge.judge(CASE)
    assert verdict.trace.steps == (Step("ask", Action("echo", "age"), told),)
    assert asked == ["search", "echo"]
    assert (verdict.usage.tool_calls, verdict.reason, verdict.unfamiliar) == (2, reason, True)


def test_a_second_try_that_does_not_end_is_cut_early(tokenizer: PreTrainedTokenizerFast) -> None:
    """After the first call the script babbles: the next one must not use up the tokens of the judgement."""
    endless = "".join(chr(33 + place * 7 % 90) for place in range(400))
    verdict = judged(tokenizer, [REFUSED], [endless, RATIONALE], tries=1)
    assert verdict.reward == 1.5
    assert verdict.usage.new_tokens < Budget().call_tokens + 2 * SECOND_TRY_TOKENS


@pytest.mark.parametrize(("use_cache", "batch_size"), [(False, 1), (True, 1), (True, 5)])
def test_what_was_read_of_a_step_that_is_taken_back_leaves_no_trace(
    use_cache: bool, batch_size: int, phrase_tokenizer: PreTrainedTokenizerFast
) -> None:
    """A model that always writes the likeliest call writes the same again, and comes to the same reward."""
    model = tiny_model("llama", phrase_tokenizer)
    settings: dict[str, Any] = {"use_cache": use_cache, "batch_size": batch_size}
    once = verdicts(model, phrase_tokenizer, budget=Budget(), **settings)
    again = verdicts(model, phrase_tokenizer, budget=Budget(second_tries=2), **settings)
    assert any(other.usage.tool_calls > one.usage.tool_calls for one, other in zip(once, again, strict=True))
    assert [verdict.trace for verdict in again] == [verdict.trace for verdict in once]
    for one, other in zip(once, again, strict=True):
        assert other.reward == pytest.approx(one.reward, abs=1e-3)
