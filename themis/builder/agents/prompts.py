"""The prompts of the three agents: rules and examples (`prompts.yaml`), the data of a case, the reply's schema.

Questions, answers, contexts and observations are untrusted text. They are sent as data only (`fenced`): as JSON
values in a user message. The special tokens of chat templates are escaped, so that no text can open a turn of its
own.

Knows nothing of endpoints (`themis.chat`), nor of what is done with a reply (`language_model`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from themis.builder.draft import Draft, Evidence, View
from themis.chat import Prompt, fenced, without_marks
from themis.phrases import document, filled
from themis.traces import Message, Observation, Step

FINISH = "finish"
"""What the agent names as its tool when it needs no further call."""
MOST_CANDIDATES = 4
STANCES = ("agrees", "disagrees", "unsettled")

_TEXTS = document(__package__, "prompts.yaml")

NEGATIVE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"wrong_answers": {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1, "maxItems": 12}},
    "required": ["wrong_answers"],
    "additionalProperties": False,
}
RATIONALE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "verdict": {"type": "string", "enum": list(STANCES)},
        "found": {"type": "string"},
        "rationale": {"type": "string", "minLength": 10, "maxLength": 1_500},
    },
    "required": ["verdict", "found", "rationale"],
    "additionalProperties": False,
}


def negative_prompt(draft: Draft, seed: int) -> Prompt:
    """Asks for wrong answers to the question of a draft."""
    data: dict[str, Any] = {"question": draft.question, "right_answer": draft.chosen}
    if draft.references:
        data["also_right"] = list(draft.references[:20])
    if draft.context:
        data["context"] = draft.context
    if draft.tests:
        data["tests"] = list(draft.tests)
    return _prompt(_rules("negatives"), _turns("negatives"), data, NEGATIVE_SCHEMA, "wrong_answers", seed)


def tool_schema(tools: Mapping[str, str]) -> dict[str, Any]:
    """Of one turn of the tool agent."""
    return {
        "type": "object",
        "properties": {
            "thought": {"type": "string", "minLength": 1, "maxLength": 1_500},
            "tool": {"type": "string", "enum": [*tools, FINISH]},
            "input": {"type": "string", "maxLength": 20_000},
        },
        "required": ["thought", "tool", "input"],
        "additionalProperties": False,
    }


def tool_prompt(view: View, tools: Mapping[str, str], seed: int) -> Prompt:
    """Asks for the first call; `tools` are names with descriptions."""
    rules = _rules("calls", hindsight=view.label is not None)
    listed = without_marks("\n".join(f"- {name}: {description}" for name, description in tools.items()))
    return _prompt(f"{rules}\nThe tools:\n{listed}", _turns("calls"), _shown(view), tool_schema(tools), "call", seed)


def observation_message(observation: Observation, calls_left: int) -> Message:
    """What came back, for the agent's next turn."""
    return Message(role="user", content=fenced({"observation": observation.text, "status": observation.status, "calls_left": calls_left}))


def rationale_prompt(view: View, steps: Sequence[Step], seed: int) -> Prompt:
    """Asks for the conclusion."""
    rules = _rules("rationale", hindsight=view.label is not None)
    calls = [
        {"tool": step.action.tool, "input": step.action.argument, "observation": step.observation.text, "status": step.observation.status}
        for step in steps
        if step.action is not None and step.observation is not None
    ]
    return _prompt(rules, _turns("rationale"), {**_shown(view), "calls": calls}, RATIONALE_SCHEMA, "rationale", seed)


def contradiction(verdict: str, seen: Evidence) -> str:
    """The complaint about a verdict that is not what the observations say."""
    found = f": they say '{seen.found[:200]}'" if seen.found else ""
    return f"the verdict '{verdict}' is not what the tools said{found}; judge by what they said alone"


def _shown(view: View) -> dict[str, Any]:
    """What the agent sees of an answer, in hindsight or blind."""
    data: dict[str, Any] = {"question": view.case.question_text, "answer": view.case.answer}
    if view.case.context:
        data["context"] = view.case.context
    if view.case.tests:
        data["tests"] = list(view.case.tests)
    if view.label is not None:
        data["label"] = "right" if view.label else "wrong"
        data["right_answers"] = list(view.references[:20])
    return data


def _prompt(rules: str, turns: Sequence[Message], data: Mapping[str, Any], schema: Mapping[str, Any], name: str, seed: int) -> Prompt:
    messages = (Message(role="system", content=rules), *turns, Message(role="user", content=fenced(data)))
    return Prompt(messages, schema, name, seed)


def _rules(agent: str, hindsight: bool = False) -> str:
    """The system message of an agent; in hindsight it also says how to use the label."""
    part = _TEXTS[agent]
    rules = filled(part["rules"], {"count": str(MOST_CANDIDATES), "finish": FINISH})
    return "\n".join([rules, _TEXTS["strangers_texts"], *([part["hindsight"]] if hindsight else [])])


def _turns(agent: str) -> list[Message]:
    """The examples of an agent as turns: what it is given, and what it should say."""
    return [
        Message(role=("user", "assistant")[at % 2], content=fenced(turn))
        for example in _TEXTS[agent]["examples"]
        for at, turn in enumerate(example)
    ]
