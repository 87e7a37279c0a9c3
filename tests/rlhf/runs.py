"""Tiny runs of PPO for tests: a policy of two layers, questions of one word, longer is better."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.rlhf.test_policy import TINY
from themis.rlhf.ppo.run import Services, train_ppo
from themis.rlhf.recipe import Logging, PolicyModel, Ppo, Prompts, Reward, RlhfRecipe, Sft
from themis.rlhf.rewards import FunctionJudge
from themis.rlhf.sft import train_sft
from themis.traces import Case

MOST = 40
"""Letters that a longer answer is rewarded for."""


def longer(cases: Sequence[Case]) -> list[float | None]:
    """The toy reward: one point for ten letters, up to four."""
    return [min(len(case.answer), MOST) / 10 for case in cases]


def recipe(folder: Path, **settings: Any) -> RlhfRecipe:
    """A run on a file of questions in a folder; `settings` are those of PPO."""
    file = folder / "questions.jsonl"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(json.dumps({"question": f"{word}?", "answer": word}) + "\n" for word in "who what why where".split()))
    chosen: dict[str, Any] = {
        "steps": 3, "prompts_per_step": 8, "parts": 2, "epochs": 2, "new_tokens": 12, "learning_rate": 1e-3, "value_learning_rate": 1e-3,
    }  # fmt: skip
    return RlhfRecipe(
        seed=1,
        policy=PolicyModel(name=settings.pop("name")) if "name" in settings else PolicyModel(config=TINY),
        data=Prompts(files=(str(file),), shares=()),
        reward=Reward(normalise=False, no_end=None),
        ppo=Ppo(**{**chosen, **settings}),
        logging=Logging(save_every=2),
    )


def started(folder: Path, epochs: int = 40) -> Path:
    """A policy that has learned to say one of the four words."""
    begin = replace(recipe(folder), sft=Sft(epochs=epochs, learning_rate=1e-2, answers_per_step=4))
    return train_sft(begin, folder / "sft", notice=lambda text: None)


def services(function: Callable[[Sequence[Case]], list[float | None]] = longer, **others: Any) -> Services:
    return Services(FunctionJudge(function), **{"notice": lambda text: None, **others})


def log_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


__all__ = ["log_of", "longer", "recipe", "replace", "services", "started", "train_ppo"]
