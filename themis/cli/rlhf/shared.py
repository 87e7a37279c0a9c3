"""What the commands of `themis rlhf` have in common: settings, judges, policies, progress."""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from themis.cli.judging import open_toolbox
from themis.cli.output import check_folder
from themis.cli.train import compute_with
from themis.files import write_whole

if TYPE_CHECKING:
    from rich.progress import Progress

    from themis.rlhf.policy import Policy
    from themis.rlhf.prompts import Prompt
    from themis.rlhf.recipe import Reward, RlhfRecipe
    from themis.tools import Toolbox
    from themis.traces import Judge


class Steps:
    """A bar for the steps with some numbers beside it; without a terminal, a line a minute."""

    def __init__(self, bar: "Progress", names: tuple[str, ...], every: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._bar, self._names, self._every, self._clock = bar, names, every, clock
        self._row, self._told = bar.add_task("begins", total=None), clock()

    def say(self, text: str) -> None:
        """A line above the bar."""
        from themis.cli.show import plain

        self._bar.console.print(plain(text), markup=False)

    def done(self, step: int, steps: int, row: Mapping[str, Any]) -> None:
        """A step is done."""
        text = ", ".join(f"{name} {row[name]:.3f}" for name in self._names if row.get(name) is not None)
        self._bar.update(self._row, total=steps, completed=step, description=text)
        if not self._bar.console.is_terminal and (step == steps or self._clock() - self._told > self._every):
            self._told = self._clock()
            self.say(f"step {step:,} of {steps:,}, {text}")


def settings_of(recipe: str, overrides: list[str] | None, limit: int | None = None) -> "RlhfRecipe":
    from themis.config import read_recipe
    from themis.rlhf.recipe import RlhfRecipe, check_recipe

    given = [*(overrides or []), *([f"data.limit={limit}"] if limit else [])]
    settings = read_recipe(recipe, RlhfRecipe, given, kind="rlhf")
    check_recipe(settings)
    return settings


def directory_of(out: Path | None, recipe: str, command: str, settings: "RlhfRecipe") -> Path:
    directory = out or Path("runs") / f"{Path(recipe).stem}-{command}"
    check_folder(directory, [settings.policy.name, *settings.data.files])
    return directory


def check_judge(reward: "Reward") -> None:
    """Raises an error for a mistyped judge before torch is imported."""
    from themis.inference.prompted import settings_of
    from themis.model.named import check_name, is_prompted

    if is_prompted(reward.judge):
        settings_of(reward.judge).key()
    elif ":" not in reward.judge:
        check_name(reward.judge)


def computing(threads: int | None, device: str | None) -> str:
    compute_with(threads, device)
    from themis.inference.load import device_of

    return device_of(device.partition(":")[0] if device else None)


def speaks() -> bool:
    """One process for all."""
    return int(os.environ.get("RANK", 0)) == 0


def say_end(directory: Path, text: str) -> None:
    if speaks():
        typer.echo(f"{directory}: {text}")


def say(text: str) -> None:
    from themis.cli.show import plain

    typer.echo(plain(text), err=True)


def tools() -> Any:
    from themis.config import data_root

    root = data_root()
    return open_toolbox(tara=root / "tara" if root and (root / "tara").is_dir() else None)


@contextmanager
def opened_judge(reward: "Reward", toolbox: "Toolbox", device: str) -> "Iterator[Judge]":
    """The judge of a recipe: a function, a server, a chat model, or a model in this process."""
    from themis.inference import load_judge
    from themis.model.named import is_address, is_elsewhere, is_prompted
    from themis.rlhf.rewards import FunctionJudge, function_named

    name = reward.judge
    function = None if is_elsewhere(name) else function_named(name)
    if function:
        yield FunctionJudge(function)
    elif is_address(name):
        with load_judge(name) as judge:
            yield judge
    elif is_prompted(name):
        with load_judge(name, toolbox=toolbox, rationale=reward.rationale) as judge:
            yield judge
    else:
        with load_judge(name, toolbox=toolbox, rationale=reward.rationale, device=device) as judge:
            yield judge


def held(settings: "RlhfRecipe") -> "list[Prompt]":
    from themis.config import data_root
    from themis.rlhf.prompts import read_held

    return read_held(settings.data, data_root(), settings.logging.measured_answers)


def policy_of(settings: "RlhfRecipe", name: str | None, device: str) -> "Policy":
    """The policy of a directory, or that of the recipe."""
    from dataclasses import replace

    from themis.rlhf.policy import load_policy

    policy = load_policy(replace(settings.policy, name=name, lora=None) if name else settings.policy)
    policy.lm.to(device)
    return policy


def answers_by(settings: "RlhfRecipe", name: str, prompts: "list[Prompt]", device: str) -> dict[str, str]:
    """Those of a file, or those that a policy writes now."""
    from themis.files import checked_text, json_lines
    from themis.rlhf.compare import answers_of

    if Path(name).is_file():
        rows = [(row, f"{name}, line {number}") for number, row in json_lines(Path(name))]
        return {checked_text(row.get("id"), "id", where): checked_text(row.get("answer"), "answer", where) for row, where in rows}
    return answers_of(policy_of(settings, name, device), prompts, settings.ppo, settings.seed, say)


def write_rows(file: Path, rows: list[dict[str, Any]]) -> None:
    write_whole(file, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def as_line(voter: str, shares: Mapping[str, Any]) -> str:
    """`tools: win 0.32 (0.25 to 0.40) : tie ... : lose ..., of 64 pairs; 3 left out`."""
    if not shares["pairs"]:
        return f"{voter}: decides none of {shares['left_out']} pairs"
    parts = [
        f"{name} {shares[name]['share']:.2f} ({shares[name]['low']:.2f} to {shares[name]['high']:.2f})" for name in ("win", "tie", "lose")
    ]
    left = f"; {shares['left_out']} left out" if shares["left_out"] else ""
    return f"{voter}: {' : '.join(parts)}, of {shares['pairs']} pairs{left}"
