"""The written form of a trace: what a person reads, and what the model learns to write.

    <|tool|>Thought: I need to search what day of the week is 2015-03-24.
    Action: Calendar.week_day
    Action Input: 2015-03-24
    <|observation|>Observation: Tuesday
    <|rationale|>Rationale: ...
    <|reward|>

`parse(render(trace)) == trace` for every trace. Knows nothing of tokens: a model never reads the
output of `render`, it reads the segments of `segments.py`, which no text can forge.
"""

import re

from themis.traces.trace import Action, Observation, Step, Trace, status_of

TOOL, OBSERVATION, RATIONALE, REWARD = "<|tool|>", "<|observation|>", "<|rationale|>", "<|reward|>"
SPECIAL_TOKENS = (TOOL, OBSERVATION, RATIONALE, REWARD)

FINISHED = "Finished."
NO_TOOL_THOUGHT = "Do I need to use a tool? No"
FAILURE = Observation("the tool did not answer", "unavailable")
"""Replaces an observation that training data lack."""

_KEY_LINE = re.compile(r"^(\\*)(?=Action:|Action Input:|Finished\.)", re.MULTILINE)
_ESCAPED_KEY_LINE = re.compile(r"^\\(\\*)(?=Action:|Action Input:|Finished\.)", re.MULTILINE)
_KEY = re.compile(r"^(Action:|Action Input:|Finished\.)", re.MULTILINE)
_SPECIAL_OPENING = re.compile(r"<(\\*)\|")
_ESCAPED_OPENING = re.compile(r"<\\(\\*)\|")
_STEP = re.compile(r"Thought: (?P<thought>.*?)\n(?:Action: ?(?P<tool>.*?)\nAction Input: ?(?P<argument>.*)|Finished\.)\n", re.DOTALL)
"""A model may forget the blank that opens a line's text, so it is optional."""
_STATUS = re.compile(r"Observation(?: \[(error|unavailable|timeout)\])?: ", re.DOTALL)


class MalformedStep(ValueError):
    """A text that is not a step. The message tells the judge what is missing."""


def step_text(step: Step) -> str:
    """The lines of a step without its observation, as the model writes them after `<|tool|>`."""
    thought = _KEY_LINE.sub(r"\\\1", step.thought)
    if step.action is None:
        return f"Thought: {thought}\n{FINISHED}\n"
    tool = _KEY_LINE.sub(r"\\\1", step.action.tool)
    return f"Thought: {thought}\nAction: {tool}\nAction Input: {step.action.argument}\n"


def parse_step(text: str) -> Step:
    """The step in the lines that a model wrote; raises `MalformedStep` for anything else."""
    match = _STEP.fullmatch(text)
    if match is None:
        missing = next((key for key in ("Thought:", "Action:", "Action Input:") if key not in text), "the form's line breaks")
        raise MalformedStep(f"malformed call: {missing} is missing; write Thought, Action and Action Input, each on its own line")
    thought = _ESCAPED_KEY_LINE.sub(r"\1", match["thought"])
    if match["tool"] is None:
        return Step(thought)
    return Step(thought, Action(_ESCAPED_KEY_LINE.sub(r"\1", match["tool"]), match["argument"]))


def rest_of_step(text: str) -> str | None:
    """What a broken-off step needs next to become a call: the next of the form's lines, or the end of its last line.

    None where no line makes it a call. The model's own words stay: they are the thought and the argument.
    """
    if not text.startswith("Thought: ") or _STEP.fullmatch(text):
        return None
    lines = _KEY.findall(text)
    if lines[:1] == ["Finished."]:
        return None
    missing = next((key for place, key in enumerate(("Action:", "Action Input:")) if lines[place : place + 1] != [key]), "")
    if missing and len(lines) > ("Action:", "Action Input:").index(missing):
        return None  # in another order
    ended = text.endswith("\n")
    if not missing:
        return None if ended else "\n"
    return missing if ended else f"\n{missing}"


def observation_text(observation: Observation) -> str:
    """The lines after `<|observation|>`. A failure says so in words, which the judge reads."""
    mark = "" if observation.status == "ok" else f" [{observation.status}]"
    return f"Observation{mark}: {observation.text}\n"


def parse_observation(text: str) -> Observation:
    """The observation in its lines; an unknown status mark is part of the text."""
    match = _STATUS.match(text)
    if match is None or not text.endswith("\n"):
        raise ValueError("an observation opens with 'Observation: ' and ends with a line break")
    return Observation(text[match.end() : -1], status_of(match[1]) or "ok")


def rationale_text(rationale: str) -> str:
    """The lines after `<|rationale|>`."""
    return f"Rationale: {rationale}\n"


def parse_rationale(text: str) -> str:
    """The rationale of the lines a model wrote, whether or not it wrote the heading."""
    return text.removeprefix("Rationale: ").removesuffix("\n")


def render(trace: Trace) -> str:
    """The whole trace as text, with `<|` inside any part escaped as `<\\|`."""
    parts: list[str] = []
    for step in trace.steps:
        parts += [TOOL, _escape(step_text(step))]
        if step.observation is not None:
            parts += [OBSERVATION, _escape(observation_text(step.observation))]
    if trace.rationale is not None:
        parts += [RATIONALE, _escape(rationale_text(trace.rationale))]
    return "".join([*parts, REWARD])


def readable(trace: Trace) -> str:
    """The whole trace for a person, in a table or a log: without the special tokens, so it cannot be parsed."""
    parts: list[str] = []
    for step in trace.steps:
        parts += [step_text(step), "" if step.observation is None else observation_text(step.observation)]
    return "".join([*parts, "" if trace.rationale is None else rationale_text(trace.rationale)])


def parse(text: str) -> Trace:
    """The trace of its written form, special tokens included; raises `ValueError` for anything else."""
    pieces = re.split("(" + "|".join(re.escape(token) for token in SPECIAL_TOKENS) + ")", text)
    if pieces[0] or pieces[-2:] != [REWARD, ""]:
        raise ValueError(f"a written trace opens with {TOOL}, {RATIONALE} or {REWARD} and ends with {REWARD}")
    steps: list[Step] = []
    rationale: str | None = None
    for token, escaped in zip(pieces[1:-2:2], pieces[2:-2:2], strict=True):
        body = _ESCAPED_OPENING.sub(r"<\1|", escaped)
        if token == TOOL:
            steps.append(parse_step(body))
        elif token == OBSERVATION and steps and steps[-1].observation is None:
            steps[-1] = Step(steps[-1].thought, steps[-1].action, parse_observation(body))
        elif token == RATIONALE and rationale is None:
            rationale = parse_rationale(body)
        else:
            raise ValueError(f"{token} stands where the written form allows none")
    return Trace(tuple(steps), rationale)


def _escape(text: str) -> str:
    return _SPECIAL_OPENING.sub(r"<\\\1|", text)
