"""The cost of the sandbox: runs a second and the time of one run, beside a plain process for each test.

    python -m benchmarks.sandbox [--json]

A run is one answer of MBPP's size with one test. `process` is what a plain harness does: a new interpreter for each
test, with limits of memory and time but no sandbox. The two are measured in turns, so that other work on the machine
slows down both. Throughput is that of two callers at once; the time of a run is that of one caller alone.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any

from themis.errors import ToolUnavailable
from themis.tools.code.checks import Check, settle, split_test
from themis.tools.code.sandbox import TIERS, Sandbox, Tier

ROUNDS, RUNS, ALONE, CALLERS = 5, 100, 40, 2
SLOW = 5
"""How many times fewer runs `process` gets, as it is so much slower."""
ANSWERS = (
    (
        "import re\ndef f(text):\n    return sorted(re.findall(r'\\w+', text), key=len)",
        "assert f('to be or not') == ['to', 'be', 'or', 'not']",
    ),
    ("def f(n):\n    return sum(d for d in range(1, n) if n % d == 0)", "assert f(28) == 28"),
    ("from collections import Counter\ndef f(values):\n    return Counter(values).most_common(1)[0]", "assert f([1, 2, 2, 3]) == (2, 2)"),
    ("import heapq\ndef f(values, n):\n    return heapq.nlargest(n, values)", "assert f(list(range(500)), 3) == [499, 498, 497]"),
    (
        "def f(n):\n    table = [0, 1]\n    for i in range(n):\n        table.append(table[-1] + table[-2])\n    return table[n]",
        "assert f(30) == 832040",
    ),
)
Way = Callable[[int], None]


def in_sandbox(sandbox: Sandbox) -> Way:
    """A run in the sandbox; the test is decided outside of it."""
    checks: list[Check] = [split_test(test) for _, test in ANSWERS]

    def run(number: int) -> None:
        at = number % len(ANSWERS)
        outcome = settle(checks[at], sandbox.run(ANSWERS[at][0], checks[at].source))
        assert outcome.passed, outcome.reason

    return run


def in_a_process(number: int) -> None:
    """A run in an interpreter of its own, with limits; the exit code decides."""
    source = "\n".join(ANSWERS[number % len(ANSWERS)])
    subprocess.run([sys.executable, "-I", "-c", source], check=True, capture_output=True, timeout=60, env={}, preexec_fn=_limit)


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (256 << 20, 256 << 20))
    resource.setrlimit(resource.RLIMIT_CPU, (5, 5))


def rate(way: Way, runs: int) -> float:
    """Runs a second of two callers at once."""
    started = time.perf_counter()
    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(way, range(runs)))
    return runs / (time.perf_counter() - started)


def times(way: Way, runs: int) -> list[float]:
    """Milliseconds of each run, one after the other."""
    found = []
    for number in range(runs):
        started = time.perf_counter()
        way(number)
        found.append(1000 * (time.perf_counter() - started))
    return found


def measured(ways: dict[str, Way]) -> dict[str, dict[str, float]]:
    """For each way the median rate of interleaved rounds, and quantiles of all single runs."""
    rates: dict[str, list[float]] = {name: [] for name in ways}
    alone: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way(0)
    for _ in range(ROUNDS):
        for name, way in ways.items():
            share = SLOW if name == "process" else 1
            rates[name].append(rate(way, RUNS // share))
            alone[name] += times(way, ALONE // share)
    return {
        name: {
            "runs_per_second": median(rates[name]),
            "p50_ms": median(alone[name]),
            "p95_ms": sorted(alone[name])[int(0.95 * len(alone[name]))],
        }
        for name in ways
    }


def main() -> None:
    """Print the table, and how many times faster the sandbox is."""
    sandboxes: dict[Tier, Sandbox] = {}
    for tier in TIERS:
        sandbox = Sandbox(tiers=[tier])
        try:
            _ = sandbox.tier
        except ToolUnavailable as error:
            print(error, file=sys.stderr)
        else:
            sandboxes[tier] = sandbox
    ways: dict[str, Way] = {tier: in_sandbox(sandbox) for tier, sandbox in sandboxes.items()}
    found = measured({**ways, "process": in_a_process})
    for sandbox in sandboxes.values():
        sandbox.close()
    ratios = {tier: found[tier]["runs_per_second"] / found["process"]["runs_per_second"] for tier in sandboxes}
    result: dict[str, Any] = {"cores": os.cpu_count(), "callers": CALLERS, "ways": found, "times_a_process": ratios}
    if "--json" in sys.argv[1:]:
        print(json.dumps(result, indent=2))
        return
    print(f"{os.cpu_count()} cores, {CALLERS} callers; the time of a run is that of one caller alone")
    for name, row in found.items():
        ratio = f", {ratios[name]:.1f} times a process for each test" if name in ratios else ""
        print(f"{name:<11}{row['runs_per_second']:>6.0f} runs/s   p50 {row['p50_ms']:>5.1f} ms   p95 {row['p95_ms']:>5.1f} ms{ratio}")


if __name__ == "__main__":
    main()
