"""Where a run's pairs come from."""

from pathlib import Path
from random import Random

import pytest

from tests.pairs import by_rule
from tests.training.recipes import changed
from tests.training.test_epochs import silent
from themis.curriculum.registry import Curriculum
from themis.errors import ConfigError
from themis.traces.tara import write_tara
from themis.training.checks import check_recipe
from themis.training.recipe import Backbone, Data, Logging, Run, TrainRecipe
from themis.training.sources import gather

RECIPE = TrainRecipe(
    kind="themis",
    run=Run(seed=3, steps=4, tokens_per_step=512, lengths=(512,), learning_rate=1e-3),
    model=Backbone(name="nano"),
    data=Data(mixture={"built/weather": 0.25, "rules/calendar": 0.75}),
    logging=Logging(measured_pairs=8),
)


@pytest.fixture
def built(tmp_path: Path) -> Path:
    for task, count in (("weather", 20), ("calendar", 10)):
        pairs = [pair for number in range(count + 1) if (pair := by_rule(task, number))]
        write_tara(pairs[1:], tmp_path / "tara" / task / "train.jsonl")
        write_tara(pairs[:1], tmp_path / "tara" / task / "test.jsonl")
    return tmp_path


def test_built_rows_and_streams_are_drawn_by_their_shares(built: Path) -> None:
    mixture = gather(RECIPE, None, Curriculum(), built, silent).mixture
    rng = Random(0)
    drawn = [mixture.draw(rng) for _ in range(300)]
    assert {(name, pair.task) for name, pair in drawn} == {("built/weather", "weather"), ("rules/calendar", "calendar")}
    assert 0.15 < sum(name == "built/weather" for name, _ in drawn) / 300 < 0.35


def test_every_built_row_is_read_once_an_epoch_and_the_test_rows_are_measured(built: Path) -> None:
    recipe = changed(RECIPE, steps=0, epochs=1, mixture={"built/weather": 1.0, "built/calendar": 1.0})
    pairs = gather(recipe, None, Curriculum(), built, silent)
    drawn = [pair.task for row in pairs.rows if (pair := row(Random(0)))]
    assert sorted(drawn) == ["calendar"] * 10 + ["weather"] * 20
    assert sorted(pair.task for pair in pairs.held) == ["calendar", "weather"]


def test_one_task_of_a_mixture_is_trained_alone(built: Path) -> None:
    assert set(gather(changed(RECIPE, tasks=("weather",)), None, Curriculum(), built, silent).mixture.weights) == {"built/weather"}
    fresh = changed(RECIPE, mixture={"built/wikisearch?negatives=fresh": 0.5, "rules/calendar": 0.5}, tasks=("calendar",))
    assert set(gather(fresh, None, Curriculum(), built, silent).mixture.weights) == {"rules/calendar"}


def test_an_infinite_stream_has_no_epoch(built: Path) -> None:
    with pytest.raises(ConfigError, match=r"run\.epochs: rules/calendar: an infinite stream has no epochs; give run\.steps"):
        gather(changed(RECIPE, steps=0, epochs=1), None, Curriculum(), built, silent)


def test_without_its_files_a_run_goes_without_a_source_and_says_so() -> None:
    said: list[str] = []
    assert set(gather(RECIPE, None, Curriculum(), None, said.append).mixture.weights) == {"rules/calendar"}
    assert said == ["trains without built/weather: not found under THEMIS_DATA, nor in data.built and data.files"]
    with pytest.raises(ConfigError, match=r"data\.mixture: none of its sources is available"):
        gather(changed(RECIPE, mixture={"built/weather": 1.0}), None, Curriculum(), None, silent)


def test_a_run_without_a_curriculum_knows_no_streams(built: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"data\.mixture: no source 'rules/calendar'; known: built/calendar, built/weather, files, gsm8k,"
    ):
        gather(RECIPE, None, None, built, silent)


def test_the_shares_of_a_run_in_steps_add_up_to_one() -> None:
    check_recipe(changed(RECIPE, mixture={"built/weather": 0.25, "rules/calendar": 0.745}))
    with pytest.raises(ConfigError, match=r"data\.mixture: the shares of a run in steps must add up to 1, and they add up to 1\.92"):
        check_recipe(changed(RECIPE, mixture={"built/weather": 0.92, "rules/calendar": 1.0}))
    check_recipe(changed(RECIPE, steps=0, epochs=1, mixture={"built/weather": 1.0, "tara/calendar": 1.0}))
