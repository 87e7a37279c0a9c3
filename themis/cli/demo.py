"""`themis demo`: judges built-in examples. It needs no data, no key and no network."""

import json
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from themis.cli.judging import JsonFlag, ModelOptions, import_libraries, with_options

if TYPE_CHECKING:
    from rich.console import Console

    from themis.evaluation.ranking import JudgedPair
    from themis.traces import Case, Judge, Pair, Verdict

Limit = Annotated[int | None, typer.Option(min=1, help="Only the first cases.", show_default="all")]
EXAMPLE = "Example: themis demo --rationale skip"


@with_options
def demo(json_output: JsonFlag = False, limit: Limit = None, *, judging: ModelOptions) -> None:
    """Judge built-in cases, a right and a wrong answer to each. The exit status is 0 if all right ones win.

    A reward that is degraded wins nothing.
    """
    from rich.console import Console

    from themis.tools import Toolbox
    from themis.tools.demo import demo_tools

    judging.check()
    import_libraries()
    console = Console(highlight=False, quiet=json_output)
    started = time.monotonic()
    judged = []
    # The demo tools alone: the demo is the same with and without data or plug-ins.
    with Toolbox(demo_tools()) as toolbox:
        judge = judging.load(toolbox, batch_size=2 * len(demo_pairs()))
        for entry in judged_pairs(demo_pairs()[:limit], judge):
            judged.append(entry)
            _print_pair(console, entry)
    calls = sum(verdict.usage.tool_calls for entry in judged for _, verdict in _sides(entry))
    won, seconds = sum(map(wins, judged)), time.monotonic() - started
    if json_output:
        typer.echo(json.dumps({"won": won, "of": len(judged), "pairs": [_pair_json(entry) for entry in judged]}))
    console.print(f"{won} of {len(judged)} right answers win ({calls} tool calls, {seconds:.1f} s)", style="bold")
    raise typer.Exit(0 if won == len(judged) else 1)


def demo_pairs() -> "tuple[Pair, ...]":
    """The built-in cases."""
    from themis.phrases import phrases
    from themis.traces import Pair, Side

    rows = phrases(__package__, "demo.yaml").items()
    return tuple(Pair(title, question, Side(chosen, 1.0), Side(rejected, -1.0)) for title, (question, chosen, rejected) in rows)


def judged_pairs(pairs: "Sequence[Pair]", judge: "Judge") -> "Iterator[JudgedPair]":
    """The pairs in order, each as soon as both verdicts are there."""
    from themis.evaluation.ranking import JudgedPair

    verdicts: dict[int, Verdict] = {}
    left = list(enumerate(pairs))
    for place, verdict in judge.judge_all(case for pair in pairs for case in (pair.chosen_case, pair.rejected_case)):
        verdicts[place] = verdict
        while left and {2 * left[0][0], 2 * left[0][0] + 1} <= verdicts.keys():
            at, pair = left.pop(0)
            yield JudgedPair(pair, verdicts[2 * at], verdicts[2 * at + 1])


def _print_pair(console: "Console", entry: "JudgedPair") -> None:
    from rich.text import Text

    from themis.cli.show import answer_table, question_table, reward_text, verdict_table

    console.rule(Text(entry.pair.id, "bold blue"), align="left")
    console.print(question_table(entry.pair.chosen_case))
    for label, (case, verdict) in zip(("Right answer", "Wrong answer"), _sides(entry), strict=True):
        console.print()
        console.print(answer_table(label, case.answer))
        console.print(verdict_table(verdict))
    won = wins(entry)
    outcome = f"the right answer {'wins' if won else 'does not win'}"
    rewards = f"{reward_text(entry.chosen)} against {reward_text(entry.rejected)}"
    console.print(Text(f"\n{outcome}: {rewards}", "bold green" if won else "bold red"), end="\n\n")


def _pair_json(entry: "JudgedPair") -> dict[str, Any]:
    chosen, rejected = ({"answer": case.answer, "verdict": verdict.to_json()} for case, verdict in _sides(entry))
    return {"title": entry.pair.id, "question": entry.pair.question, "chosen": chosen, "rejected": rejected, "won": wins(entry)}


def wins(entry: "JudgedPair") -> bool:
    """Does the right answer win, with a reward that is not degraded?"""
    return entry.correct and entry.chosen.status == "scored"


def _sides(entry: "JudgedPair") -> "tuple[tuple[Case, Verdict], tuple[Case, Verdict]]":
    return (entry.pair.chosen_case, entry.chosen), (entry.pair.rejected_case, entry.rejected)
