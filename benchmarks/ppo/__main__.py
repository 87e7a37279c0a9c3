"""PPO beside the last TRL that had a `PPOTrainer`: tokens a second, and whether both learn alike.

    python -m benchmarks.ppo --out runs/beside-trl --plot curves.png
    python -m benchmarks.ppo speed --out runs/beside-trl     # a constant reward, the policy of the recipe nano
    python -m benchmarks.ppo curves --out runs/beside-trl    # longer is better, five seeds, a small policy
    python -m benchmarks.ppo --quick                         # fewer steps and seeds: does it run?

TRL runs in a virtual environment of its own (`--venv`), which is made at the first call, with our versions of torch
and transformers. Both sides get the same weights, questions, batches, rates and rules; one thread each. They run in
turns, so that other work on the machine slows down both; the processor's time says more there than the clock. The runs
that are in `--out` are not repeated, so a benchmark that was stopped goes on.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.ppo import compare
from benchmarks.ppo.environment import python_of
from benchmarks.ppo.setting import NANO, TINY, Setting, read_setting, start

HERE = Path(__file__).parent
VENV = Path.home() / ".cache" / "themis" / "bench" / "trl-ppo"
QUICK = 3
"""Steps of a quick look."""


def main() -> None:
    """Run the parts, print their figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="?", choices=tuple(PARTS), help="by default both")
    parser.add_argument("--venv", type=Path, default=VENV, help="folder of TRL's virtual environment")
    parser.add_argument("--out", type=Path, help="folder that keeps the runs; by default they are not kept")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--plot", type=Path, help="a PNG for the curves")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    if options.quick:
        options.repeats, options.seeds = 1, 2
    with tempfile.TemporaryDirectory() as folder:
        out = options.out or Path(folder)
        sides = {"ours": (sys.executable, "-m", "benchmarks.ppo.ours"), "theirs": (python_of(options.venv), "-P", HERE / "peer.py")}
        names = (options.part,) if options.part else tuple(PARTS)
        found = {name: PARTS[name](out / name, sides, options) for name in names}
    if options.json:
        print(json.dumps(found))
        return
    for name, text in (("speed", compare.speed_text), ("curves", compare.curves_text)):
        if name in found:
            print(text(found[name]))


Sides = Mapping[str, Sequence[Any]]


def speed(folder: Path, sides: Sides, options: argparse.Namespace) -> dict[str, Any]:
    """Steps of a constant reward: answers have 1 to 24 words, as they come."""
    policy, questions, prompts = start(folder, NANO, words=24, epochs=1 if options.quick else 4)
    steps = QUICK if options.quick else 6
    setting = Setting(str(policy), str(questions), prompts, cap=0, steps=steps, new_tokens=48, learning_rate=1e-5, kl=0.05)
    return compare.speed_of(*_runs(folder, setting, options.repeats, sides))


def curves(folder: Path, sides: Sides, options: argparse.Namespace) -> dict[str, Any]:
    """A policy that says one or two words learns to say more."""
    policy, questions, prompts = start(folder, TINY, words=2, epochs=12)
    steps = QUICK if options.quick else 20
    setting = Setting(str(policy), str(questions), prompts, cap=30, steps=steps, new_tokens=24, learning_rate=2e-4, kl=0.02)
    found = compare.curves_of(*_runs(folder, setting, options.seeds, sides))
    if options.plot:
        compare.plot(found, options.plot)
    return found


def _runs(folder: Path, setting: Setting, count: int, sides: Sides) -> list[list[list[compare.Row]]]:
    """The rows of both sides, which run in turns, each time with another seed."""
    found: dict[str, list[list[compare.Row]]] = {side: [] for side in sides}
    for seed in range(1, count + 1):
        file, wanted = folder / f"{seed}.json", replace(setting, seed=seed)
        if file.is_file() and read_setting(file) != wanted:
            raise SystemExit(f"{folder} keeps runs of another setting: give another --out")
        wanted.write(file)
        for side, command in sides.items():
            kept = folder / f"{side}-{seed}.jsonl"
            if not kept.is_file():
                print(f"{folder.name}: {side}, run {seed} of {count}", file=sys.stderr)
                kept.write_text(_printed(side, [*command, file]))
            found[side].append(compare.rows_of(kept.read_text()))
    return list(found.values())


def _printed(side: str, command: Sequence[Any]) -> str:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"{side}: {(done.stderr.strip().splitlines() or ['no word'])[-1]}")
    return done.stdout


PARTS = {"speed": speed, "curves": curves}

if __name__ == "__main__":
    main()
