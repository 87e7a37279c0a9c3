"""Where a run's pairs come from."""

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from tests.builder.tasks.written import reading_folder
from tests.training.test_epochs import silent
from themis.curriculum.rules import OWN, STREAM
from themis.errors import ConfigError
from themis.traces.tara import write_tara
from themis.training.recipe import Backbone, TrainRecipe
from themis.training.sources import gather


def _recipe(folder: Path, rows_at_most: int) -> TrainRecipe:
    return TrainRecipe(
        kind="themis", seed=3, epochs=1, tokens_per_step=512, lengths=(512,), learning_rate=1e-3, backbone=Backbone(name="nano"),
        rows=str(folder), rows_at_most=rows_at_most, mixture={"rows/weather": 1.0, "rows/calendar": 1.0}, measured_pairs=0,
    )  # fmt: skip


def test_fewer_rows_are_drawn_with_the_shares_of_their_tasks(tmp_path: Path) -> None:
    for task, count in (("weather", 60), ("calendar", 20)):
        pairs = [pair for number in range(count + 1) if (pair := STREAM[task](Random(number), OWN))]
        write_tara(pairs[1:], tmp_path / "tara" / task / "train.jsonl")
        write_tara(pairs[:1], tmp_path / "tara" / task / "test.jsonl")

    def drawn(most: int) -> list[str]:
        pairs = gather(_recipe(tmp_path, most), None, print)
        return [pair.task for row in pairs.rows if (pair := row(Random(0)))]

    assert sorted(drawn(20)) == ["calendar"] * 5 + ["weather"] * 15
    assert len(drawn(0)) == len(drawn(1000)) == 80


READING = TrainRecipe(
    kind="themis", seed=3, steps=4, tokens_per_step=512, lengths=(512,), learning_rate=1e-3, backbone=Backbone(name="nano"),
    mixture={"reading": 1.0, "calendar": 3.0}, measured_pairs=5,
)  # fmt: skip


def test_reading_pairs_are_drawn_by_their_share_and_measured_by_none(tmp_path: Path) -> None:
    pairs = gather(READING, reading_folder(tmp_path), silent)
    rng = Random(0)
    drawn = [pairs.mixture.draw(rng) for _ in range(300)]
    assert {(name, pair.task) for name, pair in drawn} == {("reading", "translator"), ("calendar", "calendar")}
    assert 0.15 < sum(name == "reading" for name, _ in drawn) / 300 < 0.35
    # A question of the files would be one that is trained on, too.
    assert [pair.task for pair in pairs.held] == ["calendar"] * 5


def test_reading_belongs_to_the_task_translator(tmp_path: Path) -> None:
    root = reading_folder(tmp_path)
    assert set(gather(replace(READING, tasks=("translator",)), root, silent).mixture.weights) == {"reading"}
    assert set(gather(replace(READING, tasks=("calendar",)), root, silent).mixture.weights) == {"calendar"}


def test_reading_has_no_end_that_an_epoch_could_reach(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"epochs: reading, calendar has no end; give 'steps'"):
        gather(replace(READING, steps=0, epochs=1), reading_folder(tmp_path), silent)


def test_without_its_files_a_run_goes_without_reading_and_says_so() -> None:
    said: list[str] = []
    assert set(gather(READING, None, said.append).mixture.weights) == {"calendar"}
    assert said == ["trains without reading: not found under THEMIS_DATA, nor in the keys 'rows' and 'data'"]
    with pytest.raises(ConfigError, match="mixture: none of its sources is available"):
        gather(replace(READING, mixture={"reading": 1.0}), None, silent)
