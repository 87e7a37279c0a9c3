"""The replay check: every published call of our tools, run again and compared with the published observation.

Its table says how far a judge trained on TARA meets at run time what it met in training. Each difference is listed
with its cause, if that is known. Of a code run only the pass rate is compared: the reasons of failures are Python's
words, which change with its version.

The calculator never sees a reference answer, on purpose (see `calculator`). So most wrong answers of its train file
cannot agree, and have a row of their own.
Source: Tool-Augmented Reward Modeling, arXiv:2310.01045, and its released data.
"""

import math
import re
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from themis.errors import DataError
from themis.tools.calculator import CORRECT, check_answer, steps_argument
from themis.tools.code.sandbox import Limits
from themis.tools.code.tool import code_tool
from themis.tools.demo import demo_tools
from themis.tools.toolbox import Toolbox
from themis.traces import Action, Case, Observation, Trace
from themis.traces.pair import Pair
from themis.traces.tara import holds_pairs, read_tara

SideName: TypeAlias = Literal["chosen", "rejected"]

CODE = "code_run"
AHEAD = 32
"""Calls that run ahead of the one that is waited for."""
PATIENT = Limits(seconds=20)
"""For a second run of code that differs. A slow computer makes no difference."""

_PASS_RATE = re.compile(r"The pass rate is ([\d.]+)\. ")
_CALLED_CHECK = re.compile(r"^check\(", re.MULTILINE)
_COMPARED = re.compile(r"(?:resulting|calculated) answer (?P<value>\S+) does not match the predicted answer (?P<predicted>\S+)\.$")
_NO_FINAL = -1.5
"""A final number that no step gives: the observation then shows what the last step gives."""
_FINAL = re.compile(r"####.*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class PublishedCall:
    """A call of the released data, with its observation."""

    task: str
    split: str
    side: SideName
    case: Case
    action: Action
    observation: str


@dataclass(frozen=True, slots=True)
class Row:
    """How many calls of one kind agree."""

    task: str
    split: str
    side: SideName
    calls: int
    equal: int

    @property
    def share(self) -> float:
        return self.equal / self.calls


@dataclass(frozen=True, slots=True)
class Difference:
    """A call whose observation differs from the published one."""

    task: str
    split: str
    side: SideName
    id: str
    tool: str
    argument: str
    published: str
    ours: str
    cause: str


@dataclass(frozen=True, slots=True)
class Replay:
    """The outcome of a replay check."""

    rows: tuple[Row, ...]
    differences: tuple[Difference, ...]
    other_tools: dict[str, int]
    """Counts by name of tools we do not have, whose calls are not replayed."""

    def to_json(self) -> dict[str, Any]:
        """All of it, as `themis tools replay-tara --json` prints it."""
        rows = [{**asdict(row), "share": round(row.share, 4)} for row in self.rows]
        return {"rows": rows, "differences": [asdict(difference) for difference in self.differences], "other_tools": self.other_tools}


def replay_tara(directory: Path) -> Replay:
    """Replays the published calls of `directory/TASK/{train,dev}.jsonl` with our own tools."""
    with Toolbox([*demo_tools(directory), code_tool()]) as toolbox, Toolbox([code_tool(limits=PATIENT)]) as patient:
        return _compared(directory, toolbox, patient)


def _compared(directory: Path, toolbox: Toolbox, patient: Toolbox) -> Replay:
    calls: Counter[tuple[str, str, SideName]] = Counter()
    differences: list[Difference] = []
    other_tools: Counter[str] = Counter()
    for published, ours in _replayed(directory, toolbox):
        if ours is None:
            other_tools[published.action.tool] += 1
            continue
        calls[published.task, published.split, published.side] += 1
        if not _agree(published, ours) and published.action.tool in patient.names:
            ours = patient.call(published.action, published.case).text
        if not _agree(published, ours):
            differences.append(_difference(published, ours))
    different = Counter((found.task, found.split, found.side) for found in differences)
    rows = tuple(Row(*key, calls=count, equal=count - different[key]) for key, count in sorted(calls.items()))
    return Replay(rows, tuple(differences), dict(sorted(other_tools.items())))


def _replayed(directory: Path, toolbox: Toolbox) -> Iterator[tuple[PublishedCall, str | None]]:
    """The published calls in order, each with the tool's result, or None without the tool. Some calls run ahead."""
    ahead: deque[tuple[PublishedCall, Future[Observation] | None]] = deque()
    for published in published_calls(directory):
        known = published.action.tool in toolbox.names
        ahead.append((published, toolbox.submit(published.action, published.case, literally=True) if known else None))
        if len(ahead) > AHEAD:
            yield _arrived(*ahead.popleft())
    while ahead:
        yield _arrived(*ahead.popleft())


def _arrived(published: PublishedCall, observation: Future[Observation] | None) -> tuple[PublishedCall, str | None]:
    return published, observation.result().text if observation else None


def _agree(published: PublishedCall, ours: str) -> bool:
    if published.action.tool != CODE:
        return ours == published.observation
    rates = [_PASS_RATE.match(text) for text in (ours, published.observation)]
    return rates[0] is not None and rates[1] is not None and rates[0][1] == rates[1][1]


def published_calls(directory: Path) -> Iterator[PublishedCall]:
    """Every call in the released files, in the order of the files."""
    files = [path for split in ("train", "dev") for path in sorted(directory.glob(f"*/{split}.jsonl")) if holds_pairs(path)]
    if not files:
        raise DataError(f"{directory}: no TARA pairs in files of the form TASK/train.jsonl or TASK/dev.jsonl")
    for path in files:
        for pair in read_tara(path).pairs:
            yield from _calls(path.parent.name, path.stem, pair)


def render_text(replay: Replay) -> str:
    """The table and the causes, for a terminal."""
    lines = [f"{'task':<14}{'split':<7}{'answers':<9}{'calls':>6}{'equal':>7}{'share':>9}"]
    lines += [f"{row.task:<14}{row.split:<7}{row.side:<9}{row.calls:>6}{row.equal:>7}{row.share:>9.2%}" for row in replay.rows]
    causes = Counter((found.task, found.split, found.side, found.cause) for found in replay.differences)
    lines += ["", "differences:"] if causes else []
    lines += [f"  {task} {split} {side}: {count} x {cause}" for (task, split, side, cause), count in sorted(causes.items())]
    skipped = ", ".join(f"{name} ({count})" for name, count in replay.other_tools.items())
    return "\n".join([*lines, *(["", f"not replayed, as we have no such tool: {skipped}"] if skipped else [])])


def _calls(task: str, split: str, pair: Pair) -> Iterator[PublishedCall]:
    sides: tuple[tuple[SideName, Case, Trace | None], ...] = (
        ("chosen", pair.chosen_case, pair.chosen.trace),
        ("rejected", pair.rejected_case, pair.rejected.trace),
    )
    for side, case, trace in sides:
        for step in trace.steps if trace else ():
            if step.action is not None and step.observation is not None:
                yield PublishedCall(task, split, side, case, step.action, step.observation.text)


def _difference(published: PublishedCall, ours: str) -> Difference:
    causes = {"calculator": _calculator_cause, CODE: _code_cause}
    cause = causes[published.action.tool](published) if published.action.tool in causes else "unknown"
    action = published.action
    return Difference(
        published.task, published.split, published.side, published.case.id, action.tool, action.argument, published.observation, ours, cause
    )


def _code_cause(published: PublishedCall) -> str:
    """HumanEval's tests define `check(candidate)`. Without a call of it, no program fails."""
    tests = "\n".join(published.case.tests)
    if "def check(candidate)" in tests and _CALLED_CHECK.search(tests) is None:
        return "the published program defined the check and never called it"
    return "unknown"


def _calculator_cause(published: PublishedCall) -> str:
    """Rewrites the answer as the published calculator may have read it, until the observations agree."""
    for cause, answer in _retold(published):
        if check_answer(answer) == published.observation:
            return cause
    if "^" in published.action.argument:
        return "the published calculator read ^ as an exclusive or"
    for answer in (published.case.answer, *(answer for _, answer in _retold(published))):
        if _is_noise(check_answer(answer), published.observation):
            return "float noise of the published calculator"
    return "unknown"


def _retold(published: PublishedCall) -> Iterator[tuple[str, str]]:
    answer, argument = published.case.answer, published.action.argument
    steps, final = _FINAL.sub("", answer), "".join(_FINAL.findall(answer))
    if argument != steps_argument(answer):
        yield "the published argument is not the answer's steps", f"{argument}\n{final}"
    if "." in final:
        yield "a price read as an integer", f"{steps}#### {_as_integer(final)}"
    # If the published observation names no number, the reference answer was the value of the last step.
    compared = _COMPARED.search(published.observation) or _COMPARED.search(check_answer(f"{steps}#### {_NO_FINAL}"))
    if compared is not None:
        reference = compared["predicted"] if float(compared["predicted"]) != _NO_FINAL else compared["value"]
        cause = "a price read as an integer" if reference == _as_integer(final) else "the published observation knew the reference answer"
        yield cause, f"{steps}#### {reference}"
        yield "the published argument leaves out a step", f"{argument}\n#### {reference}"


def _is_noise(exact: str, published: str) -> bool:
    """Could small errors of floats turn the exact observation into the published one?"""
    ours, theirs = _COMPARED.search(exact), _COMPARED.search(published)
    if theirs is None:
        return exact == CORRECT and published.startswith("The calculation process is incorrect")
    same_end = ours["predicted"] == theirs["predicted"] if ours else exact == CORRECT
    value = ours["value"] if ours else theirs["predicted"]
    return same_end and "None" not in (value, theirs["value"]) and math.isclose(float(value), float(theirs["value"]), rel_tol=1e-9)


def _as_integer(final: str) -> str:
    return f"{re.sub(r'[^0-9]', '', final)}.0"
