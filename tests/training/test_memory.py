"""What a training process keeps."""

import subprocess
import sys

import pytest

SEEN = """
import os
import torch
from themis.training.memory import give_back_memory, keep_freed_memory

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6

keep_freed_memory()
before = resident()
many = [torch.ones(250_000) for _ in range(400)]
del many
kept = resident() - before
give_back_memory()
print(kept, resident() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc")
def test_freed_memory_is_kept_for_the_next_step_and_given_back_where_asked() -> None:
    """Of 400 MB. In a process of its own, as the settings of malloc last."""
    told = subprocess.run([sys.executable, "-c", SEEN], capture_output=True, text=True, check=True).stdout
    kept, left = map(float, told.split())
    assert kept > 300
    assert left < 100
