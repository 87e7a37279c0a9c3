"""Judgements with drawn tokens."""

from transformers import PreTrainedTokenizerFast

from tests.fakes import EchoTools, tiny_model
from themis.inference import Budget
from themis.inference.causal import CausalJudge
from themis.traces import Case, Verdict

CASES = [Case("What?", f"Answer {number}", id=str(number)) for number in range(5)]


def judge(tokenizer: PreTrainedTokenizerFast, batch_size: int = 5) -> CausalJudge:
    """A tiny model with random weights.

    At temperature 1 it would write letters for ever, so its rationale is skipped.
    """
    model = tiny_model("llama", tokenizer)
    return CausalJudge(model, tokenizer, EchoTools(), rationale="skip", batch_size=batch_size, budget=Budget(tool_calls=1, new_tokens=60))


def written(judge: CausalJudge) -> dict[str, str]:
    verdicts: list[Verdict] = [verdict for _, verdict in judge.judge_all(CASES)]
    return {verdict.id: f"{verdict.reward} {verdict.reason} {verdict.trace} {verdict.usage.new_tokens}" for verdict in verdicts}


def test_the_same_seed_draws_the_same_traces_in_any_batch_and_another_seed_others(phrase_tokenizer: PreTrainedTokenizerFast) -> None:
    together = judge(phrase_tokenizer).sampled(0.7, "7/0")
    alone = judge(phrase_tokenizer, batch_size=1).sampled(0.7, "7/0")
    other = judge(phrase_tokenizer).sampled(0.7, "7/1")
    steps = [{id: text.split(" ", 1)[1] for id, text in written(each).items()} for each in (together, alone, other)]
    assert steps[0] == steps[1]
    assert steps[0] != steps[2]


def test_the_judge_that_was_there_still_takes_the_likeliest(phrase_tokenizer: PreTrainedTokenizerFast) -> None:
    first = judge(phrase_tokenizer)
    before = written(first)
    written(first.sampled(1.0, "1"))
    assert written(first) == before
    assert written(first.sampled(1e-6, "1")) == before
