"""Several processes that train one model: which of them goes first, and how FSDP2 shards the weights.

Knows nothing of recipes, data or losses.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
from accelerate.state import PartialState
from accelerate.utils.dataclasses import DistributedType, FullyShardedDataParallelPlugin
from torch.distributed.fsdp import MixedPrecisionPolicy


@contextmanager
def first_goes_first(processes: int) -> Iterator[None]:
    """Run the block in the first process before the others: it alone reports mistakes, the others find its files."""
    if processes == 1:
        yield
        return
    on_cpu = not torch.cuda.is_available()
    # transformers would set this up later, with a shorter timeout.
    met = PartialState(cpu=on_cpu, backend="gloo" if on_cpu else None, timeout=timedelta(minutes=30))
    with met.main_process_first():
        yield


def spread_by_fsdp(accelerator: Any, plugin_arguments: dict[str, Any], bf16: bool) -> None:
    """Make sure that `accelerator` shards the weights, on GPUs or on the CPU, and computes losses in float32.

    accelerate supports FSDP2 on GPUs alone. On the CPU it would silently copy the whole model to every process.
    Its default policy for bf16 would also round losses and sums of gradients.
    """
    state = accelerator.state
    if getattr(state, "fsdp_plugin", None) is None:
        state.fsdp_plugin = FullyShardedDataParallelPlugin(**plugin_arguments)
        state.distributed_type = DistributedType.FSDP
        PartialState._shared_state["distributed_type"] = DistributedType.FSDP
    if bf16:
        state.fsdp_plugin.mixed_precision_policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
