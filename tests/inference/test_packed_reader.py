"""Rows that are packed without padding get the rewards that each gets alone, and equal beginnings are read once."""

from pathlib import Path
from typing import Any

import pytest
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from tests.fakes import EchoTools, tiny_model
from themis.inference import load_judge
from themis.inference.causal import CausalJudge
from themis.inference.engine.packed_reader import PackedReader, grouped, packed
from themis.inference.engine.reader import WholeReader
from themis.inference.engine.row import Row
from themis.model.checkpoint import ModelMeta, save_model
from themis.traces import Case

CASES = [Case(f"How {'very ' * (place % 3)}old?", "It is seven" + " and a bit" * (place % 7) + ".") for place in range(24)]
CASES += [CASES[3], Case("How old?", "yes" * 60), Case("Who?", ""), Case("Who?", "x" * 900)]


def vanilla(tokenizer: PreTrainedTokenizerFast, backbone: Any = "qwen3", **settings: Any) -> CausalJudge:
    meta = ModelMeta(kind="vanilla")
    return CausalJudge(tiny_model(backbone, tokenizer), tokenizer, EchoTools(), meta=meta, **settings)


@pytest.mark.parametrize("backbone", ["llama", "qwen3", "qwen3-mixed", "mistral"])
@pytest.mark.parametrize("pass_tokens", [100, 4096])
def test_packed_rows_get_the_rewards_that_each_gets_alone(backbone: str, pass_tokens: int, tokenizer: PreTrainedTokenizerFast) -> None:
    alone = vanilla(tokenizer, backbone, use_cache=False, batch_size=1)
    assert isinstance(alone.new_reader(), WholeReader)
    expected = dict(alone.judge_all(CASES))
    together = vanilla(tokenizer, backbone, batch_size=10)
    assert together.model.enable_packing()
    together.new_reader = lambda: PackedReader(together.model, pass_tokens)  # type: ignore[method-assign]
    found = dict(together.judge_all(CASES))
    assert [found[place].reason for place in range(len(CASES))] == [None] * 26 + ["empty_answer", "too_long"]
    for place in range(26):
        assert found[place].reward == pytest.approx(expected[place].reward, abs=1e-4)
        assert found[place].usage.read_tokens == expected[place].usage.read_tokens


def test_answers_to_one_question_share_its_tokens(tokenizer: PreTrainedTokenizerFast) -> None:
    judge = vanilla(tokenizer)
    rows = [Row(case, judge.rules, 0.0, index=place) for place, case in enumerate([CASES[0], CASES[9], CASES[0], CASES[1]])]
    (pack,) = packed(rows, 4096)
    lengths = [len(row.token_ids) for row in pack.rows]
    assert len(pack.token_ids) < sum(lengths) - min(lengths)
    for row, places in zip(pack.rows, pack.places, strict=True):
        assert [pack.token_ids[place] for place in places] == row.token_ids
        assert [pack.positions[place] for place in places] == list(range(len(places)))
    groups, owners = grouped(pack.places, len(pack.token_ids))
    flat = [token for group in groups for row in group for token in row]
    assert [flat[owner] for owner in owners] == list(range(len(pack.token_ids)))


def test_a_vanilla_model_reads_packed_rows(tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    for kind, packs in (("vanilla", True), ("themis", False)):
        save_model(tmp_path / kind, tiny_model("qwen3", tokenizer), tokenizer, ModelMeta(kind=kind))
        with load_judge(tmp_path / kind, device="cpu") as judge:
            assert isinstance(judge, CausalJudge)
            assert isinstance(judge.new_reader(), PackedReader) == packs


def test_a_row_with_numbers_that_are_none_has_no_reward(tokenizer: PreTrainedTokenizerFast) -> None:
    judge = vanilla(tokenizer, batch_size=4)
    assert judge.model.enable_packing()
    read = judge.model.reward

    def broken(hidden: Tensor) -> Tensor:
        rewards = read(hidden)
        rewards[0] = float("nan")
        return rewards

    judge.model.reward = broken  # type: ignore[method-assign]
    verdicts = [verdict for _, verdict in judge.judge_all(CASES[:4])]
    assert sorted((verdict.reason or "") for verdict in verdicts) == ["", "", "", "malformed"]
