"""The folder of a run: whose it is, its checkpoint, its log. A run that was killed resumes exactly.

`run.json` holds the recipe and what it reads. A checkpoint is one file, replaced whole. Knows nothing of training.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from themis.errors import ConfigError, DataError
from themis.files import difference, digest, remove, write_whole
from themis.files.writing import move_whole
from themis.rlhf.prompts import Prompt
from themis.rlhf.recipe import RlhfRecipe
from themis.traces.case import case_key

RUN_FILE, CHECKPOINT, LOG_FILE, PLOT = "run.json", "checkpoint.pt", "log.jsonl", "log.png"
MAY_CHANGE = (
    "ppo.steps", "ppo.passes", "ppo.stop_kl", "ppo.stop_reward", "sft.epochs", "reward.wait_seconds", "policy.bf16",
    "logging.save_every", "logging.measured_answers", "logging.report_to",
)  # fmt: skip
"""Keys that may differ when a run resumes: how long, how it is watched, and on what machine."""


class RunFolder:
    """One run's files."""

    def __init__(self, out: Path, method: str, recipe: RlhfRecipe, prompts: list[Prompt], overwrite: bool, first: bool = True) -> None:
        """Make `out` this run's; of several processes, the `first` does it.

        Raises `ConfigError` where another run, or somebody else, has files there.
        """
        self.out = out
        if not first:
            return
        now = _known_by(method, recipe, prompts)
        earlier = self._earlier()
        if overwrite:
            for name in (RUN_FILE, CHECKPOINT, LOG_FILE, PLOT):
                remove(out / name)
        elif earlier is None and out.is_dir() and any(out.iterdir()):
            raise ConfigError(f"{out} holds files that no run of this kind wrote: give another --out, or --overwrite to write among them")
        elif earlier is not None and (differs := difference(earlier, now)):
            raise ConfigError(f"{out} holds another run ({differs}): give another --out, or --overwrite to start over")
        write_whole(out / RUN_FILE, json.dumps(now, indent=2) + "\n")

    def save(self, state: Mapping[str, Any]) -> None:
        """Replace the checkpoint: after a crash the old one is there, or the new one."""
        beside = self.out / f".{CHECKPOINT}.part"
        torch.save(dict(state), beside)
        move_whole(beside, self.out / CHECKPOINT)

    def load(self, first: bool = True) -> dict[str, Any] | None:
        """The state of the last checkpoint, or None. The `first` process takes later rows from the log."""
        file = self.out / CHECKPOINT
        if not file.is_file():
            if first:
                remove(self.out / LOG_FILE)
            return None
        try:
            state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises what zipfile, pickle and it itself raise
            raise DataError(f"{file} cannot be read ({type(error).__name__}): remove it to start over") from error
        if not first:
            return state
        kept = [row for row in self.rows() if row["step"] <= state["step"]]
        write_whole(self.out / LOG_FILE, "".join(json.dumps(row) + "\n" for row in kept))
        return state

    def log(self, row: Mapping[str, Any]) -> None:
        """Append a row."""
        with (self.out / LOG_FILE).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def rows(self) -> list[dict[str, Any]]:
        """The rows of the log; one that was cut off by a crash is left out."""
        if not (self.out / LOG_FILE).is_file():
            return []
        lines = (self.out / LOG_FILE).read_text(encoding="utf-8").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def _earlier(self) -> dict[str, Any] | None:
        try:
            return dict(json.loads((self.out / RUN_FILE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None


def _known_by(method: str, recipe: RlhfRecipe, prompts: list[Prompt]) -> dict[str, Any]:
    """All that decides a run, as JSON."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(recipe)))
    for key in MAY_CHANGE:
        section, _, name = key.partition(".")
        plain[section].pop(name)
    return {"method": method, "recipe": plain, "questions": digest([case_key(prompt.case) for prompt in prompts])}
