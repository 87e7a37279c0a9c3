"""A model from scratch: its tokenizer goes by what the backbone can read, not by what one recipe trains on."""

from pathlib import Path
from typing import Any

import pytest

from tests.training.recipes import changed
from tests.training.test_epochs import silent
from tests.training.test_trainer import RECIPE
from themis.curriculum.registry import Curriculum
from themis.data.mixture import Mixture
from themis.errors import ConfigError
from themis.training.backbones import make_learner

MIXTURE = Mixture(Curriculum().streams({}, {}), {"rules/calendar": 1.0})
WITHOUT_POSITIONS: dict[str, Any] = {"model_type": "bloom", "hidden_size": 32, "n_layer": 1, "n_head": 2}


@pytest.fixture(autouse=True)
def _no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEMIS_DATA", "")


def test_a_tokenizer_from_scratch_may_write_as_much_as_the_backbone_reads(tmp_path: Path) -> None:
    learner = make_learner(changed(RECIPE, lengths=(160, 320)), MIXTURE, (), tmp_path / "tokenizer", silent)
    assert learner.tokenizer.model_max_length == learner.model.context_length == 512


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"model_type": "lama"}, "no model_type 'lama' in transformers, did you mean 'llama'"),
        (WITHOUT_POSITIONS, "the configuration of a 'bloom' lacks max_position_embeddings"),
    ],
)
def test_what_cannot_be_a_backbone_is_told_before_a_tokenizer_is_trained(config: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        make_learner(changed(RECIPE, config=config), MIXTURE, (), tmp_path / "tokenizer", silent)
    assert not (tmp_path / "tokenizer").exists()
