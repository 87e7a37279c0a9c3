"""Answers, their probabilities, and policies that cannot be used."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.fakes import byte_tokenizer
from themis.errors import ConfigError, ModelError
from themis.hyperparameters import Lora
from themis.rlhf.policy import (
    Policy,
    alike,
    answer_logits,
    batch_of,
    check_same_words,
    drawn,
    frozen_twin,
    load_policy,
    prepare_training,
    save_policy,
    trained,
    uniform_numbers,
    write_answers,
)
from themis.rlhf.ppo.losses import log_probs_of
from themis.rlhf.ppo.value import ValueModel
from themis.rlhf.recipe import PolicyModel
from themis.traces import Case

TINY = {
    "model_type": "qwen3",
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 128,
    "tie_word_embeddings": True,
}
SCRATCH = PolicyModel(config=TINY)


@pytest.fixture(scope="module")
def policy() -> Policy:
    torch.manual_seed(0)
    return load_policy(SCRATCH)


def prompts(policy: Policy) -> list[list[int]]:
    return [policy.prompt_ids(Case(question, "")) for question in ("What?", "What day of the week is 2015-03-24?", "Why")]


def test_a_policy_from_scratch_has_an_end_and_writes_the_question(policy: Policy) -> None:
    assert policy.tokenizer.decode([policy.end_id]) == "<|end|>"
    assert policy.tokenizer.decode(policy.prompt_ids(Case("Why?", "", context="So."))) == "Context: So.\nQuestion: Why?\nAnswer:\n"
    assert policy.text_of(policy.answer_ids("A Tuesday.")) == "A Tuesday."


def test_a_token_is_drawn_where_the_cumulated_probability_passes_the_number() -> None:
    logits = torch.tensor([0.2, 0.5, 0.3]).log().expand(6, 3)
    numbers = torch.tensor([0.0, 0.19, 0.21, 0.69, 0.71, 0.9999999], dtype=torch.float64)
    assert drawn(logits, numbers, 1.0).tolist() == [0, 0, 1, 1, 2, 2]
    assert drawn(logits, numbers, 0.0).tolist() == [1] * 6


def test_an_answer_is_the_same_in_whatever_batch_it_is_written(policy: Policy) -> None:
    asked, numbers = prompts(policy), uniform_numbers(7, 3, range(3), 12)
    together = write_answers(policy, asked, numbers)
    alone = [write_answers(policy, [asked[row]], numbers[row : row + 1])[0] for row in range(3)]
    assert together == alone
    assert len({tuple(answer) for answer in together}) == 3
    assert torch.equal(uniform_numbers(7, 3, [2], 12)[0], numbers[2])


def test_answers_end_at_their_end_token_and_the_others_go_on(policy: Policy) -> None:
    asked = prompts(policy)
    end = replace(policy, tokenizer=load_policy(SCRATCH).tokenizer)  # to get another end, one that this model may draw
    numbers = uniform_numbers(7, 3, range(3), 12)
    first = write_answers(policy, asked, numbers)
    chosen = first[1][4]
    assert all(chosen not in answer[:4] for answer in first)
    end.tokenizer.eos_token = end.tokenizer.convert_ids_to_tokens(chosen)
    assert end.end_id == chosen
    stopped = write_answers(end, asked, numbers)
    expected = [answer[: answer.index(chosen) + 1] if chosen in answer else answer for answer in first]
    assert stopped == expected
    assert len(stopped[1]) == 5


def test_probabilities_are_those_that_the_tokens_were_drawn_from(policy: Policy) -> None:
    asked = prompts(policy)
    answers = write_answers(policy, asked, uniform_numbers(1, 0, range(3), 6), temperature=0)
    batch = batch_of(asked, answers, policy.tokenizer.pad_token_id)
    with torch.no_grad():
        logits = answer_logits(policy.lm, batch)
    assert torch.equal(logits.argmax(-1), batch.answer_BT)  # it took the most likely token at each place
    alone = batch_of(asked[:1], answers[:1], policy.tokenizer.pad_token_id)
    with torch.no_grad():
        one = log_probs_of(answer_logits(policy.lm, alone), alone.answer_BT)
    torch.testing.assert_close(one[0], log_probs_of(logits, batch.answer_BT)[0], atol=1e-5, rtol=0)


def test_groups_hold_answers_of_like_length() -> None:
    assert alike([9, 2, 7, 2, 8], 2) == [[1, 3], [2, 4], [0]]


def test_a_value_does_not_see_its_own_token_nor_a_later_one(policy: Policy) -> None:
    asked = prompts(policy)[:1]
    value = ValueModel(policy.lm, SCRATCH, seed=1)
    one, other = (value(batch_of(asked, [answer], 0)) for answer in ([5, 6, 7], [5, 9, 8]))
    torch.testing.assert_close(one[0, :2], other[0, :2])
    assert one[0, 2] != other[0, 2]


def test_the_value_model_learns_without_touching_the_policy(policy: Policy) -> None:
    before = {name: weight.clone() for name, weight in policy.lm.named_parameters()}
    value = ValueModel(policy.lm, SCRATCH, seed=1)
    optimizer = torch.optim.SGD([weight for _, weight in trained(value)], lr=1.0)
    value(batch_of(prompts(policy), [[5, 6, 7]] * 3, 0)).sum().backward()
    assert all(weight.grad is not None for _, weight in trained(value))
    optimizer.step()
    assert all(torch.equal(weight, before[name]) for name, weight in policy.lm.named_parameters())


def test_models_with_adapters_share_the_frozen_weights_and_start_as_the_policy(policy: Policy, tmp_path: Path) -> None:
    save_policy(replace(policy, lm=frozen_twin(policy.lm, shared=False)), tmp_path)
    settings = PolicyModel(name=str(tmp_path), lora=Lora(r=2, alpha=4, dropout=0.0))
    read = load_policy(settings)
    reference = frozen_twin(read.lm, shared=True)
    value = ValueModel(read.lm, settings, seed=1)
    prepare_training(read.lm, settings)
    shared = {id(weight) for weight in reference.parameters()}
    assert shared <= {id(weight) for weight in read.lm.parameters()}
    assert shared <= {id(weight) for weight in value.parameters()}
    assert not any(weight.requires_grad for weight in reference.parameters())
    assert len(list(trained(read.lm))) == 8  # two layers, two targets, two matrices
    assert len(list(trained(value))) == 10
    batch = batch_of(prompts(read), [[5, 6]] * 3, 0)
    torch.testing.assert_close(answer_logits(read.lm, batch), answer_logits(reference, batch))
    with torch.no_grad():
        for _, weight in trained(read.lm):
            weight.add_(0.1)
    assert not torch.allclose(answer_logits(read.lm, batch), answer_logits(reference, batch))
    learned = answer_logits(read.lm, batch)
    save_policy(read, tmp_path / "merged")
    torch.testing.assert_close(answer_logits(load_policy(PolicyModel(name=str(tmp_path / "merged"))).lm, batch), learned)


@pytest.mark.parametrize(("has", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_frozen_weights_are_read_in_bf16_only_where_the_machine_multiplies_in_it(
    policy: Policy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has: bool, dtype: torch.dtype
) -> None:
    monkeypatch.setattr("themis.rlhf.policy.has_bf16", lambda: has)
    save_policy(policy, tmp_path / "policy")
    adapted = PolicyModel(name=str(tmp_path / "policy"), dtype="bfloat16", lora=Lora(r=2, alpha=4, dropout=0.0))
    assert load_policy(adapted).lm.dtype == dtype


def test_what_cannot_be_a_policy_is_one_sentence(policy: Policy, tmp_path: Path) -> None:
    lm = frozen_twin(policy.lm, shared=False)
    tokenizer = byte_tokenizer(ours=False)
    tokenizer.eos_token = None
    lm.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match=r"has no token that ends an answer: name one of its tokens as policy\.eos_token"):
        load_policy(PolicyModel(name=str(tmp_path)))
    with pytest.raises(ConfigError, match="the tokenizer has no token '<end>'"):
        load_policy(PolicyModel(name=str(tmp_path), eos_token="<end>"))
    with pytest.raises(ConfigError, match="has no chat template; give plain"):
        load_policy(PolicyModel(name=str(tmp_path), eos_token="<pad>", form="chat"))
    other = load_policy(PolicyModel(name=str(tmp_path), eos_token="<pad>"))
    with pytest.raises(ConfigError, match="has another vocabulary than the policy"):
        check_same_words(policy, other, "other")
    with pytest.raises(ModelError, match=r"holds no config\.json"):
        load_policy(PolicyModel(name=str(tmp_path.parent)))
