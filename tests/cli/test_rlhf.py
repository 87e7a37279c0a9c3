"""`themis rlhf`: from a file of questions to a policy that was compared."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Themis, sentence
from themis.config import read_recipe, recipe_names
from themis.rlhf.recipe import RlhfRecipe, check_recipe

RECIPE = """
seed: 1
policy:
  config: {{model_type: qwen3, hidden_size: 32, intermediate_size: 48, num_hidden_layers: 2, num_attention_heads: 2,
            num_key_value_heads: 2, head_dim: 16, max_position_embeddings: 128, tie_word_embeddings: true}}
data:
  files: [{folder}/questions.jsonl]
  held_files: [{folder}/questions.jsonl]
  shares: []
sft: {{epochs: 30, learning_rate: 1.0e-2, answers_per_step: 4}}
reward: {{judge: "{folder}/mine.py:longer"}}
ppo: {{steps: 2, prompts_per_step: 4, epochs: 1, new_tokens: 12, learning_rate: 1.0e-3, temperature: 0.5}}
logging: {{save_every: 1}}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    days = {"2015-03-24": "Tuesday", "2015-03-25": "Wednesday", "2015-03-26": "Thursday", "2015-03-27": "Friday"}
    rows = [{"id": day, "question": f"What day of the week is {day}?", "answer": name, "task": "calendar"} for day, name in days.items()]
    (tmp_path / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "mine.py").write_text("def longer(cases):\n    return [len(case.answer) for case in cases]\n")
    file = tmp_path / "tiny.yaml"
    file.write_text(RECIPE.format(folder=tmp_path))
    return file


def test_a_policy_is_started_trained_measured_and_compared(themis: Themis, recipe: Path, tmp_path: Path) -> None:
    sft, ppo = tmp_path / "sft", tmp_path / "ppo"
    result = themis("rlhf", "sft", recipe, "--out", sft, "--threads", 1, "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert f"{sft}: trained; the next step is `themis rlhf ppo" in result.stdout
    result = themis("rlhf", "ppo", recipe, f"policy.name={sft}", "--out", ppo)
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in (ppo / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2]
    assert all(0 <= row["true"] <= 1 and row["true_of"] == 4 for row in rows)
    assert (ppo / "log.png").exists()

    measured = themis("rlhf", "perplexity", recipe, "--policy", sft, "--policy", ppo, "--out", tmp_path / "p.json")
    assert measured.exit_code == 0, measured.output
    assert f"{sft}: perplexity " in measured.stdout
    found = json.loads((tmp_path / "p.json").read_text())["policies"]
    assert 1 <= found[str(sft)]["perplexity"] < 50
    assert found[str(sft)]["answers"] == 4

    answers = tmp_path / "right.jsonl"
    answers.write_text((tmp_path / "questions.jsonl").read_text())
    people = tmp_path / "people.jsonl"
    people.write_text(json.dumps({"id": "2015-03-24", "voter": "people", "order": "ab", "vote": "tie"}) + "\n")
    compared = themis("rlhf", "compare", recipe, answers, ppo, "--votes", people, "--out", tmp_path / "compared")
    assert compared.exit_code == 0, compared.output
    votes = [json.loads(line) for line in (tmp_path / "compared" / "votes.jsonl").read_text().splitlines()]
    assert len(votes) == 16  # four questions, two voters, both orders
    assert {row["vote"] for row in votes if row["voter"] == "tools"} <= {"a", "tie"}
    assert "people: win 0.00 (0.00 to 0.79) : tie 1.00 (0.21 to 1.00) : lose 0.00 (0.00 to 0.79), of 1 pairs" in compared.stdout
    again = themis("rlhf", "compare", recipe, answers, ppo, "--out", tmp_path / "compared")
    assert "holds files already" in sentence(again)


def test_mistakes_are_one_sentence(themis: Themis, recipe: Path, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "out")
    assert "did you mean 'ppo.lam'?" in sentence(themis("rlhf", "ppo", recipe, "ppo.lamm=1", *out))
    assert "ppo.new_tokens: must be at least 1, found 0" in sentence(themis("rlhf", "ppo", recipe, "ppo.new_tokens=0", *out))
    assert "no model 'nanoo'" in sentence(themis("rlhf", "ppo", recipe, "reward.judge=nanoo", *out))
    assert "no recipe 'nanoo': the package has nano" in sentence(themis("rlhf", "sft", "nanoo", *out))
    assert "all 4 questions are too long" in sentence(themis("rlhf", "ppo", recipe, "ppo.new_tokens=120", *out))
    assert "there is no file" in sentence(themis("rlhf", "ppo", recipe, "reward.judge=other.py:f", *out))
    assert "no tracker 'wanda'" in sentence(themis("rlhf", "ppo", recipe, "logging.report_to=[wanda]", *out))
    assert not (tmp_path / "out" / "run.json").exists()


@pytest.mark.parametrize("name", recipe_names("rlhf"))
def test_the_recipes_of_the_package_say_what_they_need(themis: Themis, name: str) -> None:
    check_recipe(read_recipe(name, RlhfRecipe, kind="rlhf"))
    if name.startswith("smollm2"):
        return  # its shape is that of a model which may not be here
    result = themis("rlhf", "ppo", name, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "policy, reference and value model" in result.stdout
