"""`themis build tara` as a user meets it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Themis, sentence
from themis.builder.steps.recipe import read_build_recipe
from themis.config import recipe_names
from themis.traces.tara import read_tara


def days_file(folder: Path) -> Path:
    """Questions of the calendar's kind, with answers."""
    days = {"2024-05-03": "Friday", "2023-01-01": "Sunday", "2022-02-02": "Wednesday", "2020-02-29": "Saturday", "2019-07-04": "Thursday"}
    path = folder / "days.jsonl"
    rows = ({"question": f"What day of the week is {day}?", "answer": f"{day} is a {name}."} for day, name in days.items())
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_questions_of_ones_own_become_a_data_set(themis: Themis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEMIS_DATA", "")
    out = tmp_path / "mine"
    words = ("build", "tara", "--source", days_file(tmp_path), "--task", "calendar", "--out", out, "--at-once", "1", "--json")
    done = themis(*words)
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["rows"] == {"train": 4, "test": 1}
    pairs = read_tara(out / "tara/calendar/train.jsonl").pairs
    assert all(pair.chosen.trace and pair.chosen.trace.steps[0].observation for pair in pairs)
    assert "configs:" in (out / "README.md").read_text()
    assert not (out / "work").exists()
    again = themis(*words[:-1])
    assert "was built already, 4 train and 1 test rows" in again.stdout


def test_the_columns_are_those_of_trl_and_the_hub_s_library_reads_them(tmp_path: Path) -> None:
    out, home = tmp_path / "mine", tmp_path / "home"
    environment = {**os.environ, "THEMIS_DATA": "", "HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    words = ["build", "tara", "--source", str(days_file(tmp_path)), "--task", "calendar", "--out", str(out), "--at-once", "1"]
    subprocess.run([sys.executable, "-m", "themis", *words], check=True, env=environment, capture_output=True)
    program = (  # in a process of its own, as the library reads its folders when it is imported
        "import json, sys\nfrom datasets import load_dataset\nrows = load_dataset(sys.argv[1])\nfirst = rows['train'][0]\n"
        "assert len(load_dataset(sys.argv[1], 'calendar')['test']) == 1\n"
        "print(json.dumps({'columns': rows['train'].column_names, 'first': first}))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(out)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["columns"][:4] == ["prompt", "chosen", "rejected", "margin"]
    first = found["first"]
    assert first["prompt"][0]["role"] == "user"
    assert first["chosen"][0]["role"] == first["rejected"][0]["role"] == "assistant"
    assert first["margin"] == 1.0
    assert first["chosen_steps"][0]["tool"] == "Calendar.week_day"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("tara", "--source", "mine.jsonl"), "--source and --task belong together"),
        (("tara", "--task", "code"), "--source and --task belong together"),
        (("tara", "--source", "nowhere.jsonl", "--task", "code"), "nowhere.jsonl is missing"),
        (("tara", "--source", "mine.jsonl", "--task", "cooking"), "--task is 'cooking'; the tasks are calculator"),
        (("tara", "--recipe", "tarra"), "no recipe 'tarra': the package has tara"),
        (("nowhere.yaml",), "no recipe file 'nowhere.yaml'"),
        (("tara", "sede=3"), "unknown key 'sede', did you mean 'seed'?"),
        (("tara", "tasks.calendar.train=-1"), "key 'tasks.calendar.train' must not be negative, found -1"),
        (("tara", "surplus=0.5"), "key 'surplus' must lie between 1 and 20, found 0.5"),
        (("tara", "agents=language_model"), "set language_model.endpoint.base_url"),
        (("tara", "tasks.calendar.sources.calender_rules=1"), "no source 'calender_rules': did you mean 'calendar_rules'?"),
        (("tara", "tasks.calendar.sources.gsm8k=1"), "the source 'gsm8k' is one of the task calculator"),
    ],
)
def test_what_is_wrong_is_one_sentence(themis: Themis, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    assert said in sentence(themis("build", *words, "--out", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_what_a_build_imports_at_its_end_is_asked_for_at_its_start(themis: Themis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("themis.builder.steps.pipeline.EXTRA", ("datasketch", "no_such_library"))
    days_file(tmp_path)
    words = ("build", "tara", "--source", tmp_path / "days.jsonl", "--task", "calendar", "--out", tmp_path / "out")
    assert "a build needs no_such_library, missing here: pip install 'themis-rm[build]'" in sentence(themis(*words))
    assert not (tmp_path / "out").exists()


def test_without_the_data_sets_it_says_where_to_name_them(themis: Themis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEMIS_DATA", "")
    assert "set THEMIS_DATA" in sentence(themis("build", "tara", "--out", tmp_path / "out"))
    monkeypatch.setenv("THEMIS_DATA", str(tmp_path))
    assert "a source's file is missing: " in sentence(themis("build", "tara", "--out", tmp_path / "out"))


def test_a_recipe_file_is_a_command_of_its_own(themis: Themis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEMIS_DATA", "")
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(f"seed: 1\nname: mine\ntools: settings\ntasks: {{calendar: {{sources: {{{days_file(tmp_path)}: 1}}}}}}\n")
    done = themis("build", recipe, "--out", tmp_path / "out", "--at-once", "1")
    assert done.exit_code == 0, done.output
    assert "themis build mine.yaml --out DIR" in (tmp_path / "out" / "README.md").read_text()


def test_the_help_shows_an_example(themis: Themis) -> None:
    for words in (("build", "--help"), ("build", "tara", "--help")):
        assert themis(*words).exit_code == 0
    assert "themis build tara --out" in " ".join(themis("build", "tara", "--help").stdout.split())


def test_build_recipes_and_training_recipes_are_apart() -> None:
    assert "tara" in recipe_names("build")
    assert "tara" not in recipe_names()


def test_the_recipe_tara_asks_for_at_least_the_published_rows() -> None:
    published = {
        "calculator": (877, 154),
        "code": (486, 189),
        "translator": (1682, 300),
        "webgpt": (3932, 134),
        "calendar": (320, 106),
        "weather": (476, 158),
        "wikisearch": (5399, 284),
        "multi_tools": (432, 144),
    }
    tasks = read_build_recipe("tara").tasks
    for name, (train, test) in published.items():
        assert (tasks[name].train or 0) >= train
        assert (tasks[name].test or 0) >= test
    assert (tasks["no_tool"].train or 0) > 0
