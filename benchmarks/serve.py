"""The figures of `themis serve`, in one run on one machine with the same weights.

    python -m benchmarks.serve [--only clients,overhead] [--seconds 8] [--requests 10000] [--json]

Each server is a process of its own. Only ratios and differences say much, as other work on the machine slows down
both sides of each comparison. `--seconds` is how long one side of one round is measured.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.serving.broken import broken
from benchmarks.serving.rewards import rewards
from benchmarks.serving.servers import vanilla
from benchmarks.serving.speed import clients, openrlhf, overhead, slow_tool

Found = dict[str, Any]
PARTS: dict[str, Callable[[Path, float], Found]] = {
    "clients": clients,
    "overhead": overhead,
    "openrlhf": openrlhf,
    "slow_tool": slow_tool,
    "rewards": rewards,
}
LINES: dict[str, Callable[[Found], str]] = {
    "clients": lambda found: _compared("64 clients against one", found, 5),
    "overhead": lambda found: (
        f"overhead over in-process, p50: {found['overhead_ms']:.1f} ms ({found['server_ms']:.1f} and {found['in_process_ms']:.1f} ms),"
        f" {found['computing_ms']:.1f} ms of computing; wanted <= 5"
    ),
    "openrlhf": lambda found: "\n".join(
        _compared(f"/get_reward against OpenRLHF's procedure, {each} a request", found[f"{each} a request"], 3) for each in (1, 8)
    ),
    "slow_tool": lambda found: (
        f"p99 of nine cases where the tenth has a slow tool: {found['times']:.2f} times ({found['p99_with_ms']:.0f} and"
        f" {found['p99_without_ms']:.0f} ms; p50 {found['p50_times']:.2f} times); wanted <= 1.2"
    ),
    "rewards": lambda found: f"largest difference of rewards over {len(found['ways'])} ways: {found['largest']:.1e}; wanted <= 1e-4",
    "broken": lambda found: (
        f"{found['requests']} requests, {found['broken']} broken: {found['answers_500']} answers of 500, {found['stuck_rows']:.0f} stuck"
        f" rows, {found['megabytes'][-2]:.0f} MB after 60 %, {found['megabytes'][-1]:.0f} MB at the end; wanted 0, 0, level"
    ),
}


def _compared(what: str, found: Found, wanted: float) -> str:
    lines = []
    for clock in ("by the wall", "by computing"):
        times, first, second = found[clock].values()
        lines.append(f"{what}, {clock}: {times:.2f} times ({first:.1f} and {second:.1f} a second); wanted >= {wanted:g}")
    return "\n".join(lines)


def main() -> None:
    """Print a line for each part, or all that was found as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(LINES), help=f"the parts to run, with commas: {', '.join(LINES)}")
    parser.add_argument("--seconds", type=float, default=8.0, help="of one side of one round")
    parser.add_argument("--requests", type=int, default=10_000, help="of the part `broken`")
    parser.add_argument("--json", action="store_true", help="print JSON instead")
    options = parser.parse_args()
    chosen = options.only.split(",")
    if unknown := set(chosen) - set(LINES):
        parser.error(f"there is no part {', '.join(sorted(unknown))}: the parts are {', '.join(LINES)}")
    found: Found = {"cores": os.cpu_count()}
    with tempfile.TemporaryDirectory() as folder:
        vanilla(Path(folder))
        for name in chosen:
            load = os.getloadavg()[0]
            started = time.monotonic()
            part = PARTS[name](Path(folder), options.seconds) if name in PARTS else broken(Path(folder), options.requests)
            found[name] = {**part, "load_before": load, "seconds": time.monotonic() - started}
            if not options.json:
                print(LINES[name](found[name]), flush=True)
    if options.json:
        print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
