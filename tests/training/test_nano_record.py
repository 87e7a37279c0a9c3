"""The code still makes, from the recipe `nano`, the batches and the losses of the nano that ships."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.nano_record import LOSSES, RECORD, STEPS, batch_digests, first_losses, prepared, stages, tokenizer_digest, weights_digest
from themis.config import data_root
from themis.model.named import NANO

pytestmark = pytest.mark.skipif(not RECORD.is_file(), reason="nothing is recorded yet")
BUILT = Path(__file__).parents[2] / "runs" / "nano" / "built"
with_data = pytest.mark.skipif(data_root() is None, reason="THEMIS_DATA is not set")


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(RECORD.read_text(encoding="utf-8"))
    return found


def test_the_weights_that_ship_are_those_of_the_record(record: dict[str, Any]) -> None:
    assert weights_digest(NANO) == record["weights"]
    assert tokenizer_digest(NANO) == record["tokenizer"]


@with_data
def test_the_first_losses_are_those_of_the_record(record: dict[str, Any]) -> None:
    assert first_losses(NANO) == pytest.approx(record["losses"], abs=2e-3)
    assert len(record["losses"]) == LOSSES


@with_data
def test_the_batches_of_the_first_stage_are_those_of_the_record(record: dict[str, Any], tmp_path: Path) -> None:
    """With a tokenizer trained again."""
    ready = prepared(stages()["first"], None, tmp_path / "tokenizer")
    assert tokenizer_digest(tmp_path / "tokenizer") == record["tokenizer"]
    assert batch_digests(ready, STEPS["first"]) == record["batches"]["first"]


@with_data
@pytest.mark.skipif(not BUILT.is_dir(), reason="the data set is not there: themis build tara --out runs/nano/built")
@pytest.mark.parametrize("name", ["all", "last", "free", "more"])
def test_the_batches_of_a_later_stage_are_those_of_the_record(name: str, record: dict[str, Any]) -> None:
    assert batch_digests(prepared(stages()[name], BUILT, NANO), STEPS[name]) == record["batches"][name]
