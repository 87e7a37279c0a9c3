"""The written form of an instruct model: its own chat template, its own tool calls.

    <|im_start|>user
    Question: ...
    Answer: ...<|im_end|>
    <|im_start|>assistant
    <|tool|>I need to search what day of the week is 2015-03-24.
    <tool_call>
    {"name": "Calendar.week_day", "arguments": {"argument": "2015-03-24"}}
    </tool_call><|im_end|>
    <|im_start|>user
    <tool_response>
    Tuesday
    </tool_response><|im_end|>
    <|im_start|>assistant
    <|rationale|>They agree, so the answer is right.<|reward|>

The template is rendered once with placeholders for everything untrusted. The text between them is the template's, and
may hold special tokens. Untrusted text is tokenised by itself with special tokens disabled, so no answer and no
observation can open a turn. Of our own tokens three stay: they open an action and a rationale, and say where the
reward is read. An observation is opened by the template's end of turn.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from themis.traces.case import Case
from themis.traces.segments import Segment, SegmentWriter
from themis.traces.text import MalformedStep
from themis.traces.trace import Action, Observation, Step

_ASKED, _ANSWERED, _THOUGHT, _TOOL, _ARGUMENT, _OBSERVED = (
    f"slot{name}7q" for name in ("Asked", "Answered", "Thought", "Tool", "Arg", "Seen")
)
_CLOCK = re.compile(r"""strftime_now\(\s*(['"])(.*?)\1\s*\)""")
"""How a template asks for today's date."""
_CALL_OPENS, _CALL_CLOSES = "<tool_call>", "</tool_call>"


class NoChatForm(ValueError):
    """The tokenizer has no template, or one without tool calls; its message says what is missing."""


class ChatWriter(SegmentWriter):
    """Turns cases and traces into segments as the chat template of a tokenizer has them."""

    def __init__(self, tokenizer: Any, tools: Mapping[str, str], today: date = date(2026, 1, 1)) -> None:
        """`tools`: the description of each tool that the template offers, by name.

        `today` is the date for a template that writes one: with the real one, rewards would depend on the day.
        """
        super().__init__(tokenizer)
        if not getattr(tokenizer, "chat_template", None):
            raise NoChatForm("the tokenizer has no chat template")
        if tokenizer.eos_token is None:
            raise NoChatForm("the tokenizer has no token that ends a turn")
        self._prompt, self._call, self._seen = _pieces(tokenizer, [offer(name, text) for name, text in sorted(tools.items())], today)
        self.observation_id = int(tokenizer.eos_token_id)
        if self._trusted(self._seen[0])[0] != self.observation_id:
            raise NoChatForm("the chat template does not end a call's turn with the end-of-text token")
        names = tokenizer.get_added_vocab()
        self.call_ids = tuple(names[mark] for mark in (_CALL_OPENS, _CALL_CLOSES) if mark in names)
        """The added tokens inside an action."""

    def prompt(self, case: Case) -> list[Segment]:
        context = f"Context: {case.context}\n" if case.context else ""
        before, between, after = self._prompt
        asked = self.encode_untrusted(f"{context}Question: {case.question_text}")
        return [
            Segment("prompt", [*self._trusted(before), *asked, *self._trusted(between)]),
            Segment("answer", self.encode_untrusted(case.answer)),
            Segment("prompt", self._trusted(after)),
        ]

    def action(self, step: Step) -> Segment:
        thought = [self.tool_id, *self.encode_untrusted(step.thought)]
        if step.action is None:
            return Segment("action", thought)
        name, arguments = json.dumps(step.action.tool, ensure_ascii=False)[1:-1], _arguments(step.action.argument)
        opening, between, closing = self._call
        called = [*self._trusted(opening), *self.encode_untrusted(name), *self._trusted(between), *self.encode_untrusted(arguments)]
        return Segment("action", [*thought, *called, *self._trusted(closing)])

    def observation(self, observation: Observation) -> Segment:
        mark = "" if observation.status == "ok" else f"[{observation.status}] "
        before, after = self._seen
        return Segment("observation", [*self._trusted(before), *self.encode_untrusted(mark + observation.text), *self._trusted(after)])

    def rationale(self, rationale: str | None) -> Segment:
        return Segment("rationale", [self.rationale_id, *([] if rationale is None else self.encode_untrusted(rationale))])

    def parse_step(self, text: str) -> Step:
        """The step that a model wrote after `<|tool|>`; raises `MalformedStep`."""
        thought, opens, rest = text.partition(_CALL_OPENS)
        if not opens:
            return Step(text.strip("\n"))
        body, closes, after = rest.partition(_CALL_CLOSES)
        try:
            call = json.loads(body)
            tool, arguments = call["name"], call["arguments"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise MalformedStep('malformed call: write {"name": ..., "arguments": {...}} between <tool_call> and </tool_call>') from error
        if not closes or after.strip() or not isinstance(tool, str) or not isinstance(arguments, dict):
            raise MalformedStep("malformed call: one JSON object stands between <tool_call> and </tool_call>, and nothing after it")
        alone = arguments.get("argument") if len(arguments) == 1 else None
        argument = alone if isinstance(alone, str) else json.dumps(arguments, ensure_ascii=False)
        return Step(thought.removesuffix("\n"), Action(tool, argument))

    def rest_of_step(self, text: str) -> str | None:
        """A call of a template's own is taken as it is written."""
        return None

    def _trusted(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False, split_special_tokens=False)["input_ids"]
        return ids


def offer(name: str, description: str) -> dict[str, Any]:
    """A tool as the template lists it; its argument is one text, TARA's comma form, or a JSON object in its place."""
    parameters = {"type": "object", "properties": {"argument": {"type": "string"}}, "required": ["argument"]}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


def _arguments(argument: str) -> str:
    """JSON of the arguments: an object as it is, any other text as the one argument."""
    try:
        if isinstance(json.loads(argument), dict):
            return argument
    except (ValueError, RecursionError):
        pass
    return json.dumps({"argument": argument}, ensure_ascii=False)


def _pieces(tokenizer: Any, tools: Sequence[dict[str, Any]], today: date) -> tuple[list[str], list[str], list[str]]:
    """The template's own text around a case, around a call and around an observation."""
    asked = {"role": "user", "content": f"{_ASKED}\nAnswer: {_ANSWERED}"}
    function = {"name": _TOOL, "arguments": {"argument": _ARGUMENT}}
    called = {"role": "assistant", "content": _THOUGHT, "tool_calls": [{"type": "function", "function": function}]}
    seen = {"role": "tool", "name": _TOOL, "content": _OBSERVED}
    prompt = _cut(_render(tokenizer, [asked], tools, today), _ASKED, _ANSWERED)
    turns = _render(tokenizer, [asked, called, seen], tools, today)
    _, opening, between, rest, after = _cut(turns, _THOUGHT, _TOOL, json.dumps({"argument": _ARGUMENT}), _OBSERVED)
    closing, end, header = rest.partition(tokenizer.eos_token)
    if not end:
        raise NoChatForm(f"the chat template does not end a call with '{tokenizer.eos_token}'")
    return prompt, [opening, between, closing], [end + header, after]


def _render(tokenizer: Any, messages: Sequence[dict[str, Any]], tools: Sequence[dict[str, Any]], today: date) -> str:
    offered = list(tools) or None
    template = _CLOCK.sub(lambda call: json.dumps(today.strftime(call[2])), tokenizer.get_chat_template(tools=offered))
    if "strftime_now(" in template:
        raise NoChatForm("the chat template writes today's date in a form that it computes; use form 'plain'")
    text: str = tokenizer.apply_chat_template(
        list(messages), offered, chat_template=template, tokenize=False, add_generation_prompt=True, enable_thinking=False
    )
    return text


def _cut(text: str, *slots: str) -> list[str]:
    pieces: list[str] = []
    for slot in slots:
        before, found, text = text.partition(slot)
        if not found:
            raise NoChatForm("the chat template shows no tool calls, or not as a JSON object; use form 'plain'")
        pieces.append(before)
    return [*pieces, text]
