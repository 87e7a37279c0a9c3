"""The example package is installed as anybody would install it, and its tool joins."""

import json
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "themis-tool-roman"
PROGRAM = """
import json
from themis.tools import default_toolbox
from themis.traces import Action
with default_toolbox() as toolbox:
    print(json.dumps([toolbox.call(Action("roman_number", number)).text for number in ("1999", "0")]))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # Not by `find_spec`: looking for pip as a module has setuptools let go of its distutils, which compiling needs
    # later.
    try:
        for package in ("pip", "hatchling"):
            distribution(package)
    except PackageNotFoundError as error:
        pytest.skip(f"needs {error.name}: pip install {error.name}")
    target = tmp_path_factory.mktemp("site")
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *offline, "--target", str(target), str(EXAMPLE)], check=True)
    return target


def test_the_example_s_tool_joins_by_its_entry_point(installed: Path, tmp_path: Path) -> None:
    paths = os.pathsep.join([str(installed), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": paths}
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["MCMXCIX", "expected a number from 1 to 3999, found 0"]


def test_the_example_is_as_short_as_it_should_be() -> None:
    code = [line for line in (EXAMPLE / "themis_tool_roman.py").read_text(encoding="utf-8").splitlines() if line and '"""' not in line]
    assert len(code) <= 10
