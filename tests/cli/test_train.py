"""`themis train` and `themis export`."""

import json
import re
import time
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress

from tests.cli.conftest import Themis, sentence
from themis.cli.train import ProgressLines, TrainingProgress, dev_pairs, measured
from themis.config import recipe_names
from themis.traces import Pair, Side
from themis.traces.tara import write_tara

RECIPE = """
kind: themis
run:
  seed: 1
  steps: 2
  tokens_per_step: 2048
  lengths: [512]
  learning_rate: 1.0e-3
  bf16: false
model:
  name: {model}
data:
  mixture:
    rules/calendar: 1.0
logging:
  measure_every: 1
  measured_pairs: 2
"""


def recipe(tmp_path: Path, model: Path) -> Path:
    path = tmp_path / "short.yaml"
    path.write_text(RECIPE.format(model=model))
    return path


def test_a_recipe_is_trained_and_its_model_judges(themis: Themis, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEMIS_DATA", "")
    result = themis("train", recipe(tmp_path, tiny), "learning_rate=0.0001", "--out", tmp_path / "trained")
    assert result.exit_code == 0, result.output
    assert all(f"step {step}: held early " in result.stderr for step in (1, 2))
    lines = result.stderr.splitlines()
    measuring = [line for line in lines if re.fullmatch(r"step 1 of 2, [\d,]+ tokens/s, measuring 2 pairs", line)]
    assert len(measuring) == 1
    assert any(line.endswith("judging 2 pairs with tools") for line in lines)
    verdict = themis("score", "--model", tmp_path / "trained", "--question", "q", "--answer", "a", "--new-tokens", "8")
    assert verdict.exit_code == 0
    again = themis("train", recipe(tmp_path, tiny), "learning_rate=0.0001", "steps=3", "--out", tmp_path / "trained")
    assert "resumes from" in again.stderr
    other = themis("train", recipe(tmp_path, tiny), "steps=3", "--out", tmp_path / "trained")
    assert "holds another run, whose recipe differs in 'run.learning_rate': give another --out, or --overwrite" in sentence(other)
    anew = themis("train", recipe(tmp_path, tiny), "steps=1", "--overwrite", "--out", tmp_path / "trained")
    assert anew.exit_code == 0
    assert "resumes from" not in anew.stderr


def test_a_limited_run_learns_from_the_first_rows_and_is_another_run(themis: Themis, tiny: Path, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text("".join(json.dumps({"prompt": f"q{n}", "chosen": "a", "rejected": "b"}) + "\n" for n in range(12)))
    text = (
        RECIPE.format(model=tiny)
        .replace("  steps: 2\n", "  epochs: 1\n")
        .replace("  mixture:\n    rules/calendar: 1.0", f"  files: [{pairs}]")
    )
    path = tmp_path / "files.yaml"
    path.write_text(text.replace("kind: themis", "kind: vanilla"))
    limited = themis("train", path, "--limit", 4, "--threads", 1, "--device", "cpu", "--out", tmp_path / "run")
    assert "4 pairs an epoch" in limited.stderr
    assert "whose recipe differs in 'data.limit'" in sentence(themis("train", path, "--out", tmp_path / "run"))


def test_a_wrong_recipe_is_one_sentence(themis: Themis, tmp_path: Path) -> None:
    assert "no recipe 'nanno': the package has ablation-alpha" in sentence(themis("train", "nanno"))
    assert "no recipe file" in sentence(themis("train", tmp_path / "gone.yaml"))
    assert "unknown key 'loss.bta', did you mean 'loss.beta'?" in sentence(themis("train", "nano", "loss.bta=1"))
    assert "key 'run.steps' must be int, found 'many'" in sentence(themis("train", "nano", "steps=many"))
    assert "'steps' is not of the form key=value" in sentence(themis("train", "nano", "steps"))


def test_a_measurement_is_one_line() -> None:
    metrics = {
        "eval_held_accuracy": 0.975,
        "eval_held_early_accuracy": 0.9,
        "eval_held_calls": 0.88,
        "eval_held_mean": 0.9375,
        "eval_dev_multi_tools_accuracy": 1.0,
    }
    assert measured(500, metrics) == "step 500: held 97.5 %, held early 90.0 %, held calls 88.0 %, dev multi tools 100.0 %"


def test_a_line_says_how_far_a_run_is() -> None:
    now = [0.0]
    lines = ProgressLines(clock=lambda: now[0])
    assert lines.line() == "reading the data"
    lines.begin(100, 2_000, tokens=5_000)
    lines.doing = ""
    assert lines.line() == "step 100 of 2,000"
    now[0] += 60
    lines.step(110, tokens=65_000)
    lines.losses = {"loss": 0.5, "ranking": 0.25}
    assert lines.line() == "step 110 of 2,000, loss 0.500, ranking 0.250, 1,000 tokens/s, 3 h 09 min left"
    lines.doing = "measuring 200 pairs"
    assert lines.line() == "step 110 of 2,000, loss 0.500, ranking 0.250, 1,000 tokens/s, measuring 200 pairs"


def shown_on(terminal: bool) -> tuple[Progress, StringIO]:
    written = StringIO()
    return Progress(console=Console(file=written, force_terminal=terminal, width=120), disable=not terminal), written


def test_without_a_terminal_a_line_comes_again_and_again_whatever_a_run_does() -> None:
    bar, written = shown_on(terminal=False)
    with TrainingProgress(bar, every=0.01) as shown:
        shown.doing("measuring 3 pairs")
        deadline = time.monotonic() + 10
        while written.getvalue().count("measuring 3 pairs\n") < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert written.getvalue().count("measuring 3 pairs\n") >= 4


def test_on_a_terminal_the_bar_says_that_it_measures() -> None:
    bar, _ = shown_on(terminal=True)
    with bar, TrainingProgress(bar) as shown:
        shown.doing("measuring 3 pairs")
        assert bar.tasks[0].description == "measuring 3 pairs"
        shown.doing("")
        assert bar.tasks[0].description == "training"


def test_dev_pairs_are_those_that_are_at_hand(tmp_path: Path) -> None:
    write_tara([Pair("1", "q", Side("a", 1.0), Side("b", 0.0), task="weather")], tmp_path / "tara" / "weather" / "dev.jsonl")
    assert {task: len(pairs) for task, pairs in dev_pairs(tmp_path).items()} == {"weather": 1}
    assert dev_pairs(None) == {}


def test_an_exported_model_is_written_where_it_was_asked_for(themis: Themis, tiny: Path, tmp_path: Path) -> None:
    assert themis("export", "--model", tiny, "--out", tmp_path / "out", "--dtype", "float32").stdout == f"{tmp_path / 'out'}: written\n"
    assert (tmp_path / "out" / "config.json").is_file()
    assert "no model 'nanno'" in sentence(themis("export", "--model", "nanno", "--out", tmp_path / "new"))


@pytest.mark.parametrize("name", recipe_names())
def test_a_dry_run_says_what_it_would_need_and_writes_nothing(name: str, themis: Themis, tmp_path: Path) -> None:
    result = themis("train", name, "--dry-run", "--out", tmp_path / "none")
    assert result.exit_code == 0, result.output
    assert [line.split()[0] for line in result.stdout.splitlines()][:2] == ["parameters", "trained"]
    assert "on one H100" in result.stdout
    assert not (tmp_path / "none").exists()
