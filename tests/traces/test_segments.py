"""Joined in order, segments are what the model reads; their kinds say what it must learn to write."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from tests.fakes import byte_tokenizer
from tests.traces.drawn import texts, traces
from themis.errors import ModelError
from themis.traces import Action, Case, Observation, Step, Trace
from themis.traces.segments import Kind, SegmentWriter, loss_kinds, token_ids
from themis.traces.text import SPECIAL_TOKENS

CASE = Case("What day is 2015-03-24?", "Tuesday", "A calendar.")
TRACE = Trace((Step("t", Action("a", "i"), Observation("o")),), "r")
SAME_TOKENIZER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)


def read(tokenizer: PreTrainedTokenizerFast, ids: list[int]) -> str:
    return str(tokenizer.decode(ids, clean_up_tokenization_spaces=False))


def test_the_segments_of_a_judgement_read_as_the_written_form(tokenizer: PreTrainedTokenizerFast) -> None:
    segments = SegmentWriter(tokenizer).judgement(CASE, TRACE)
    assert [(segment.kind, read(tokenizer, segment.token_ids)) for segment in segments] == [
        ("prompt", "### USER:\nContext: A calendar.\nQuestion: What day is 2015-03-24?\nAnswer:"),
        ("answer", " Tuesday"),
        ("prompt", "\n### ASSISTANT:\n"),
        ("action", "<|tool|>Thought: t\nAction: a\nAction Input: i\n"),
        ("observation", "<|observation|>Observation: o\n"),
        ("rationale", "<|rationale|>Rationale: r\n"),
        ("reward", "<|reward|>"),
    ]


def test_without_a_context_there_is_no_context_line(tokenizer: PreTrainedTokenizerFast) -> None:
    prompt = SegmentWriter(tokenizer).prompt(Case("q", "a"))
    assert read(tokenizer, token_ids(prompt)) == "### USER:\nQuestion: q\nAnswer: a\n### ASSISTANT:\n"


def test_a_chat_is_one_question_with_its_roles(tokenizer: PreTrainedTokenizerFast) -> None:
    chat = Case(({"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes?"}, {"role": "user", "content": "2+2?"}), "4")
    assert read(tokenizer, token_ids(SegmentWriter(tokenizer).prompt(chat))).startswith(
        "### USER:\nQuestion: user: hi\nassistant: yes?\nuser: 2+2?\nAnswer: 4\n"
    )


def test_a_trace_without_a_rationale_still_opens_one_for_the_early_reward(tokenizer: PreTrainedTokenizerFast) -> None:
    writer = SegmentWriter(tokenizer)
    assert token_ids(writer.trace(Trace())) == [writer.rationale_id, writer.reward_id]


def test_a_tokenizer_without_our_tokens_is_refused(tokenizer: PreTrainedTokenizerFast) -> None:
    class Bare:
        all_special_tokens = name_or_path = None

        def get_added_vocab(self) -> dict[str, int]:
            return {"<|tool|>": 1}

    with pytest.raises(ModelError, match=re.escape("lacks the special tokens <|observation|> <|rationale|> <|reward|>")):
        SegmentWriter(Bare())  # type: ignore[arg-type]


@SAME_TOKENIZER
@given(case=texts().map(lambda text: Case(text, text, text)), trace=traces())
def test_special_tokens_stand_at_the_openings_and_nowhere_else(tokenizer: PreTrainedTokenizerFast, case: Case, trace: Trace) -> None:
    writer = SegmentWriter(tokenizer)
    ours = {tokenizer.convert_tokens_to_ids(token) for token in SPECIAL_TOKENS}
    segments = writer.judgement(case, trace)
    opened = [segment for segment in segments if segment.kind not in ("prompt", "answer")]
    assert all(segment.token_ids[0] in ours for segment in opened)
    assert sum(token in ours for token in token_ids(segments)) == len(opened)


@SAME_TOKENIZER
@given(case=texts().map(lambda text: Case(text, text, text)), trace=traces())
def test_every_token_has_a_kind(tokenizer: PreTrainedTokenizerFast, case: Case, trace: Trace) -> None:
    segments = SegmentWriter(tokenizer).judgement(case, trace)
    assert len(loss_kinds(segments)) == len(token_ids(segments))


def targets(tokenizer: PreTrainedTokenizerFast, trace: Trace, *kinds: Kind) -> str:
    """What of the judgement is learned, if these kinds are."""
    segments = SegmentWriter(tokenizer).judgement(CASE, trace)
    return read(tokenizer, [token for token, kind in zip(token_ids(segments), loss_kinds(segments), strict=True) if kind in kinds])


def test_the_judge_learns_its_calls_and_to_stop_after_them(tokenizer: PreTrainedTokenizerFast) -> None:
    assert targets(tokenizer, TRACE, "action") == "<|tool|>Thought: t\nAction: a\nAction Input: i\n<|observation|><|rationale|>"


def test_an_observation_is_learned_without_the_token_that_opens_it(tokenizer: PreTrainedTokenizerFast) -> None:
    assert targets(tokenizer, TRACE, "observation") == "Observation: o\n"


def test_a_rationale_is_learned_up_to_the_reward(tokenizer: PreTrainedTokenizerFast) -> None:
    assert targets(tokenizer, TRACE, "rationale") == "Rationale: r\n<|reward|>"


def test_the_answer_is_learned_without_its_surroundings(tokenizer: PreTrainedTokenizerFast) -> None:
    assert targets(tokenizer, TRACE, "answer") == " Tuesday"


def test_the_second_call_is_learned_as_the_first(tokenizer: PreTrainedTokenizerFast) -> None:
    twice = Trace((*TRACE.steps, Step("u", Action("b", "j"), Observation("p"))), "r")
    assert targets(tokenizer, twice, "action") == (
        "<|tool|>Thought: t\nAction: a\nAction Input: i\n<|observation|>"
        "<|tool|>Thought: u\nAction: b\nAction Input: j\n<|observation|><|rationale|>"
    )


def test_a_judge_that_needs_no_tool_learns_to_conclude_at_once(tokenizer: PreTrainedTokenizerFast) -> None:
    assert targets(tokenizer, Trace((), "r"), "action") == "<|rationale|>"
    no_tool = Trace((Step("Do I need to use a tool? No"),), "r")
    assert targets(tokenizer, no_tool, "action") == "<|tool|>Thought: Do I need to use a tool? No\nFinished.\n<|rationale|>"


def test_every_kind_together_is_the_judgement(tokenizer: PreTrainedTokenizerFast) -> None:
    segments = SegmentWriter(tokenizer).judgement(CASE, TRACE)
    assert targets(tokenizer, TRACE, *set(loss_kinds(segments))) == read(tokenizer, token_ids(segments))


@pytest.mark.parametrize(("opens", "closes"), [(True, False), (True, True), (False, True), (False, False)])
def test_a_prompt_opens_as_the_tokenizer_opens_a_text(opens: bool, closes: bool) -> None:
    tokenizer = byte_tokenizer()
    tokenizer.add_special_tokens({"bos_token": "<s>", "eos_token": "</s>"}, replace_extra_special_tokens=False)
    single = "<s> " * opens + "$A" + " </s>" * closes
    marks = [("<s>", tokenizer.bos_token_id), ("</s>", tokenizer.eos_token_id)]
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single=single, special_tokens=marks)
    ids = token_ids(SegmentWriter(tokenizer).judgement(Case("q <s>", "a </s>"), Trace((), None)))
    assert ids.count(tokenizer.bos_token_id) == opens
    assert ids.count(tokenizer.eos_token_id) == 0
    assert (ids[0] == tokenizer.bos_token_id) is opens
