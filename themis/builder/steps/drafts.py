"""Drafts and what the agents made of them, to JSON and back."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeAlias

from themis.builder.draft import Draft, Evidence
from themis.builder.pairs import Judged
from themis.traces import Action, Observation, Step

Json: TypeAlias = dict[str, Any]
_TEXTS = tuple(field.name for field in fields(Draft) if field.name in ("id", "task", "source", "question", "chosen", "context", "group"))


@dataclass(frozen=True, slots=True)
class Made:
    """What the agents made of a draft: a wrong answer and both judgements, or the reason for failing."""

    id: str
    rejected: str = ""
    right: Judged | None = None
    wrong: Judged | None = None
    fault: str = ""


def draft_to_json(draft: Draft) -> Json:
    """Leaves out empty fields."""
    row: Json = {name: getattr(draft, name) for name in _TEXTS}
    row |= {"rejected": draft.rejected, "references": draft.references, "tests": draft.tests, "facts": dict(draft.facts)}
    row |= {"recorded": draft.recorded, "passages": draft.passages}
    return {name: value for name, value in row.items() if value}


def draft_from_json(row: Json) -> Draft:
    values: dict[str, Any] = {name: row[name] for name in _TEXTS if name in row}
    values |= {name: tuple(row.get(name, ())) for name in ("rejected", "references", "tests")}
    values |= {name: tuple(map(tuple, row.get(name, ()))) for name in ("recorded", "passages")}
    return Draft(**{"question": "", "chosen": "", "facts": {}, **row, **values})


def made_to_json(made: Made) -> Json:
    if made.right is None or made.wrong is None:
        return {"id": made.id, "fault": made.fault}
    return {"id": made.id, "rejected": made.rejected, "right": _judged_to_json(made.right), "wrong": _judged_to_json(made.wrong)}


def made_from_json(row: Json) -> Made:
    if "fault" in row:
        return Made(row["id"], fault=row["fault"])
    return Made(row["id"], row["rejected"], _judged_from_json(row["right"]), _judged_from_json(row["wrong"]))


def steps_to_json(steps: Sequence[Step]) -> list[Json]:
    """Flat, as in the Parquet files: thought, tool, argument, observation, status; None if a step has no call."""
    return [_step_to_json(step) for step in steps]


def _step_to_json(step: Step) -> Json:
    seen = step.observation
    return {
        "thought": step.thought,
        "tool": step.action.tool if step.action else None,
        "argument": step.action.argument if step.action else None,
        "observation": seen.text if seen else None,
        "status": seen.status if seen else None,
    }


def _step_from_json(row: Json) -> Step:
    action = None if row["tool"] is None else Action(row["tool"], row["argument"])
    return Step(row["thought"], action, None if row["observation"] is None else Observation(row["observation"], row["status"]))


def _judged_to_json(judged: Judged) -> Json:
    return {"steps": steps_to_json(judged.steps), "evidence": asdict(judged.evidence), "rationale": judged.rationale}


def _judged_from_json(row: Json) -> Judged:
    return Judged(tuple(map(_step_from_json, row["steps"])), Evidence(**row["evidence"]), row["rationale"])
