"""The example task is installed as a package. The real commands build its rows, train on them and evaluate."""

import json
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "themis-task-leap-year"
BUILD = """
name: Leap years
seed: 1
tasks:
  leap_year: {train: 12, test: 4, sources: {leap_years: 1}}
"""
TRAIN = """
kind: themis
run:
  seed: 1
  steps: 2
  tokens_per_step: 1024
  lengths: [256, 512]
  learning_rate: 1.0e-3
  bf16: false
model:
  name: {model}
data:
  built: {built}
  mixture:
    built/leap_year: 1.0
logging:
  measure_every: 2
  measured_pairs: 2
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # Not by `find_spec`: looking for pip as a module has setuptools let go of its distutils, which compiling needs
    # later.
    try:
        for package in ("pip", "hatchling", "scikit-learn", "datasketch", "pyarrow"):
            distribution(package)
    except PackageNotFoundError as error:
        pytest.skip(f"needs {error.name}: pip install {error.name}")
    target = tmp_path_factory.mktemp("site")
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *offline, "--target", str(target), str(EXAMPLE)], check=True)
    return target


def test_a_task_of_another_package_is_built_trained_on_and_evaluated(installed: Path, tiny: Path, tmp_path: Path) -> None:
    paths = os.pathsep.join([str(installed), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": paths, "THEMIS_DATA": ""}

    def themis(*arguments: str) -> str:
        command = [sys.executable, "-m", "themis", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stderr

    (tmp_path / "leap.yaml").write_text(BUILD)
    (tmp_path / "short.yaml").write_text(TRAIN.format(model=tiny, built=tmp_path / "built"))
    themis("build", "leap.yaml", "--out", "built")
    rows = [json.loads(line) for line in (tmp_path / "built/tara/leap_year/train.jsonl").read_text().splitlines()]
    assert len(rows) == 12
    assert "step 2: held early" in themis("train", "short.yaml", "--out", "trained")
    themis("eval", "tara", "--data", "built/tara", "--split", "test", "--model", "trained", "--out", "result.json", "--rationale", "skip")
    assert json.loads((tmp_path / "result.json").read_text())["tasks"]["leap_year"]["n"] == 4


def test_the_example_is_as_short_as_it_should_be() -> None:
    code = [line for line in (EXAMPLE / "themis_task_leap_year.py").read_text(encoding="utf-8").splitlines() if line and '"""' not in line]
    assert len(code) <= 40
