"""A prompt, and the possible results: an answer, no answer with a reason, or an error.

Knows nothing of HTTP or money.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from themis.chat.settings import ChatSettings, Form
from themis.errors import ThemisError
from themis.traces import Message


class ChatError(ThemisError):
    """The endpoint cannot be asked any more. Its replies so far are cached."""


class BudgetSpent(ChatError):
    """The next request could cost more than is left."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One question to a model."""

    messages: tuple[Message, ...]
    schema: Mapping[str, Any] | None = None
    """JSON schema of the answer, an object; None for plain text."""
    name: str = "answer"
    """The schema's name: letters, digits and `_`."""
    seed: int | None = None
    max_tokens: int | None = None
    """Instead of the setting's."""

    def then(self, *messages: Message) -> "Prompt":
        """The prompt with more messages at its end."""
        return Prompt((*self.messages, *messages), self.schema, self.name, self.seed, self.max_tokens)


Why = Literal["refusal", "content_filter", "empty", "cut_off", "malformed", "unfit", "rejected"]
"""Some of them:
- `cut_off`: longer than `max_tokens`.
- `malformed`: does not fit the schema, after all repairs.
- `unfit`: fits the schema, but fails the caller's check.
- `rejected`: the server does not accept the request, for example because it is too long.
"""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer of the model."""

    value: Any
    """The decoded JSON, which fits the schema; without a schema, the text."""
    text: str
    """The answer as written."""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The model, or its server, would not or could not answer this one."""

    why: Why
    words: str = ""
    """The model's words, or what is wrong with them."""


Reply: TypeAlias = Answered | NoAnswer


@dataclass(frozen=True, slots=True)
class Said:
    """A raw reply, as the cache stores it."""

    text: str
    refusal: str = ""
    finish: str = "stop"
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    estimated: bool = False
    """Whether the counts of tokens are estimates, as the server gave none."""


def message(role: str, content: str) -> Message:
    """One turn."""
    return Message(role=role, content=content)


def body_of(prompt: Prompt, settings: ChatSettings, form: Form) -> dict[str, Any]:
    """The JSON body of a request."""
    messages = [message(turn["role"], turn["content"]) for turn in prompt.messages]
    body: dict[str, Any] = {"model": settings.model, "messages": messages, **settings.extra}
    body[settings.max_tokens_name] = prompt.max_tokens or settings.max_tokens
    if settings.temperature is not None:
        body["temperature"] = settings.temperature
    if settings.send_seed and prompt.seed is not None:
        body["seed"] = prompt.seed
    if settings.stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    if prompt.schema is None:
        return body
    if form == "json_schema":
        body["response_format"] = {"type": form, "json_schema": {"name": prompt.name, "schema": _enforced(prompt.schema), "strict": True}}
        return body
    if form == "json_object":
        body["response_format"] = {"type": form}
    asked = f"Answer with one JSON object, and nothing else, that fits this JSON schema: {json.dumps(prompt.schema)}"
    if messages and messages[0]["role"] == "system":
        messages[0]["content"] += f"\n\n{asked}"
    else:
        messages.insert(0, message("system", asked))
    return body


def _enforced(schema: Any) -> Any:
    """The schema without limits on sizes, which not every server enforces. They are checked on this side."""
    if isinstance(schema, Mapping):
        return {name: _enforced(value) for name, value in schema.items() if name not in ("minItems", "maxItems", "minLength", "maxLength")}
    return schema


def key_of(prompt: Prompt, settings: ChatSettings) -> str:
    """A digest of all that may change the reply. It holds the configured form: a fallback asks the same question."""
    whole = {"url": settings.base_url.rstrip("/"), "schema": prompt.schema, **body_of(prompt, settings, settings.structured)}
    for how in ("stream", "stream_options"):
        whole.pop(how, None)
    return hashlib.sha256(json.dumps(whole, sort_keys=True, default=str).encode()).hexdigest()
