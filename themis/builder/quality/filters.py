"""Step 4: which rows are kept. Each filter is a small function that says what is wrong with a row, or None.

The order counts: a row is counted under the first filter that drops it. So filters for missing parts come before
filters for content.

Knows nothing of balance (`balance`) or of held-out questions, which are dropped before an agent works on them.

Source: Tool-Augmented Reward Modeling, arXiv:2310.01045, section 3.1 and appendix.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from themis.builder.agents.rationales import checked
from themis.builder.draft import Draft, Evidence
from themis.builder.tasks.registry import task_named
from themis.errors import DataError
from themis.tools.findings import verdict_of
from themis.traces import Pair, Side, Step
from themis.traces.tara import read_tara, write_tara
from themis.traces.text import parse, render

MOST_CALLS = 3
_NUMBERS = {2: "two", 3: "three"}
EXAMPLES = 3
"""Dropped rows of each filter on the dataset card."""

_TOKEN = re.compile(r"-?\d+(?:[.,]\d+)*|[^\W\d_]+|[*/+=<>^%]")
_VALUES = re.compile(r"[-+]?[\d.,]+(?:/\d+)?(?:e[-+]?\d+)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Row:
    """A pair that the agents judged, and its draft."""

    draft: Draft
    rejected: str
    pair: Pair
    evidence_chosen: Evidence
    evidence_rejected: Evidence

    @property
    def sides(self) -> tuple[tuple[Side, Evidence, bool], tuple[Side, Evidence, bool]]:
        """Each answer with its evidence and its label."""
        return (self.pair.chosen, self.evidence_chosen, True), (self.pair.rejected, self.evidence_rejected, False)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A dropped row."""

    filter: str
    task: str
    id: str
    question: str
    detail: str
    """What is wrong, in a sentence."""


@dataclass(slots=True)
class Sifted:
    """The kept rows, and the dropped ones."""

    kept: list[Row] = field(default_factory=list)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By filter and task."""
    examples: dict[str, list[Dropped]] = field(default_factory=dict)
    """Up to three of each filter."""

    def drop(self, dropped: Dropped) -> None:
        """Count a row, and keep it as an example if it is among the first of its filter."""
        self.counts[dropped.filter, dropped.task] += 1
        examples = self.examples.setdefault(dropped.filter, [])
        if len(examples) < EXAMPLES:
            examples.append(dropped)


def sift(rows: Iterable[Row]) -> Sifted:
    """Apply all filters; of duplicates, the first row stays."""
    sifted = Sifted()
    seen: dict[tuple[str, ...], str] = {}
    for row in rows:
        dropped = check(row)
        if dropped is None and (first := seen.setdefault(_key(row), row.draft.id)) != row.draft.id:
            dropped = _dropped("duplicate", row, f"{first} has the same question and the same answers")
        if dropped is None:
            sifted.kept.append(row)
        else:
            sifted.drop(dropped)
    return sifted


def check(row: Row) -> Dropped | None:
    """The first fault of a single row, or None."""
    for name, find in FILTERS.items():
        if detail := find(row):
            return _dropped(name, row, detail)
    return None


def invalid_form(row: Row) -> str | None:
    """Whether the pair survives TARA's JSON, and each trace its written form."""
    for side, _, _ in row.sides:
        if not side.answer.strip():
            return "an answer is empty"
        if side.trace is None or not side.trace.steps or not (side.trace.rationale or "").strip():
            return "a trace lacks its steps or its rationale"
        try:
            if parse(render(side.trace)) != side.trace:
                return "a trace reads back as another one"
        except ValueError as error:
            return f"a trace cannot be read back: {error}"
    return None if _survives(row.pair) else "the pair does not come back from TARA's JSON as it was"


def too_many_steps(row: Row) -> str | None:
    """More than three calls; a closing thought does not count."""
    most = max(len(_calls(side)) for side, _, _ in row.sides)
    return f"{most} calls" if most > MOST_CALLS else None


def no_relevant_call(row: Row) -> str | None:
    """Whether a relevant tool was called; where no tool helps, whether none was."""
    task = task_named(row.pair.task)
    for side, _, _ in row.sides:
        tools = {step.action.tool for step in _calls(side) if step.action}
        if not task.calls:
            if tools:
                return f"{', '.join(sorted(tools))} was called where no tool helps"
        elif not tools:
            return "no tool was called"
        elif len(_calls(side)) < task.calls:
            return f"only {', '.join(sorted(tools))} was called, and it takes {_NUMBERS.get(task.calls, task.calls)} calls"
        elif task.relevant_tools and not any(tool.startswith(tuple(task.relevant_tools)) for tool in tools):
            return f"only {', '.join(sorted(tools))} was called"
    return None


def unavailable_tool(row: Row) -> str | None:
    """Whether a tool gave no answer at all."""
    for step in _all_calls(row):
        if step.action and (step.observation is None or step.observation.status in ("unavailable", "timeout")):
            return f"{step.action.tool}: {step.observation.text if step.observation else 'nothing came back'}"
    return None


def failed_result(row: Row) -> str | None:
    """Whether a tool refused, or its result cannot be read."""
    for step in _all_calls(row):
        if step.action is None or step.observation is None:
            continue
        text = step.observation.text
        if step.observation.status == "error":
            return f"{step.action.tool} refused: {text}"
        if not text.strip():
            return f"{step.action.tool} returned nothing"
        if step.action.tool in _READABLE and not _READABLE[step.action.tool](step):
            return f"{step.action.tool} did not return a result: {text}"
    return None


def unsettled(row: Row) -> str | None:
    """Whether the observations leave the question open."""
    if not task_named(row.pair.task).calls:
        return None
    for side, evidence, _ in row.sides:
        if _stance(row, side, evidence) == "unsettled":
            return f"what was observed does not settle: {side.answer}"
    return None


def same_answers(row: Row) -> str | None:
    """Whether both answers are the same but for case, punctuation and spaces."""
    task = row.pair.task
    chosen = normalised(row.pair.chosen.answer, task)
    return f"both say: {row.pair.chosen.answer}" if chosen == normalised(row.pair.rejected.answer, task) else None


def label_contradicted(row: Row) -> str | None:
    """Whether an observation contradicts the right answer or supports the wrong one."""
    if not task_named(row.pair.task).calls:
        return None
    for side, evidence, right in row.sides:
        if (_stance(row, side, evidence) == "agrees") != right:
            said = "against the right answer" if right else "for the wrong answer"
            return f"what was observed speaks {said}: {side.answer}"
    return None


FILTERS: dict[str, Callable[[Row], str | None]] = {
    "invalid form": invalid_form,
    "chosen equals rejected": same_answers,
    "more than three steps": too_many_steps,
    "no relevant call": no_relevant_call,
    "unavailable tool": unavailable_tool,
    "failed parse of a result": failed_result,
    "observation does not settle the question": unsettled,
    "label contradicted by the observation": label_contradicted,
}
NAMES = (*FILTERS, "duplicate")
"""All filters, in their order."""


def normalised(answer: str, task: str = "") -> str:
    """An answer without case, punctuation and spaces that change nothing; of a program, only line ends."""
    if task and task_named(task).programs:
        return "\n".join(line.rstrip() for line in answer.splitlines() if line.strip())
    plain = unicodedata.normalize("NFKC", answer).casefold()
    return " ".join(token.replace(",", "") for token in _TOKEN.findall(plain)) or " ".join(plain.split())


def _key(row: Row) -> tuple[str, ...]:
    task = row.pair.task
    answers = (normalised(row.pair.chosen.answer, task), normalised(row.pair.rejected.answer, task))
    return (task, normalised(row.pair.question), row.pair.context or "", *answers)


def _dropped(name: str, row: Row, detail: str) -> Dropped:
    return Dropped(name, row.pair.task, row.draft.id, row.pair.question, detail)


def _stance(row: Row, side: Side, evidence: Evidence) -> str:
    return checked(evidence, side.trace.steps if side.trace else (), row.pair.context).stance


def _calls(side: Side) -> list[Step]:
    return [step for step in side.trace.steps if step.action is not None] if side.trace else []


def _all_calls(row: Row) -> Iterator[Step]:
    for side, _, _ in row.sides:
        yield from _calls(side)


def _survives(pair: Pair) -> bool:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "row.jsonl"
        try:
            write_tara([pair], path)
            read = read_tara(path)
        except (DataError, UnicodeEncodeError):
            return False
    return read.pairs == (pair,) and not read.dropped


def _calculated(step: Step) -> bool:
    """Whether the calculator gave a verdict on the steps, or a value or check for each expression."""
    assert step.observation is not None
    if verdict_of(step.observation) is not None:
        return True
    parts = step.observation.text.split(", ")
    return all(_VALUES.fullmatch(part.strip()) or re.search(r" is (right$|wrong: )", part) for part in parts)


def _ran(step: Step) -> bool:
    """Whether the code tool gave a pass rate, or said how the run ended."""
    assert step.observation is not None
    return verdict_of(step.observation) is not None or step.observation.text.startswith(("The code ran to its end.", "The code failed."))


_READABLE: dict[str, Callable[[Step], bool]] = {"calculator": _calculated, "code_run": _ran}
