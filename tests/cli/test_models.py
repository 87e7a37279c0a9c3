"""`themis models`: what is known, where it is kept, and a name that is mistyped."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Themis, sentence
from themis.model.known import known_models


def test_the_command(themis: Themis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEMIS_CACHE", str(tmp_path))
    assert themis("models", "where").stdout.strip() == str(tmp_path)
    listed = json.loads(themis("models", "list", "--json").stdout)
    assert [row["name"] for row in listed] == list(known_models())
    assert not any(row["here"] for row in listed)
    assert "not fetched" in themis("models", "list").stdout
    assert sentence(themis("models", "get", "smolm2-135m")) == "no backbone 'smolm2-135m': did you mean 'smollm2-135m'?"
