"""Where a run's numbers also go: tensorboard, wandb, trackio."""

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from themis.closing import Closing
from themis.training.checks import check_trackers

PROJECT = "themis-rlhf"


class Trackers(Closing):
    """The trackers of one run."""

    def __init__(self, names: Sequence[str], out: Path) -> None:
        check_trackers(names)
        self._boards = [_board(out) if name == "tensorboard" else _started(name, out) for name in names]

    def log(self, row: Mapping[str, Any]) -> None:
        """A row's numbers, at its step."""
        numbers = {name: value for name, value in row.items() if name != "step" and isinstance(value, int | float)}
        for board in self._boards:
            if hasattr(board, "add_scalar"):
                for name, value in numbers.items():
                    board.add_scalar(name, value, row["step"])
            else:
                board.log(numbers, step=row["step"])

    def close(self) -> None:
        """Write what is left."""
        for board in self._boards:
            getattr(board, "close" if hasattr(board, "add_scalar") else "finish")()


def _board(out: Path) -> Any:
    return importlib.import_module("torch.utils.tensorboard").SummaryWriter(str(out / "tensorboard"))


def _started(name: str, out: Path) -> Any:
    tracker = importlib.import_module(name)
    tracker.init(project=PROJECT, name=out.name)
    return tracker
