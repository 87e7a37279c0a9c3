"""What both sides are given: one policy, one list of questions, one reward, and the same numbers.

Questions have equally many tokens, so that no side pads them. The policy has learned to say some words and to end.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

from themis.rlhf.policy import load_policy
from themis.rlhf.recipe import Logging, PolicyModel, Prompts, RlhfRecipe, Sft
from themis.rlhf.sft import train_sft
from themis.traces import Case

WORDS = "sun moon star rain wind tree leaf bird fish stone river cloud".split()
NANO: Mapping[str, Any] = {
    "model_type": "qwen3", "hidden_size": 192, "intermediate_size": 512, "num_hidden_layers": 6, "num_attention_heads": 3,
    "num_key_value_heads": 3, "head_dim": 64, "max_position_embeddings": 512, "tie_word_embeddings": True,
}  # fmt: skip
"""The policy of the recipe `nano`."""
TINY: Mapping[str, Any] = {
    **NANO, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 2, "head_dim": 32,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Setting:
    """A run of either side, as it is written into its JSON file."""

    policy: str
    """A folder of transformers."""
    questions: str
    """A file of ours."""
    prompts: list[list[int]]
    """The same questions as the token ids that the policy reads."""
    cap: int
    """Letters of an answer that a longer one is rewarded for: ten are a point. 0: every answer gets one point."""
    steps: int
    new_tokens: int
    learning_rate: float
    kl: float
    seed: int = 1
    answers: int = 32
    """Of a step, with one step of the optimizer in an epoch."""
    epochs: int = 4
    temperature: float = 1.0

    def write(self, file: Path) -> Path:
        """As a JSON file."""
        file.write_text(json.dumps(asdict(self)))
        return file

    @property
    def most(self) -> float:
        """The largest reward. As `reward.no_end` it gives an answer that does not end the lowest one of its step."""
        return self.cap / 10 if self.cap else 1.0


def read_setting(file: Path) -> Setting:
    """What `Setting.write` wrote."""
    return Setting(**json.loads(file.read_text()))


def start(folder: Path, config: Mapping[str, Any], words: int, epochs: int) -> tuple[Path, Path, list[list[int]]]:
    """A policy that says up to so many words, its file of questions, and their token ids. Made once for a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    model = PolicyModel(config=dict(config))
    questions = folder / "questions.jsonl"
    prompts = _write_questions(questions, model, words)
    recipe = RlhfRecipe(
        seed=1,
        policy=model,
        data=Prompts(files=(str(questions),), shares=()),
        sft=Sft(epochs=epochs, learning_rate=1e-3, answers_per_step=32, answers_at_once=32),
        logging=Logging(save_every=1000),
    )
    return train_sft(recipe, folder / "policy", notice=lambda text: None), questions, prompts


def _write_questions(file: Path, model: PolicyModel, words: int) -> list[list[int]]:
    policy, rng = load_policy(model), Random(1)
    drawn = [f"What comes after {rng.randint(10, 99)} and {rng.randint(10, 99)}?" for _ in range(512)]
    ids = {question: policy.prompt_ids(Case(question, "")) for question in drawn}
    length = Counter(map(len, ids.values())).most_common(1)[0][0]
    kept = [question for question in ids if len(ids[question]) == length][:256]
    answers = [" ".join(rng.choices(WORDS, k=rng.randint(1, words))) for _ in kept]
    rows = [{"question": question, "answer": answer} for question, answer in zip(kept, answers, strict=True)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return [ids[question] for question in kept]
