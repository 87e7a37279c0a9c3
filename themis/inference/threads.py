"""How many threads of the CPU a judge takes."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def with_threads(count: int | None) -> Iterator[None]:
    """So many threads inside the block; None leaves the number as it is.

    A policy that trains in the same process keeps its own number.
    """
    before = torch.get_num_threads()
    if count is None or count == before:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
