"""With and without kept keys and values, alone and in a batch, a judgement is the same.

The models have random weights and choose, by `tests.fakes.FormChoice`, among the tokens of the form: they write calls,
broken calls and steps without a call, as what they read has it; the first test makes sure that they do.
"""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, get_args

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from tests.fakes import Backbone, EchoTools, FormChoice, tiny_model
from themis.inference import Budget
from themis.inference.causal import CausalJudge
from themis.inference.engine.reader import CachedReader
from themis.model.checkpoint import ModelMeta
from themis.model.reward_model import RewardModel
from themis.traces.case import Case
from themis.traces.segments import SegmentWriter, token_ids
from themis.traces.trace import Action, Observation, Verdict

CASES = [
    Case(f"What is {number}?" + " And so on." * (number % 7), f"It is {'x' * (number * 3)}{number}.", id=str(number))
    for number in range(16)
]


def verdicts(
    model: RewardModel, tokenizer: PreTrainedTokenizerFast, judge_class: type[CausalJudge] = CausalJudge, **settings: Any
) -> list[Verdict]:
    """The verdicts of all cases, in their order."""
    settings = {"toolbox": EchoTools(), "budget": Budget(new_tokens=60), "rationale": "write", **settings}
    judge = judge_class(model, tokenizer, **settings)
    judge.choose = FormChoice(tokenizer)
    return [verdict for _, verdict in sorted(judge.judge_all(CASES), key=lambda numbered: numbered[0])]


def assert_same(found: list[Verdict], expected: list[Verdict]) -> None:
    assert [(verdict.id, verdict.reason, verdict.trace) for verdict in found] == [
        (verdict.id, verdict.reason, verdict.trace) for verdict in expected
    ]
    assert [verdict.usage.new_tokens for verdict in found] == [verdict.usage.new_tokens for verdict in expected]
    assert [verdict.usage.read_tokens for verdict in found] == [verdict.usage.read_tokens for verdict in expected]
    for one, other in zip(found, expected, strict=True):
        assert one.reward == pytest.approx(other.reward, abs=1e-3)


@pytest.fixture(scope="module", params=get_args(Backbone))
def backbone(request: pytest.FixtureRequest) -> Backbone:
    name: Backbone = request.param
    return name


@pytest.fixture(scope="module")
def model(backbone: Backbone, phrase_tokenizer: PreTrainedTokenizerFast) -> RewardModel:
    return tiny_model(backbone, phrase_tokenizer)


@pytest.fixture(scope="module")
def read_whole(model: RewardModel, phrase_tokenizer: PreTrainedTokenizerFast) -> list[Verdict]:
    """The reference: one case at a time, all tokens read at every step."""
    return verdicts(model, phrase_tokenizer, use_cache=False, batch_size=1)


def test_the_models_write_traces_worth_comparing(read_whole: list[Verdict]) -> None:
    steps = [step for verdict in read_whole for step in verdict.trace.steps]
    observations = [step.observation for step in steps if step.action is not None and step.observation is not None]
    assert len(observations) >= 12
    assert len(set(observations)) >= 6
    assert any(step.action is None and step.observation is not None for step in steps), "a broken call"
    assert max(len(verdict.trace.steps) for verdict in read_whole) >= 2
    assert len({verdict.trace for verdict in read_whole}) >= 10
    assert all(verdict.reward is not None for verdict in read_whole)


@pytest.mark.parametrize(("use_cache", "batch_size"), [(False, 16), (True, 1), (True, 5), (True, 16)])
def test_cache_and_batch_change_neither_tokens_nor_rewards(
    use_cache: bool, batch_size: int, model: RewardModel, phrase_tokenizer: PreTrainedTokenizerFast, read_whole: list[Verdict]
) -> None:
    assert_same(verdicts(model, phrase_tokenizer, use_cache=use_cache, batch_size=batch_size), read_whole)


def test_the_early_reward_is_the_same_too(model: RewardModel, phrase_tokenizer: PreTrainedTokenizerFast) -> None:
    alone = verdicts(model, phrase_tokenizer, use_cache=False, batch_size=1, rationale="skip")
    assert_same(verdicts(model, phrase_tokenizer, rationale="skip"), alone)


class DawdlingTools(EchoTools):
    """Tools that take their time, each call another, on threads: observations come in any order."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        super().__init__()
        self._pool = pool

    def submit(self, action: Action, case: Case) -> Future[Observation]:
        return self._pool.submit(self._answer_late, action, case)

    def _answer_late(self, action: Action, case: Case) -> Observation:
        time.sleep(len(case.answer) % 5 * 0.004)
        return super().submit(action, case).result()


def test_the_order_in_which_tools_answer_changes_no_verdict(
    model: RewardModel, phrase_tokenizer: PreTrainedTokenizerFast, read_whole: list[Verdict]
) -> None:
    with ThreadPoolExecutor(3) as pool:
        assert_same(verdicts(model, phrase_tokenizer, toolbox=DawdlingTools(pool), batch_size=6), read_whole)


@pytest.mark.parametrize("vanilla", [True, False])
def test_the_reward_is_the_one_a_plain_forward_pass_reads_at_the_same_index(
    vanilla: bool, model: RewardModel, phrase_tokenizer: PreTrainedTokenizerFast
) -> None:
    settings = {"meta": ModelMeta(kind="vanilla")} if vanilla else {"budget": Budget(tool_calls=0), "rationale": "skip"}
    writer = SegmentWriter(phrase_tokenizer)
    last = writer.reward_id if vanilla else writer.rationale_id
    for case, verdict in zip(CASES, verdicts(model, phrase_tokenizer, **settings), strict=True):
        tokens = torch.tensor([[*token_ids(writer.prompt(case)), last]])
        with torch.inference_mode():
            expected = model.reward(model(tokens))[0, -1].item()
        assert verdict.reward == pytest.approx(expected, abs=1e-4)
        assert verdict.trace.steps == ()
        assert verdict.usage.new_tokens == 0


def test_autocast_keeps_the_bargain_within_its_precision(phrase_tokenizer: PreTrainedTokenizerFast) -> None:
    model = tiny_model("llama", phrase_tokenizer)
    exact = verdicts(model, phrase_tokenizer, meta=ModelMeta(kind="vanilla"))
    rounded = verdicts(model, phrase_tokenizer, meta=ModelMeta(kind="vanilla"), autocast=torch.bfloat16)
    for one, other in zip(rounded, exact, strict=True):
        assert one.reward == pytest.approx(other.reward, abs=0.1)


class ShortPasses(CausalJudge):
    """Reads at most 48 tokens in a pass."""

    def new_reader(self) -> CachedReader:
        return CachedReader(self.model, pass_tokens=48)


def test_prompts_longer_than_a_pass_are_read_in_pieces(
    model: RewardModel, phrase_tokenizer: PreTrainedTokenizerFast, read_whole: list[Verdict]
) -> None:
    assert_same(verdicts(model, phrase_tokenizer, ShortPasses, batch_size=3), read_whole)
