"""`themis export --merged` of a LoRA run, end to end: from a foreign backbone to whole weights that judge the same."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.cli.conftest import Themis, sentence
from tests.fakes import byte_tokenizer, random_backbone, tiny_config
from tests.training.test_epochs import PAIRS, recipe, silent
from themis.hyperparameters import Lora, LossWeights
from themis.inference import Budget
from themis.inference.causal import CausalJudge
from themis.model.checkpoint import load_model
from themis.tools import Toolbox
from themis.traces import Case
from themis.training.run import train

CASES = [
    Case("What is 2 + 2?", "It is 4."),
    Case("What is 2 + 2?", "It is 5."),
    Case("Who?", "Nobody, as far as is known.", context="A play."),
]


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run leaves that trained adapters on a backbone without our tokens."""
    pytest.importorskip("peft")
    folder = tmp_path_factory.mktemp("lora")
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in PAIRS))
    tokenizer = byte_tokenizer(ours=False)
    torch.manual_seed(0)
    random_backbone(tiny_config("qwen3", len(tokenizer), 256)).save_pretrained(folder / "base")
    tokenizer.save_pretrained(folder / "base")
    changes = {"kind": "themis", "loss": LossWeights(), "lora": Lora(), "learning_rate": 3e-3}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THEMIS_DATA", "")
        return train(recipe(str(folder / "base"), str(folder / "pairs.jsonl"), **changes), folder / "run", notice=silent)


def _rewards(directory: Path) -> list[float | None]:
    model, tokenizer, meta = load_model(directory, torch.float32)
    with Toolbox([]) as toolbox:
        judge = CausalJudge(model, tokenizer, toolbox, meta=meta, rationale="skip", budget=Budget(tool_calls=0))
        return [judge.judge(case).reward for case in CASES]


def test_merged_weights_give_the_rewards_that_the_adapters_give(themis: Themis, adapters: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    result = themis("export", "--merged", "--model", adapters, "--out", whole, "--dtype", "float32")
    assert result.exit_code == 0, result.output
    assert not list(whole.glob("adapter*"))
    expected = _rewards(adapters)
    assert None not in expected
    assert _rewards(whole) == pytest.approx(expected, abs=1e-5)
    before, _, _ = load_model(adapters, torch.float32)
    lm, tokenizer = AutoModelForCausalLM.from_pretrained(whole), AutoTokenizer.from_pretrained(whole)
    ids = torch.tensor([tokenizer("What is 2 + 2?")["input_ids"]])
    with torch.no_grad():
        assert torch.allclose(lm(ids).logits, before.lm(ids).logits, atol=1e-5)
    plain = AutoModelForCausalLM.from_pretrained(adapters.parent / "base")
    assert not torch.equal(plain.model.layers[0].self_attn.q_proj.weight, lm.model.layers[0].self_attn.q_proj.weight)


def test_a_value_head_stands_beside_merged_weights(themis: Themis, adapters: Path, tmp_path: Path) -> None:
    out = tmp_path / "factory"
    result = themis("export", "--value-head", "--model", adapters, "--out", out)
    assert result.exit_code == 0, result.output
    assert not list(out.glob("adapter*"))
    head = load_file(out / "value_head.safetensors")
    model, _, _ = load_model(adapters, torch.float32)
    assert {name: tuple(tensor.shape) for name, tensor in head.items()} == {"v_head.summary.weight": (1, 64), "v_head.summary.bias": (1,)}
    assert torch.equal(head["v_head.summary.weight"], model.score.weight)
    ids = torch.tensor([[5, 6, 7]])
    with torch.no_grad():
        assert torch.allclose(AutoModelForCausalLM.from_pretrained(out)(ids).logits, model.lm(ids).logits, atol=1e-5)
    both = themis("export", "--value-head", "--merged", "--model", adapters, "--out", out)
    assert sentence(both) == "--merged and --value-head write two kinds of model: give one of them"


def test_an_export_overwrites_nothing(themis: Themis, adapters: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in adapters.rglob("*")}
    for form in ("--merged", "--dtype=float32", "--value-head"):
        assert "holds files already: give another --out" in sentence(themis("export", form, "--model", adapters, "--out", adapters))
    assert {file: file.stat().st_mtime_ns for file in adapters.rglob("*")} == before
