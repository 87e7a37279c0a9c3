"""Where a run's pairs come from."""

import json
import re
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.pairs import by_rule
from tests.training.recipes import changed
from tests.training.test_epochs import silent
from themis.curriculum.registry import Curriculum
from themis.errors import ConfigError
from themis.traces.tara import question_hash, write_tara
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


# --- held out by question ----------------------------------------------------------------------------


def _file(path: Path, *rows: tuple[str, str]) -> str:
    path.write_text("".join(json.dumps({"prompt": asked, "chosen": answer, "rejected": "No."}) + "\n" for asked, answer in rows))
    return str(path)


def _kinds_of_rows() -> dict[str, list[tuple[str, str]]]:
    return {
        "each question once": [(f"Name a thing of kind {kind}.", "It.") for kind in range(40)],
        "each row again": [(f"Name a thing of kind {kind % 20}.", "It.") for kind in range(100)],
        "several answers to a question": [(f"Name a thing of kind {kind % 20}.", f"Thing {kind}.") for kind in range(60)],
        "other capitals and blanks": [(f"{'NAME' if kind < 20 else ' name'} it:  {kind % 20}", f"Thing {kind}.") for kind in range(40)],
        "one question is most of the rows": [("Which?", f"Thing {kind}.") for kind in range(60)] + [(f"{n}?", "It.") for n in range(40)],
    }


@pytest.mark.parametrize("steps", [0, 5])
@pytest.mark.parametrize("kind", list(_kinds_of_rows()))
def test_no_question_is_measured_and_trained_on(kind: str, steps: int, tmp_path: Path) -> None:
    file = _file(tmp_path / "rows.jsonl", *_kinds_of_rows()[kind])
    recipe = changed(RECIPE, steps=steps, epochs=0 if steps else 1, mixture={}, files=(file,), measured_pairs=4)
    pairs = gather(recipe, None, None, None, silent)
    rng = Random(0)
    trained = [row(rng) for row in pairs.rows] if pairs.rows else [pairs.mixture.draw(rng)[1] for _ in range(600)]
    asked = {question_hash(pair.question) for pair in trained if pair}
    assert 0 < len(pairs.held) <= 4
    assert [pair for pair in pairs.held if question_hash(pair.question) in asked] == []
    if pairs.rows:
        rows = {(question, answer) for question, answer in _kinds_of_rows()[kind]}
        assert len(asked | {question_hash(pair.question) for pair in pairs.held}) == len({question_hash(asks) for asks, _ in rows})
        assert len(trained) + len(pairs.held) == len(rows)


def test_a_question_in_another_spelling_is_the_same_question(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = []
    for number in range(20):
        words, answers = f"Which is thing {number}?", {"chosen": f"It {number}.", "rejected": "No."}
        talk = {side: f"\n\nHuman: {words}\n\nAssistant: {answer}" for side, answer in answers.items()}
        spelled = [words, f" {words.upper()}\n", words.replace(" ", "\u00a0 "), words.replace(" ", "\u200b "), f"\ufeff{words}"]
        rows += [{"prompt": prompt, **answers} for prompt in [*spelled, [{"role": "user", "content": words}]]] + [talk]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    pairs = gather(changed(RECIPE, steps=0, epochs=1, mixture={}, files=(str(path),), measured_pairs=9), None, None, None, silent)
    digits = re.compile(r"\d+")
    trained = {found[0] for row in pairs.rows if (pair := row(Random(0))) and (found := digits.search(pair.question))}
    held = {found[0] for pair in pairs.held if (found := digits.search(pair.question))}
    assert len(held) == 1
    assert len(trained) == 19
    assert not held & trained


def test_a_question_of_the_built_test_rows_is_not_trained_on_from_a_file(built: Path, tmp_path: Path) -> None:
    tested = gather(changed(RECIPE, steps=0, epochs=1, mixture={"built/weather": 1.0}), None, None, built, silent).held
    file = _file(tmp_path / "rows.jsonl", (tested[0].question, "It."), ("Another?", "It."))
    recipe = changed(RECIPE, steps=0, epochs=1, mixture={"built/weather": 1.0, "files": 1.0}, files=(file,))
    pairs = gather(recipe, None, None, built, silent)
    asked = [pair.question for row in pairs.rows if (pair := row(Random(0)))]
    assert tested[0].question not in asked
    assert "Another?" in asked


def test_a_run_in_steps_that_can_hold_nothing_out_says_so(tmp_path: Path) -> None:
    said: list[str] = []
    recipe = changed(RECIPE, mixture={}, files=(_file(tmp_path / "rows.jsonl", ("Who?", "Ann."), ("Why?", "So.")),))
    assert gather(recipe, None, None, None, said.append).held
    assert said == ["measures on pairs that it trains on: there are too few questions to hold some out"]


def test_what_is_left_out_of_a_file_is_said(tmp_path: Path) -> None:
    rows = [{"prompt": f"{n}?", "chosen": "a", "rejected": "b", "margin": n - 3} for n in range(12)]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    said: list[str] = []
    gather(changed(RECIPE, steps=0, epochs=1, mixture={}, files=(str(path),), margin=True), None, None, None, said.append)
    assert said == ["left out: rows.jsonl: row: its label and its scores disagree: 3"]
