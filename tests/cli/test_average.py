"""`themis average`: the mean of models that were initialised from one another, and which models have none."""

from pathlib import Path

import pytest
import torch

from tests.cli.conftest import Themis, sentence
from tests.fakes import byte_tokenizer, tiny_model
from themis.model.checkpoint import ModelMeta, load_model, save_model


@pytest.fixture
def models(tmp_path: Path) -> tuple[str, str]:
    for number, seed in enumerate((1, 2)):
        meta = ModelMeta(tools=(f"tool{number}",), reward_mean=float(number), temperature=3.0)
        save_model(tmp_path / f"run{number}", tiny_model("qwen3", byte_tokenizer(), seed=seed), byte_tokenizer(), meta)
    return str(tmp_path / "run0"), str(tmp_path / "run1")


def test_the_mean_has_the_mean_of_all_weights_and_the_tools_of_both(themis: Themis, models: tuple[str, str], tmp_path: Path) -> None:
    done = themis("average", *models, "--out", str(tmp_path / "mean"))
    assert done.exit_code == 0, done.output
    (one, _, _), (other, _, _), (mean, _, meta) = (load_model(name) for name in (*models, tmp_path / "mean"))
    assert mean.lm.dtype == one.lm.dtype
    for key, tensor in mean.state_dict().items():
        assert torch.allclose(tensor, (one.state_dict()[key] + other.state_dict()[key]) / 2, atol=1e-6)
    assert (meta.tools, meta.reward_mean, meta.temperature) == (("tool0", "tool1"), 0.5, 1.0)
    assert meta.training["mean_of"] == ["run0", "run1"]


def test_what_has_no_mean_is_refused(themis: Themis, models: tuple[str, str], tmp_path: Path) -> None:
    out = ["--out", str(tmp_path / "mean")]
    assert "a mean needs two models or more" in sentence(themis("average", models[0], *out))
    assert "have different vocabularies" in sentence(themis("average", models[0], "nano", *out))
    vanilla = tmp_path / "vanilla"
    save_model(vanilla, tiny_model("qwen3", byte_tokenizer()), byte_tokenizer(), ModelMeta(kind="vanilla"))
    assert "of kind 'themis', form 'plain'" in sentence(themis("average", models[0], str(vanilla), *out))
    short = tmp_path / "short"
    save_model(short, tiny_model("mistral", byte_tokenizer()), byte_tokenizer(), ModelMeta())
    assert "have different shapes" in sentence(themis("average", models[0], str(short), *out))
    assert not (tmp_path / "mean").exists()
    assert "nothing is overwritten" in sentence(themis("average", *models, "--out", models[0]))
