"""Pairs as token rows: what is a target, and where rewards are read."""

from dataclasses import replace

from tests.fakes import byte_tokenizer
from tests.pairs import by_rule
from themis.losses import TARGET_KINDS
from themis.traces.segments import SegmentWriter
from themis.traces.token_row import NO_TARGET
from themis.training.batches.encode import PairEncoder

TOKENIZER = byte_tokenizer()
WRITER = SegmentWriter(TOKENIZER)


def test_rewards_are_read_at_the_rationale_token_and_at_the_reward_token() -> None:
    for side in PairEncoder(WRITER).encode(by_rule("multi_tools", 0)).rows:
        assert side.token_ids[side.early_index] == WRITER.rationale_id
        assert side.token_ids[side.reward_index] == WRITER.reward_id
        assert side.reward_index == len(side.token_ids) - 1


def test_a_vanilla_model_reads_no_trace() -> None:
    chosen = PairEncoder(WRITER, vanilla=True).encode(by_rule("weather", 0)).chosen
    assert WRITER.tool_id not in chosen.token_ids
    assert WRITER.observation_id not in chosen.token_ids
    assert chosen.early_index == chosen.reward_index
    assert chosen.token_ids[chosen.reward_index] == WRITER.reward_id


def test_only_the_chosen_answers_own_tokens_are_targets() -> None:
    chosen, rejected = PairEncoder(WRITER).encode(by_rule("calendar", 0)).rows
    answer = TARGET_KINDS.index("answer")
    assert chosen.kinds.count(answer) > 0
    assert rejected.kinds.count(answer) == 0


def test_the_case_itself_is_no_target_and_the_stops_are_the_judges_own() -> None:
    chosen = PairEncoder(WRITER).encode(by_rule("calendar", 0)).chosen
    kind_of = dict(zip(chosen.token_ids, chosen.kinds, strict=True))
    assert kind_of[WRITER.observation_id] == TARGET_KINDS.index("action")
    assert kind_of[WRITER.rationale_id] == TARGET_KINDS.index("action")
    assert kind_of[WRITER.reward_id] == TARGET_KINDS.index("rationale")
    assert chosen.kinds[0] == NO_TARGET


def test_exchanged_rationales_are_no_targets_and_leave_the_rest_as_it_was() -> None:
    pair = by_rule("weather", 0)
    rows = PairEncoder(WRITER).encode(pair).rows
    for plain, other, swapped in zip(rows, rows[::-1], PairEncoder(WRITER).encode(pair, swapped=True).rows, strict=True):
        assert swapped.token_ids[: plain.early_index + 1] == plain.token_ids[: plain.early_index + 1]
        assert swapped.token_ids[swapped.early_index :] == other.token_ids[other.early_index :]
        assert swapped.kinds[: plain.early_index + 1] == plain.kinds[: plain.early_index + 1]
        assert set(swapped.kinds[swapped.early_index + 1 :]) == {NO_TARGET}


def test_an_answer_without_a_trace_is_read_as_a_vanilla_model_reads_it() -> None:
    pair = by_rule("calendar", 0)
    bare = replace(pair, chosen=replace(pair.chosen, trace=None))
    assert PairEncoder(WRITER).encode(bare).chosen == PairEncoder(WRITER, vanilla=True).encode(pair).chosen


def test_the_two_answers_share_the_prompt() -> None:
    encoded = PairEncoder(WRITER, vanilla=True).encode(by_rule("calendar", 0), margin=2.0)
    prompt = str(TOKENIZER.decode(encoded.chosen.token_ids[: encoded.shared_prefix]))
    assert prompt.startswith("### USER:\nQuestion:")
    assert "Answer:" in prompt
    assert encoded.margin == 2.0
