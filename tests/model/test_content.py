"""What a model directory is known by."""

import json
from pathlib import Path

import pytest

from themis.model.checkpoint import weights_of

FILES = {
    "model-00001-of-00002.safetensors": "aa",
    "model-00002-of-00002.safetensors": "bb",
    "score.safetensors": "cc",
    "config.json": "{}",
    "generation_config.json": "{}",
    "tokenizer.json": "{}",
    "tokenizer_config.json": "{}",
    "chat_template.jinja": "{{ messages }}",
    "spiece.model": "dd",
}
META = {"form": "plain", "kind": "themis", "tools": ["calculator"], "temperature": 1.0}


def model(folder: Path, **changed: str) -> Path:
    folder.mkdir()
    for name, text in {**FILES, "themis.json": json.dumps(META), **changed}.items():
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize("name", FILES)
def test_each_file_that_decides_counts_by_its_content(tmp_path: Path, name: str) -> None:
    one, same = model(tmp_path / "one"), model(tmp_path / "same")
    assert weights_of(one) == weights_of(same)
    other = model(tmp_path / "other", **{name: FILES[name][:-1] + "x"})  # of the same size
    assert weights_of(other) != weights_of(one)
    (one / name).unlink()
    assert weights_of(one) != weights_of(same)


def test_a_large_file_counts_whole(tmp_path: Path) -> None:
    """A head lies at the end of a classifier's file of weights."""
    one, other = model(tmp_path / "one"), model(tmp_path / "other")
    for folder, last in ((one, b"1"), (other, b"2")):
        (folder / "model.safetensors").write_bytes(bytes(5_000_000) + last)
    assert weights_of(one) != weights_of(other)


@pytest.mark.parametrize(
    ("changed", "is_same"),
    [
        ({"temperature": 2.0}, True),
        ({"reward_mean": 3.0, "reward_std": 2.0}, True),
        ({"training": {"seconds": 3}}, True),
        ({"form": "chat"}, False),
        ({"kind": "vanilla"}, False),
        ({"tools": []}, False),
    ],
)
def test_what_is_measured_of_a_model_changes_nothing(tmp_path: Path, changed: dict[str, object], is_same: bool) -> None:
    one, other = model(tmp_path / "one"), model(tmp_path / "other", **{"themis.json": json.dumps(META | changed)})
    assert (weights_of(one) == weights_of(other)) is is_same


@pytest.mark.parametrize("name", ["README.md", "log.json", "run.json", "log.png", "optimizer.pt", ".gitattributes"])
def test_what_lies_beside_a_model_changes_nothing(tmp_path: Path, name: str) -> None:
    one, other = model(tmp_path / "one"), model(tmp_path / "other", **{name: "{}"})
    (other / "checkpoints").mkdir()
    (other / "checkpoints" / "model.safetensors").write_text("xx")
    assert weights_of(one) == weights_of(other)


def test_adapters_count_with_their_base(tmp_path: Path) -> None:
    base = model(tmp_path / "base")
    adapters = {"adapter_config.json": json.dumps({"base_model_name_or_path": str(base)}), "adapter_model.safetensors": "ee"}
    one = model(tmp_path / "one", **adapters)
    before = weights_of(one)
    (base / "model-00001-of-00002.safetensors").write_text("zz")
    assert weights_of(one) != before
