"""A chat model as the judge of commands, by its name `openai:MODEL`."""

import json
from typing import Any

import pytest

from tests.chat.endpoint import Endpoint, saying
from tests.cli.conftest import Themis, sentence
from tests.inference.test_prompted import CASE, DOUBTS, FINISHES, LOOKS_UP


def test_the_command_line_judges_with_it_and_keeps_its_verdicts(themis: Themis, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    data, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    data.write_text(json.dumps({"question": CASE.question, "answer": CASE.answer}) + "\n")
    with Endpoint(LOOKS_UP, FINISHES, DOUBTS) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.url)
        for _ in range(2):
            result = themis("score", "--cases", data, "--out", out, "--model", "openai:tiny")
            assert result.exit_code == 0, result.output
        assert len(endpoint.asked) == 3  # the second run finds the verdict
        assert 'is now "openai:other"' in sentence(themis("score", "--cases", data, "--out", out, "--model", "openai:other"))
    assert json.loads(out.read_text())["reward"] == pytest.approx(-3.8918, abs=1e-3)


def test_ppo_takes_its_rewards_from_it(themis: Themis, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    questions, out = tmp_path / "questions.jsonl", tmp_path / "out"
    questions.write_text(json.dumps({"question": CASE.question, "answer": "Tuesday"}) + "\n")
    config = '{"model_type": "qwen3", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1, "num_key_value_heads": 1}'
    settings = [f'data.files=["{questions}"]', "data.tara=[]", "data.shares=[]", f"policy.config={config}", "reward.judge=openai:tiny"]
    steps = ["ppo.steps=1", "ppo.prompts_per_step=2", "ppo.parts=1", "ppo.new_tokens=4", "reward.normalise=false"]
    with Endpoint(FINISHES, saying({"percent": 98})) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.url)
        result = themis("rlhf", "ppo", "nano", *settings, *steps, "reward.no_end=null", "--out", out)
    assert result.exit_code == 0, result.output
    assert (out / "model.safetensors").is_file()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("score", "--question", "a", "--answer", "b", "--model", "openai:x", "--device", "cpu"), "computes at its endpoint"),
        (("eval", "tara", "--data", "tests", "--model", "openai:x", "--save-temperature"), "states probabilities"),
        (("export", "--model", "openai:x", "--out", "there"), "the weights themselves are needed"),
        (("rlhf", "ppo", "nano", "reward.judge='openai:'"), "name the model as its server does"),
    ],
)
def test_what_a_chat_model_cannot_do_is_one_sentence(themis: Themis, monkeypatch: pytest.MonkeyPatch, words: Any, says: str) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert says in sentence(themis(*words))
