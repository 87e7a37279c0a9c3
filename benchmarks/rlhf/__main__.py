"""Make the runs, and print their table. See `benchmarks.rlhf`."""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.rlhf import __doc__ as about
from benchmarks.rlhf.runs import (
    JUDGES,
    OF_JUDGE,
    POLICIES,
    Bench,
    by_fact,
    compared,
    counts,
    judges_on_pairs,
    measured,
    unremembered_seconds,
)
from themis.config import data_root
from themis.files import write_whole
from themis.rlhf.prompts import read_held
from themis.rlhf.recipe import Prompts

TARA = ("calendar", "weather", "multi_tools")
SCORE = "reward of its own judge, in deviations from true answers"
HEAD = ("policy", "perplexity, TARA's dev answers", "perplexity, held-out answers", "true, %", "reward of Themis", "of vanilla", "tokens")


def main() -> None:
    """All that is missing, then the table, the figure and the costs."""
    options = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--steps", type=int, default=150, help="of PPO")
    options.add_argument("--vanilla-steps", type=int, default=120, help="of the plain reward model")
    chosen = options.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    root = data_root()
    tara = read_held(Prompts(tara=TARA), root, 150) if root else []
    with Bench(chosen.out, chosen.steps, chosen.vanilla_steps) as bench:
        seeds = range(1, chosen.seeds + 1)
        rows = [
            _once(chosen.out / f"row-{seed}-{place}.json", lambda name=name, seed=seed: measured(bench, name, seed, tara))
            for seed in seeds
            for place, name in enumerate(POLICIES)
        ]
        votes = [vote for seed in seeds for vote in _once(chosen.out / f"votes-{seed}.json", lambda seed=seed: compared(bench, seed))]
        judged = _once(chosen.out / "judges.json", lambda: judges_on_pairs(bench))
        costs = _once(chosen.out / "costs.json", lambda: unremembered_seconds(bench))
    logs = {
        name: [_log(chosen.out / f"{OF_JUDGE[name].lower().replace('(', '-').rstrip(')')}-{seed}") for seed in seeds] for name in JUDGES
    }
    print("\n".join([*_table(rows), "", *_votes(counts(votes)), "", *_judges(judged), "", *_costs(logs, costs)]))
    _plot(logs, chosen.out / "rlhf.png")


def _once(file: Path, make: Any) -> Any:
    """What a file holds, made where it is not there yet."""
    if not file.is_file():
        write_whole(file, json.dumps(make()) + "\n")
    return json.loads(file.read_text(encoding="utf-8"))


def _log(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]


# --- what is printed -------------------------------------------------------------------------------


def _table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = [f"| {' | '.join(HEAD)} |", "|" + "---|" * len(HEAD)]
    for name in POLICIES:
        own = [row for row in rows if row["policy"] == name]
        share, low, high, asked = by_fact(own)
        perplexities = (fmean(row[key]["perplexity"] for row in own) for key in ("perplexity_tara", "perplexity_held"))
        rewards = (_mean([reward for row in own for reward in row["rewards"][judge]]) for judge in JUDGES)
        seeds = ", ".join(f"{100 * fmean(row['true']):.0f}" for row in own)
        true = f"{100 * share:.1f} ({100 * low:.0f}-{100 * high:.0f}), n {asked}; by seed {seeds}"
        cells = [name, *(f"{value:.1f}" for value in perplexities), true, *rewards, f"{fmean(row['length'] for row in own):.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _mean(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{fmean(known):.2f}" if known else "none"


def _votes(tallied: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = ["PPO(Themis) against PPO(vanilla) | win | tie | lose | pairs", "---|---|---|---|---"]
    for voter, shares in tallied.items():
        cells = [
            f"{100 * shares[name]['share']:.0f} ({100 * shares[name]['low']:.0f}-{100 * shares[name]['high']:.0f})"
            for name in ("win", "tie", "lose")
        ]
        lines.append(" | ".join([voter, *cells, str(shares["pairs"])]))
    return lines


def _judges(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return [
        f"{name}: the true answer has the higher reward in {100 * each['right'] / each['pairs']:.1f} % "
        f"({100 * each['interval'][0]:.0f}-{100 * each['interval'][1]:.0f}) of {each['pairs']} pairs"
        for name, each in found.items()
    ]


def _costs(logs: Mapping[str, Sequence[Sequence[Mapping[str, Any]]]], costs: Mapping[str, float]) -> list[str]:
    lines = []
    for name, runs in logs.items():
        rows = [row for run in runs for row in run]
        parts = ("writing", "reading", "judging", "waiting", "update")
        shown = ", ".join(f"{part} {fmean(row[f'seconds_{part}'] for row in rows):.2f}" for part in parts)
        lines.append(f"{name}: {fmean(row['seconds'] for row in rows):.2f} s a step: {shown}")
    return [
        *lines,
        f"nano judges {costs['answers']} new answers in {costs['seconds']:.2f} s, {costs['calls']} calls: {costs['tool_seconds']:.4f} s",
    ]


def _plot(logs: Mapping[str, Sequence[Sequence[Mapping[str, Any]]]], file: Path) -> None:
    """Reward and true share over the steps: thin lines are seeds."""
    from themis.training.curves import drawing

    pyplot = drawing(print)
    if pyplot is None:
        return
    figure, panels = pyplot.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    for panel, (key, title) in zip(panels, (("score", SCORE), ("true", "true answers, by the tools")), strict=True):
        for (name, runs), colour in zip(logs.items(), ("tab:blue", "tab:orange"), strict=True):
            for place, run in enumerate(runs):
                points = [(row["step"], row[key]) for row in run if row.get(key) is not None]
                steps, values = zip(*points, strict=True)
                smooth = [fmean(values[max(0, at - 4) : at + 5]) for at in range(len(values))]
                panel.plot(steps, smooth, color=colour, linewidth=1.2, label=OF_JUDGE[name] if not place else None)
        panel.set(title=title, xlabel="step")
        panel.legend(fontsize="small")
    panels[1].set_ylim(0, 1.02)
    figure.savefig(file, dpi=90)
    pyplot.close(figure)


if __name__ == "__main__":
    main()
