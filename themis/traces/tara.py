"""TARA's published JSON, in and out: pairs in JSON lines, one folder a task.

`actions` is published as an object (one call) or as flat text (no call, or one to three). Flat text cannot hold every
trace: a thought may have a line `Action: ...`. So `write_tara` takes the first shape that reads back equal. The last
resort is a list of objects, which Themis alone writes.
Knows nothing of what the tools of a trace do.
Source: Tool-Augmented Reward Modeling, arXiv:2310.01045, section 3.1 and the files released with it.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from themis.errors import DataError
from themis.files import checked_text, json_lines
from themis.traces.pair import Pair, Side
from themis.traces.text import FINISHED
from themis.traces.trace import ORIGINS, STATUSES, Action, Observation, Step, Trace, origin_of, status_of

_KEY = re.compile(r"^(?:(Thought|Action Input|Action|Observation):|(Finished)\.[ \t]*$)", re.MULTILINE)
_MOST_SCORE = 1e9
"""Labels lie in -1..1; NaN, infinity and integers beyond a float are refused."""
_NO_TOOL = re.compile(
    r"\W*+((no|none|not|nothing|without|n[/.]?a|nan|null|nil)(\W.*)?|no_?(tool|action|op)s?)?\W*", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Dropped:
    """Something of a file that no pair holds."""

    line: int
    what: Literal["row", "call"]
    """`call`: the row was kept without a call that named no tool, and without what came back from it."""
    reason: str


@dataclass(frozen=True, slots=True)
class TaraFile:
    """The pairs of one file, and what was dropped of it."""

    pairs: tuple[Pair, ...]
    dropped: tuple[Dropped, ...] = ()
    lines: tuple[int, ...] = ()
    """Of the pairs."""

    @property
    def reasons(self) -> Counter[str]:
        """How often something was dropped, by reason."""
        return Counter(f"{entry.what}: {entry.reason}" for entry in self.dropped)


class _OrderError(ValueError):
    """The `actions` of a row follow no order of thoughts and calls; its message is the reason."""


def read_tara(path: str | Path) -> TaraFile:
    """The pairs of a JSON-lines file; the folder's name is their task, unless a row names its own.

    Raises `DataError` with the file, the line and the field where something has not TARA's form.
    """
    path = Path(path)
    pairs: list[Pair] = []
    lines: list[int] = []
    dropped: list[Dropped] = []
    for line, row in json_lines(path):
        calls: list[str] = []
        try:
            pairs.append(_read_pair(row, f"{path}, line {line}", path.resolve().parent.name, calls.append))
        except _OrderError as reason:
            dropped.append(Dropped(line, "row", str(reason)))
        else:
            lines.append(line)
            dropped += [Dropped(line, "call", f"names no tool but '{name}'") for name in calls]
    return TaraFile(tuple(pairs), tuple(dropped), tuple(lines))


def write_tara(pairs: Iterable[Pair], path: str | Path) -> None:
    """Write pairs as TARA publishes them; `read_tara` gives equal pairs back."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = path.resolve().parent.name
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for pair in pairs:
            row = _pair_to_json(pair) | ({} if pair.task == folder else {"task": pair.task})
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def holds_pairs(path: Path) -> bool:
    """Does the first row look like a pair? TARA's folder also holds other benches, of single answers."""
    first = next(json_lines(path), None)
    return first is not None and not {"pos_answer", "neg_answer"}.isdisjoint(first[1])


def question_hash(question: str) -> str:
    """SHA-256 of the question in lower case, every run of white space as one blank, none at the ends."""
    return hashlib.sha256(" ".join(question.lower().split()).encode()).hexdigest()


def read_holdout(path: str | Path) -> frozenset[str]:
    """The question hashes of a file, one a line: questions that no training data may hold."""
    try:
        lines = Path(path).read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as a list of question hashes: {error}") from error
    for number, line in enumerate(lines, start=1):
        if not re.fullmatch("[0-9a-f]{64}", line):
            raise DataError(f"{path}, line {number}: expected a SHA-256 in hexadecimal, found '{line[:80]}'")
    return frozenset(lines)


# --- reading ---------------------------------------------------------------------------------------


def _read_pair(row: dict[str, Any], where: str, folder: str, drop: Callable[[str], None]) -> Pair:
    tests = row.get("test_list", [])
    if not isinstance(tests, list):
        raise DataError(f"{where}: field 'test_list' must be a list of texts")
    return Pair(
        id=checked_text(row.get("id", ""), "id", where),
        question=checked_text(row.get("question"), "question", where),
        chosen=_read_side(row.get("pos_answer"), "pos_answer", where, drop),
        rejected=_read_side(row.get("neg_answer"), "neg_answer", where, drop),
        context=None if row.get("context") is None else checked_text(row["context"], "context", where),
        tests=tuple(checked_text(test, "test_list", where) for test in tests),
        task=checked_text(row.get("task", folder), "task", where),
    )


def _read_side(raw: Any, name: str, where: str, drop: Callable[[str], None]) -> Side:
    if not isinstance(raw, dict):
        raise DataError(f"{where}: field '{name}' must be an object with 'answer' and 'score'")
    score = raw.get("score")
    if isinstance(score, bool) or not isinstance(score, (int, float)) or not abs(score) < _MOST_SCORE:
        raise DataError(f"{where}: field '{name}.score' must be a number")
    answer = checked_text(raw.get("answer"), f"{name}.answer", where)
    agent = raw.get("score_agent", {})
    if not isinstance(agent, dict):
        raise DataError(f"{where}: field '{name}.score_agent' must be an object")
    rationale = agent.get("explanation")
    if rationale is not None:
        rationale = checked_text(rationale, f"{name}.score_agent.explanation", where)
    if raw.get("actions") is None:
        return Side(answer, score, None if rationale is None else Trace((), rationale))
    steps = _read_actions(raw["actions"], f"{name}.actions", where, drop)
    return Side(answer, score, Trace(tuple(steps), rationale))


def _read_actions(actions: Any, name: str, where: str, drop: Callable[[str], None]) -> list[Step]:
    """The steps of any of the three shapes."""
    if isinstance(actions, str):
        return _read_flat(checked_text(actions, name, where), drop)
    if isinstance(actions, list):
        return [_read_object(entry, f"{name}[{index}]", where) for index, entry in enumerate(actions)]
    if isinstance(actions, dict) and "Action" in actions and _names_no_tool(tool := actions["Action"]):
        drop("None" if tool is None else tool)
        return [Step(checked_text(actions.get("Thought"), f"{name}.Thought", where))]
    return [_read_object(actions, name, where)]


def _read_object(raw: Any, name: str, where: str) -> Step:
    if not isinstance(raw, dict):
        raise DataError(f"{where}: field '{name}' must be text, or an object with 'Thought', 'Action', 'Action Input' and 'Observation'")
    thought = checked_text(raw.get("Thought"), f"{name}.Thought", where)
    action = observation = None
    if "Action" in raw:
        tool = checked_text(raw["Action"], f"{name}.Action", where)
        action = Action(tool, checked_text(raw.get("Action Input"), f"{name}.Action Input", where))
    if "Observation" in raw:
        status = status_of(raw.get("Status", "ok"))
        if status is None:
            raise DataError(f"{where}: field '{name}.Status' must be one of {', '.join(STATUSES)}")
        origin = origin_of(raw.get("Origin", ""))
        if origin is None:
            raise DataError(f"{where}: field '{name}.Origin' must be one of {', '.join(word for word in ORIGINS if word)}")
        observation = Observation(checked_text(raw["Observation"], f"{name}.Observation", where), status, origin)
    return Step(thought, action, observation)


@dataclass(slots=True)
class _Draft:
    """A step while its lines are read. Two thoughts in a row, or a thought and a call of no tool, are one thought."""

    thoughts: list[str] = field(default_factory=list)
    tool: str | None = None
    argument: str = ""
    observation: str | None = None

    @property
    def acts(self) -> bool:
        return self.tool is not None and not _names_no_tool(self.tool)

    def step(self) -> Step:
        action = Action(self.tool or "", self.argument) if self.acts else None
        seen = Observation(self.observation) if self.acts and self.observation is not None else None
        return Step("\n".join(thought for thought in self.thoughts if thought), action, seen)


def _read_flat(text: str, drop: Callable[[str], None]) -> list[Step]:
    steps: list[Step] = []
    draft = _Draft()
    fields = _fields(text)
    for index, (key, value) in enumerate(fields):
        if key in ("Thought", "Action") and draft.acts:
            steps.append(draft.step())
            draft = _Draft()
        if key == "Thought":
            draft.thoughts.append(value)
        elif key == "Action":
            draft.tool, draft.argument, draft.observation = value, "", None
            if _names_no_tool(value):
                drop(value)
        elif key == "Finished":
            if value or index != len(fields) - 1:
                raise _OrderError(f"text follows '{FINISHED}'")
            return [*steps, draft.step()]
        elif draft.tool is None:
            raise _OrderError(f"'{key}' without an 'Action'")
        elif key == "Action Input":
            draft.argument = value
        else:
            draft.observation = value
    if not draft.acts:
        raise _OrderError(f"the last thought neither acts nor says '{FINISHED}'")
    return [*steps, draft.step()]


def _fields(text: str) -> list[tuple[str, str]]:
    """The keys of flat text with what follows each, up to the next; text before the first key is a thought."""
    marks = list(_KEY.finditer(text))
    ends = [*(mark.start() for mark in marks), len(text)]
    fields = [(mark[1] or mark[2], text[mark.end() : end].strip()) for mark, end in zip(marks, ends[1:], strict=True)]
    opening = text[: ends[0]].strip()
    return [("Thought", opening), *fields] if opening else fields


def _names_no_tool(tool: Any) -> bool:
    """Is it null, or one of the words for "no tool": `None`, `N/A`, `No`, `No tool needed.`?"""
    return tool is None or (isinstance(tool, str) and _NO_TOOL.fullmatch(tool) is not None)


# --- writing ---------------------------------------------------------------------------------------


def _pair_to_json(pair: Pair) -> dict[str, Any]:
    row: dict[str, Any] = {"id": pair.id}
    if pair.context is not None:
        row["context"] = pair.context
    row |= {"question": pair.question, "pos_answer": _side_to_json(pair.chosen), "neg_answer": _side_to_json(pair.rejected)}
    if pair.tests:
        row["test_list"] = list(pair.tests)
    return row


def _side_to_json(side: Side) -> dict[str, Any]:
    row: dict[str, Any] = {"answer": side.answer, "score": side.score}
    if side.trace is not None:
        row["actions"] = _actions_to_json(side.trace.steps)
        if side.trace.rationale is not None:
            row["score_agent"] = {"explanation": side.trace.rationale, "score": str(side.score)}
    return row


def _actions_to_json(steps: tuple[Step, ...]) -> Any:
    """The published shape, where reading it gives the same steps; else a list of objects."""
    entries = [_step_to_json(step) for step in steps]
    published = entries[0] if len(steps) == 1 and steps[0].observation is not None else _flat(steps)
    dropped: list[str] = []
    try:
        same = tuple(_read_actions(published, "actions", "what is written", dropped.append)) == steps and not dropped
    except _OrderError:
        same = False
    return published if same else entries


def _step_to_json(step: Step) -> dict[str, str]:
    row = {"Thought": step.thought}
    if step.action is not None:
        row |= {"Action": step.action.tool, "Action Input": step.action.argument}
    if step.observation is not None:
        row["Observation"] = step.observation.text
        if step.observation.status != "ok":
            row["Status"] = step.observation.status
        if step.observation.origin:
            row["Origin"] = step.observation.origin
    return row


def _flat(steps: tuple[Step, ...]) -> str:
    lines: list[str] = []
    for step in steps:
        lines += [f"{key}: {value}" for key, value in _step_to_json(step).items()]
        lines += [FINISHED] if step.action is None else []
    return "\n".join(lines)
