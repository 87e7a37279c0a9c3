"""Question and answer in one text, as the clients of reward models send them; and how they are told apart.

They are split by the prompt that came beside the text, and by the marks of a chat template that the user names. What
neither splits is refused: a guess would judge another answer than the one that was given.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from themis.errors import ConfigError, DataError
from themis.traces.case import Message


@dataclass(frozen=True, slots=True)
class Marks:
    """How a chat template writes a turn: `opens`, the role, `named`, the text, `ends`."""

    opens: str
    named: str
    ends: str
    assistant: str = "assistant"
    """What it calls the role of the assistant."""


TEMPLATES = {
    "chatml": Marks("<|im_start|>", "\n", "<|im_end|>"),
    "llama3": Marks("<|start_header_id|>", "<|end_header_id|>\n\n", "<|eot_id|>"),
    "gemma": Marks("<start_of_turn>", "\n", "<end_of_turn>", "model"),
}
"""`chatml` is that of Qwen, SmolLM and many others."""
_SIGNS = re.compile(r"<\|im_start\|>|<\|start_header_id\|>|<start_of_turn>|\[INST\]|<\|(user|assistant|system)\|>|<｜User｜>")
"""A text that holds one was written by a template."""
_ENDS = re.compile(r"((<\|endoftext\|>|<\|end_of_text\|>|</s>|<eos>|<\|im_end\|>|<\|eot_id\|>)\s*)+\Z")
"""Tokens that end a text, which clients leave at the end of an answer."""


def marks_of(template: str) -> Marks | None:
    """The marks of a template by its name, or of a JSON object with their fields; None for no template."""
    if not template or template in TEMPLATES:
        return TEMPLATES.get(template)
    try:
        return Marks(**json.loads(template))
    except (ValueError, TypeError) as error:
        known = ", ".join(TEMPLATES)
        raise ConfigError(
            f"template: must be one of {known}, or a JSON object with opens, named, ends, assistant; found '{template}'"
        ) from error


def split(text: str, prompt: str | None, marks: Marks | None, where: str) -> tuple[str | tuple[Message, ...], str]:
    """Question and answer. Raises `DataError` that opens with `where` and says what is missing."""
    if prompt and text.startswith(prompt):
        return _question(prompt, marks, where), without_end(text[len(prompt) :], marks)
    if marks is None:
        beside = "does not begin with the prompt that came beside it" if prompt else "came without a prompt"
        raise DataError(f"{where}: the text {beside}, and no template is named: question and answer cannot be told apart")
    turns, last = _turns(text, marks), f"{marks.opens}{marks.assistant}{marks.named}"
    if text.count(last) != 1 or len(turns) < 2 or turns[-1]["role"] != "assistant":
        raise DataError(f"{where}: without its prompt, a text needs one turn of the assistant, the last; it has {text.count(last)}")
    return _plain(turns[:-1]), without_end(text[text.index(last) + len(last) :], marks)


def without_end(text: str, marks: Marks | None) -> str:
    """An answer without what ends it: what a policy writes after its turn does not count."""
    return _ENDS.sub("", text.partition(marks.ends)[0] if marks else text)


def _question(prompt: str, marks: Marks | None, where: str) -> str | tuple[Message, ...]:
    if marks is None:
        if found := _SIGNS.search(prompt):
            raise DataError(f"{where}: the prompt holds {found[0]}, a mark of a chat template: name the template ({', '.join(TEMPLATES)})")
        return prompt
    turns = _turns(prompt, marks)
    if len(turns) < 2 or turns[-1]["role"] != "assistant":
        raise DataError(f"{where}: the prompt does not end with the opened turn of the assistant, {marks.opens}{marks.assistant}")
    return _plain(turns[:-1])


def _turns(text: str, marks: Marks) -> list[Message]:
    form = f"{re.escape(marks.opens)}(\\w+){re.escape(marks.named)}(.*?)(?:{re.escape(marks.ends)}|(?={re.escape(marks.opens)})|\\Z)"
    found = re.findall(form, text, re.DOTALL)
    return [Message(role="assistant" if role == marks.assistant else role, content=said.strip()) for role, said in found]


def _plain(turns: Sequence[Message]) -> str | tuple[Message, ...]:
    """One turn of the user is just a text."""
    return turns[0]["content"] if len(turns) == 1 and turns[0]["role"] == "user" else tuple(turns)
