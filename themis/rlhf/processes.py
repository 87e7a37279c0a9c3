"""Several processes that train one policy, each on its share of every batch: torchrun's, on GPUs or on the CPU.

Knows nothing of models. With one process all of this does nothing.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import distributed, nn

from themis.errors import ServerError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Processes:
    """Which of how many processes this is."""

    rank: int = 0
    world: int = 1

    def share(self, items: Sequence[T]) -> list[T]:
        """The items of this process: every `world`-th."""
        return list(items[self.rank :: self.world])

    def gathered(self, items: Sequence[T]) -> list[T]:
        """The items of all processes, in the order that `share` took them from."""
        if self.world == 1:
            return list(items)
        shares: list[Any] = [None] * self.world
        distributed.all_gather_object(shares, list(items))
        return [share[place] for place in range(max(map(len, shares))) for share in shares if place < len(share)]

    def sum_gradients(self, weights: Iterable[nn.Parameter]) -> None:
        """Add up the gradients of all processes, in each of them."""
        if self.world == 1:
            return
        for weight in weights:
            if weight.grad is None:
                weight.grad = torch.zeros_like(weight)
            distributed.all_reduce(weight.grad)

    def sums(self, values: Sequence[float]) -> list[float]:
        """Each number added up over the processes."""
        if self.world == 1:
            return list(values)
        shares: list[Any] = [None] * self.world
        distributed.all_gather_object(shares, list(values))
        return [sum(column) for column in zip(*shares, strict=True)]

    def any_failed(self, problem: ServerError | None) -> None:
        """Raises `ServerError` in every process where one of them has a problem: none is left to wait for it."""
        problems: list[Any] = [problem and str(problem)]
        if self.world > 1:
            problems *= self.world
            distributed.all_gather_object(problems, problem and str(problem))
        if told := next(filter(None, problems), None):
            raise problem or ServerError(told)

    def wait(self) -> None:
        """Until all processes are here."""
        if self.world > 1:
            distributed.barrier()


@contextmanager
def joined() -> Iterator[Processes]:
    """This process among those that torchrun started."""
    world = int(os.environ.get("WORLD_SIZE", 1))
    if world == 1:
        yield Processes()
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    distributed.init_process_group(backend, timeout=timedelta(minutes=30))
    try:
        yield Processes(distributed.get_rank(), world)
    finally:
        distributed.destroy_process_group()
