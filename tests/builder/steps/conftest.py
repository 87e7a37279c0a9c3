"""One whole build of the tiny recipe, which many tests look at."""

from pathlib import Path

import pytest

from tests.builder.steps.tiny import RECIPE, TINY, write_data
from themis.builder.steps.pipeline import build


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the sources' files."""
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def built(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data set; not to be written to."""
    out = tmp_path_factory.mktemp("built") / "tara"
    build(RECIPE, out, TINY, data, at_once=1)
    return out
