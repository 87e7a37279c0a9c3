"""One run of ours: `python -m benchmarks.ppo.ours SETTING.json` prints a JSON row for each step."""

import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.ppo.setting import Setting, read_setting
from themis.rlhf.ppo.run import Services, train_ppo
from themis.rlhf.recipe import Logging, PolicyModel, Ppo, Prompts, Reward, RlhfRecipe
from themis.rlhf.rewards import FunctionJudge
from themis.traces import Case

_PARTS = ("writing", "reading", "update")


def recipe_of(setting: Setting) -> RlhfRecipe:
    """What TRL's trainer does, in our words: it clips no gradient, and judges answers that did not end.

    Eight answers go through the models at once, our default; TRL's parts of 8 are no faster than its 32.
    """
    ppo = Ppo(
        steps=setting.steps, prompts_per_step=setting.answers, parts=1, epochs=setting.epochs, minibatches=1,
        answers_at_once=8, new_tokens=setting.new_tokens, temperature=setting.temperature,
        learning_rate=setting.learning_rate, value_learning_rate=setting.learning_rate, gradient_clip=1e9, kl=setting.kl,
        stop_kl=1e9, stop_reward=1e9,
    )  # fmt: skip
    return RlhfRecipe(
        seed=setting.seed,
        policy=PolicyModel(name=setting.policy),
        data=Prompts(files=(setting.questions,), shares=()),
        reward=Reward(normalise=False, no_end=setting.most),
        ppo=ppo,
        logging=Logging(save_every=10 * setting.steps),
    )


def run(setting: Setting) -> list[dict[str, Any]]:
    """All steps; a row has the seconds since the row before."""
    rows: list[dict[str, Any]] = []
    last = [time.perf_counter(), time.process_time()]

    def rewards(cases: Sequence[Case]) -> list[float | None]:
        return [min(len(case.answer), setting.cap) / 10 if setting.cap else 1.0 for case in cases]

    def on_step(step: int, steps: int, row: Mapping[str, Any]) -> None:
        now = [time.perf_counter(), time.process_time()]
        seconds, cpu = (after - before for after, before in zip(now, last, strict=True))
        last[:] = now
        told = {name: row[name] for name in ("score", "kl", "length", "tokens")}
        rows.append({"step": step, "seconds": seconds, "cpu_seconds": cpu, **told, **{name: row[f"seconds_{name}"] for name in _PARTS}})

    with tempfile.TemporaryDirectory() as folder:
        train_ppo(
            recipe_of(setting), Path(folder) / "out", Services(FunctionJudge(rewards), notice=lambda text: None, on_step=on_step)
        )  # fmt: skip
    return rows


if __name__ == "__main__":
    torch.set_num_threads(1)
    for each in run(read_setting(Path(sys.argv[1]))):
        print(json.dumps(each))
