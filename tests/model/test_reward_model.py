"""The model: a causal language model and a scalar head, on disk and exported."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

from tests.fakes import Backbone, byte_tokenizer, random_backbone, tiny_bert, tiny_config, tiny_model
from themis.errors import ModelError
from themis.model.checkpoint import ModelMeta, load_model, prepare_tokenizer, save_model
from themis.model.export import export_classifier
from themis.model.reward_model import RewardHead, RewardModel
from themis.traces import Action, Case, Observation, Step, Trace
from themis.traces.segments import SegmentWriter, token_ids

BACKBONES: tuple[Backbone, ...] = ("llama", "qwen3", "mistral")
TOKENIZER = byte_tokenizer()
TRACES = [
    (
        Case("What day is 2015-03-24?", "Tuesday"),
        Trace((Step("t", Action("Calendar.week_day", "2015-03-24"), Observation("Tuesday")),), "They agree."),
    ),
    (Case("Hi", "Hello!"), Trace((Step("Do I need to use a tool? No"),))),
]


def _saved(backbone: Backbone, folder: Path) -> tuple[RewardModel, Path]:
    model = tiny_model(backbone, TOKENIZER)
    save_model(folder, model, TOKENIZER, ModelMeta(tools=("calculator",), reward_mean=0.5))
    return model, folder


def _ids() -> list[list[int]]:
    writer = SegmentWriter(TOKENIZER)
    return [token_ids(writer.judgement(case, trace)) for case, trace in TRACES]


@pytest.mark.parametrize("backbone", BACKBONES)
def test_what_was_saved_loads_with_the_same_reward(backbone: Backbone, tmp_path: Path) -> None:
    model, folder = _saved(backbone, tmp_path)
    loaded, _, meta = load_model(folder)
    ids = torch.tensor([_ids()[0]])
    with torch.no_grad():
        assert torch.equal(model.reward(model(ids)), loaded.reward(loaded(ids)))
    assert meta == ModelMeta(tools=("calculator",), reward_mean=0.5)


def test_the_directory_is_a_causal_language_model_for_transformers(tmp_path: Path) -> None:
    model, folder = _saved("qwen3", tmp_path)
    lm = AutoModelForCausalLM.from_pretrained(folder)
    ids = torch.tensor([_ids()[0]])
    with torch.no_grad():
        assert torch.allclose(lm(ids).logits, model.lm_logits(model(ids)), atol=1e-5)


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("side", ["left", "right"])
def test_the_exported_classifier_gives_the_same_reward_padded_or_not(backbone: Backbone, side: str, tmp_path: Path) -> None:
    model, folder = _saved(backbone, tmp_path / "model")
    classifier = AutoModelForSequenceClassification.from_pretrained(export_classifier(folder, tmp_path / "classifier")).eval()
    rows = _ids()
    longest = max(map(len, rows)) + 3
    fill = [[TOKENIZER.pad_token_id] * (longest - len(row)) for row in rows]
    padded = torch.tensor([pad + row if side == "left" else row + pad for row, pad in zip(rows, fill, strict=True)])
    mask = (padded != TOKENIZER.pad_token_id).long()
    with torch.no_grad():
        ours = [float(model.reward(model(torch.tensor([row])))[0, -1]) for row in rows]
        alone = [float(classifier(torch.tensor([row])).logits) for row in rows]
        # Left padding needs positions of its own, which transformers' generate makes and a plain call does not.
        together = classifier(padded, attention_mask=mask, position_ids=(mask.cumsum(1) - 1).clamp(min=0)).logits[:, 0].tolist()
    assert alone == pytest.approx(ours, abs=1e-3)
    assert together == pytest.approx(ours, abs=1e-3)


def test_the_reward_is_read_at_an_explicit_index_whatever_pads_follow() -> None:
    model = tiny_model("llama", TOKENIZER)
    ids = _ids()[0]
    with torch.no_grad():
        bare = model.reward(model(torch.tensor([ids])))[0, [5, len(ids) - 1]]
        padded = model.reward(model(torch.tensor([ids + [TOKENIZER.pad_token_id] * 9])))[0, [5, len(ids) - 1]]
    assert torch.allclose(bare, padded, atol=1e-5)


def test_half_precision_backbones_keep_a_float32_head(tmp_path: Path) -> None:
    model = tiny_model("llama", TOKENIZER)
    save_model(tmp_path, model, TOKENIZER, ModelMeta(), torch.bfloat16)
    loaded, _, _ = load_model(tmp_path)
    assert loaded.lm.dtype == torch.bfloat16
    assert loaded.score.weight.dtype == torch.float32
    assert loaded(torch.tensor([_ids()[1]])).dtype == torch.bfloat16
    assert loaded.reward(loaded(torch.tensor([_ids()[1]]))).dtype == torch.float32
    assert model.lm.dtype == torch.float32


def test_special_tokens_are_added_once() -> None:
    tokenizer = byte_tokenizer()
    assert prepare_tokenizer(tokenizer) == []


@pytest.mark.parametrize("broken", ["model.safetensors", "score.safetensors", "themis.json", "config.json"])
def test_a_cut_off_model_is_one_sentence(broken: str, tmp_path: Path) -> None:
    _saved("llama", tmp_path)
    file = tmp_path / broken
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(ModelError) as refusal:
        load_model(tmp_path)
    assert str(tmp_path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", ["no-such-model", "./nowhere", "/no/where"])
def test_a_model_that_is_not_there_is_one_sentence(name: str) -> None:
    with pytest.raises(ModelError, match="nano"):
        load_model(name)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_a_decoder_is_causal(backbone: Backbone) -> None:
    assert tiny_model(backbone, TOKENIZER).is_causal()


def test_bert_loads_as_a_causal_language_model_but_is_not(tmp_path: Path) -> None:
    assert not RewardModel(AutoModelForCausalLM.from_pretrained(tiny_bert(tmp_path))).is_causal()


@pytest.mark.parametrize("training", [True, False])
def test_trying_a_model_out_leaves_its_mode_and_its_gradients_alone(training: bool) -> None:
    model = tiny_model("qwen3", TOKENIZER).train(training)
    assert model.is_causal()
    assert model.supports_shared_prefix()
    assert model.enable_packing()
    assert model.training == training
    assert all(parameter.grad is None for parameter in model.parameters())


class _WithoutMask(RewardModel):
    """Reads every row as one causal sequence, whatever mask it is given."""

    def hidden_states(self, token_ids_BT: torch.Tensor, attention_mask: torch.Tensor | None = None, **kwargs: Any) -> torch.Tensor:
        return super().hidden_states(token_ids_BT, None, **kwargs)


class _Refusing(RewardModel):
    """Knows no positions, as some backbones do not."""

    def hidden_states(self, token_ids_BT: torch.Tensor, attention_mask: torch.Tensor | None = None, **kwargs: Any) -> torch.Tensor:
        if "position_ids" in kwargs:
            raise TypeError("unexpected keyword argument 'position_ids'")
        return super().hidden_states(token_ids_BT, attention_mask, **kwargs)


@pytest.mark.parametrize("kind", [_WithoutMask, _Refusing])
def test_a_backbone_that_cannot_read_shared_prefixes_is_found_out(kind: type[RewardModel]) -> None:
    assert not kind(tiny_model("qwen3", TOKENIZER).lm).supports_shared_prefix()


def test_what_is_made_of_the_states_is_returned_in_their_place() -> None:
    model = tiny_model("llama", TOKENIZER)
    ids = torch.tensor([_ids()[1]])
    with torch.no_grad():
        assert torch.equal(model(ids, then=model.reward), model.reward(model(ids)))


def test_positions_are_counted_from_the_left_unless_they_are_given() -> None:
    model = tiny_model("llama", TOKENIZER)
    ids = torch.tensor([[1, 2, 3]])
    with torch.no_grad():
        assert torch.equal(model(ids), model(ids, torch.tensor([[0, 1, 2]])))
        assert not torch.allclose(model(ids), model(ids, torch.tensor([[0, 5, 9]])), atol=1e-3)


@pytest.mark.parametrize("tied", [True, False])
def test_a_head_that_is_frozen_leaves_tied_embeddings_trained(tied: bool) -> None:
    config = tiny_config("qwen3", len(TOKENIZER), 64)
    config.tie_word_embeddings = tied
    model = RewardModel(random_backbone(config))
    model.freeze_lm_head()
    assert model.lm.get_output_embeddings().weight.requires_grad == tied
    assert model.lm.get_input_embeddings().weight.requires_grad
    assert model.score.weight.requires_grad


def test_the_head_computes_in_float32_on_states_of_half_precision() -> None:
    head = RewardHead(2, 1, bias=False)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[1.0, 2.0**-12]]))
        reward = head(torch.ones(1, 2, dtype=torch.bfloat16))
    assert reward.item() == 1.0 + 2.0**-12  # 1.0 in bfloat16


def test_the_context_length_is_that_of_the_backbone() -> None:
    assert tiny_model("qwen3", TOKENIZER, context_length=77).context_length == 77
