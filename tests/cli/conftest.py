"""A tiny model on disk, and a way to give commands."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.fakes import PHRASES, byte_tokenizer, tiny_model
from themis.cli import app
from themis.model.checkpoint import ModelMeta, save_model

Themis = Callable[..., Result]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with random weights that writes traces; 512 tokens of one byte are its whole context."""
    directory = tmp_path_factory.mktemp("tiny")
    tokenizer = byte_tokenizer(PHRASES)
    save_model(directory, tiny_model("llama", tokenizer), tokenizer, ModelMeta())
    return directory


@pytest.fixture
def themis() -> Themis:
    """Gives a command: `themis("score", "--question", ...)`."""
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


def sentence(result: Result) -> str:
    """The one sentence of a command that was refused."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line.removeprefix("themis: ")
