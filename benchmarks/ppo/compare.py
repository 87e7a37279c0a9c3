"""From the rows of both sides to figures, their text and their curves. Knows nothing of models.

Whether curves differ is asked by an exact permutation test over the runs: of all ways to divide them into two sides,
the share in which the sides differ at least as much as they do.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

from themis.training.curves import drawing

Row = Mapping[str, Any]
Runs = Sequence[Sequence[Row]]
"""Of one side: runs with their rows."""
FIRST = 1
"""Steps that are left out of the speed: a process is slower at its beginning."""
CHANCE = 0.05


def rows_of(text: str) -> list[Row]:
    """The rows that a side printed. Raises `ValueError` where they are not the steps 1, 2, 3, ..."""
    rows = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    steps = [row["step"] for row in rows]
    if not rows or steps != list(range(1, len(rows) + 1)):
        raise ValueError(f"a side printed the steps {steps}")
    return rows


def speed_of(ours: Runs, theirs: Runs) -> dict[str, Any]:
    """Tokens of answers a second, by the clock and by the processor's time, and their ratio in each repeat."""
    found: dict[str, Any] = {}
    for name in ("seconds", "cpu_seconds"):
        one, other = ([_tokens_per(rows[FIRST:], name) for rows in runs] for runs in (ours, theirs))
        ratios = [first / second for first, second in zip(one, other, strict=True)]
        found[name] = {"ours": median(one), "theirs": median(other), "ratio": median(ratios), "ratios": ratios}
    return found


def curves_of(ours: Runs, theirs: Runs) -> dict[str, Any]:
    """Reward over steps, and whether the difference of both sides is within the noise of their seeds."""
    one, other = ([[float(row["score"]) for row in rows] for rows in runs] for runs in (ours, theirs))
    steps = len(one[0])
    parts = {"all steps": 0, "last quarter": steps - max(1, steps // 4)}
    found: dict[str, Any] = {"seeds": len(one), "steps": [_step(step, one, other) for step in range(steps)]}
    for name, begin in parts.items():
        first, second = ([fmean(scores[begin:]) for scores in runs] for runs in (one, other))
        found[name] = {"ours": fmean(first), "theirs": fmean(second), "chance": chance(first, second)}
    found["steps apart"] = sum(step["chance"] < CHANCE for step in found["steps"])
    found["within noise"] = all(found[name]["chance"] >= CHANCE for name in parts)
    return found


def chance(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """How often runs that are divided at random differ in their means as much as these do."""
    together = [*ours, *theirs]
    wanted, total = abs(fmean(ours) - fmean(theirs)), sum(together)
    differences = []
    for some in combinations(together, len(ours)):
        differences.append(abs(sum(some) / len(ours) - (total - sum(some)) / len(theirs)))
    return sum(difference >= wanted - 1e-12 for difference in differences) / len(differences)


def speed_text(found: Mapping[str, Any]) -> str:
    """A line for each clock."""
    lines = []
    for name, words in (("seconds", "a second"), ("cpu_seconds", "a second of processor time")):
        of = found[name]
        spread = f"{min(of['ratios']):.2f} to {max(of['ratios']):.2f} in {len(of['ratios'])} repeats"
        lines.append(f"tokens {words:27} ours {of['ours']:7,.1f}   TRL {of['theirs']:7,.1f}   {of['ratio']:.2f} x ({spread}; wanted: 1.5)")
    return "\n".join(lines)


def curves_text(found: Mapping[str, Any]) -> str:
    """A row for each step, then the tests."""
    lines = ["step   ours          TRL           chance of such a difference"]
    for number, step in enumerate(found["steps"], 1):
        sides = "   ".join(f"{step[side]:5.2f} ± {step[f'{side}_deviation']:4.2f}" for side in ("ours", "theirs"))
        lines.append(f"{number:4}   {sides}   {step['chance']:4.2f}")
    for name in ("all steps", "last quarter"):
        of = found[name]
        lines.append(f"mean reward, {name:13} ours {of['ours']:.3f}   TRL {of['theirs']:.3f}   chance {of['chance']:.2f}")
    count = len(found["steps"])
    lines.append(f"{found['steps apart']} of {count} steps differ at {CHANCE} (by chance alone: about {CHANCE * count:.0f})")
    lines.append("within noise" if found["within noise"] else f"NOT within noise: a chance under {CHANCE}")
    return "\n".join(lines)


def plot(found: Mapping[str, Any], file: Path) -> None:
    """Mean curves with the deviation over seeds."""
    if (pyplot := drawing(print)) is None:
        return
    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    at = range(1, len(found["steps"]) + 1)
    for side, label in (("ours", "themis rlhf ppo"), ("theirs", "TRL's PPOTrainer")):
        means = [step[side] for step in found["steps"]]
        spreads = [step[f"{side}_deviation"] for step in found["steps"]]
        axes.plot(at, means, label=label)
        low, high = ([mean + sign * spread for mean, spread in zip(means, spreads, strict=True)] for sign in (-1, 1))
        axes.fill_between(at, low, high, alpha=0.2)
    axes.set(title=f"longer is better, capped: mean and deviation of {found['seeds']} seeds", xlabel="step", ylabel="reward")
    axes.legend()
    figure.savefig(file, dpi=100)
    pyplot.close(figure)


def _tokens_per(rows: Sequence[Row], name: str) -> float:
    return float(sum(row["tokens"] for row in rows) / sum(row[name] for row in rows))


def _step(step: int, ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]]) -> dict[str, float]:
    one, other = ([scores[step] for scores in runs] for runs in (ours, theirs))
    spread = {"ours_deviation": _deviation(one), "theirs_deviation": _deviation(other)}
    return {"ours": fmean(one), "theirs": fmean(other), **spread, "chance": chance(one, other)}


def _deviation(values: Sequence[float]) -> float:
    return stdev(values) if len(values) > 1 else 0.0
