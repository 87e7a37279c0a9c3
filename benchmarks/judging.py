"""What the judge's cache and its batches save: ratios of the time that the same cases take.

python benchmarks/judging.py [MODEL]
"""

import sys
import time
from random import Random
from typing import Any

import torch

from themis.data.stream import arithmetic_pair, calendar_pair
from themis.inference import Judge
from themis.model.checkpoint import load_model
from themis.tools import Toolbox, builtin_tools
from themis.traces import Case

CASES = 48


def cases() -> list[Case]:
    """Calendar and arithmetic, always the same."""
    rng = Random(1)
    return [make(rng).chosen_case for _ in range(CASES // 2) for make in (calendar_pair, arithmetic_pair)]


def seconds(loaded: tuple[Any, Any, Any], **settings: Any) -> float:
    """How long a judge of these settings takes for all cases."""
    model, tokenizer, meta = loaded
    with Toolbox(builtin_tools()) as toolbox:
        judge = Judge(model, tokenizer, toolbox, meta=meta, **settings)
        judge.judge(Case("What is 1 + 1?", "2"))  # the first pass of a process is slower than all others
        started = time.perf_counter()
        for _ in judge.judge_all(cases()):
            pass
        return time.perf_counter() - started


def main() -> None:
    """Print the ratios."""
    loaded = load_model(sys.argv[1] if len(sys.argv) > 1 else "nano", torch.float32)
    usual = seconds(loaded)
    print(f"{CASES} cases, a batch of 16, with cache, no rationale: {usual:.2f} s, {CASES / usual:.1f} cases/s")
    others: dict[str, dict[str, Any]] = {
        "a batch of 1": {"batch_size": 1},
        "without cache": {"use_cache": False},
        "with rationale": {"rationale": "write"},
    }
    for what, settings in others.items():
        print(f"{what}: {seconds(loaded, **settings) / usual:.1f} times that")


if __name__ == "__main__":
    main()
