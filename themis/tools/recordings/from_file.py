"""Calls from a file, made ahead of time, so that a store of recordings can answer them later.

A line is a call, `{"tool": ..., "argument": ...}`, with `question`, `answer`, `context` and `tests` if the tool looks
at the case. Or it is a verdict of `themis score`, whose trace holds calls and whose case is looked up by its key.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from themis.errors import DataError
from themis.files import LeftOut, checked_text, json_lines
from themis.tools.toolbox import Toolbox
from themis.traces import Action, Case, Observation, case_from_json

AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class FiledCall:
    """A call, and its case if that is known."""

    action: Action
    case: Case | None = None


def read_calls(path: Path, cases: Mapping[str, Case]) -> list[FiledCall]:
    """The calls of a file, each once; a line that holds none is left out, and named in the log."""
    left_out = LeftOut()
    found = left_out.kept(json_lines(path, left_out), lambda line: list(_calls(line[1], cases, f"{path}, line {line[0]}")))
    return list(dict.fromkeys(call for calls in found for call in calls))


def record_calls(toolbox: Toolbox, calls: list[FiledCall], each: Callable[[], None] = lambda: None) -> Counter[str]:
    """Makes the calls, several at once. Returns counts by status; `left out` counts calls that lack a needed case."""
    statuses: Counter[str] = Counter()
    under_way: deque[Future[Observation]] = deque()
    for call in calls:
        if call.case is None and toolbox.wants_case(call.action.tool):
            statuses["left out"] += 1
            each()
            continue
        under_way.append(toolbox.submit(call.action, call.case, literally=True))
        if len(under_way) >= AT_ONCE:
            statuses[under_way.popleft().result().status] += 1
            each()
    for future in under_way:
        statuses[future.result().status] += 1
        each()
    return statuses


def _calls(row: dict[str, Any], cases: Mapping[str, Case], where: str) -> Iterator[FiledCall]:
    if "tool" in row:
        case = case_from_json(row, where) if "answer" in row else None
        yield FiledCall(_action(row, where), case)
        return
    trace = row.get("trace")
    steps = trace.get("steps") if isinstance(trace, dict) else None
    if not isinstance(steps, list):
        raise DataError(f"{where}: neither a call (with 'tool' and 'argument') nor a verdict of `themis score` (with 'trace')")
    for step in steps:
        action = step.get("action") if isinstance(step, dict) else None
        if isinstance(action, dict):
            yield FiledCall(_action(action, where), cases.get(str(row.get("key"))))


def _action(row: dict[str, Any], where: str) -> Action:
    return Action(checked_text(row.get("tool"), "tool", where), checked_text(row.get("argument", ""), "argument", where))
