"""Reads a response body, whole or as server-sent events, into one reply. Nothing in it is trusted.

Knows nothing of connections. Source: the OpenAI API's chat completions, as vLLM, SGLang and llama.cpp implement it.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from themis.chat.prompt import Said
from themis.http.client import masked

_MOST_TOKENS = 100_000_000


class Broken(ValueError):
    """The response has an unknown form. The message says what is wrong."""


@dataclass(slots=True)
class Assembly:
    """A reply that is being read."""

    text: list[str] = field(default_factory=list)
    refusal: list[str] = field(default_factory=list)
    finish: str = ""
    usage: dict[str, int] | None = None
    done: bool = False
    """Whether the reply is complete."""
    _rest: bytearray = field(default_factory=bytearray)

    def feed(self, piece: bytes) -> None:
        """Takes the next bytes of a stream; raises `Broken`."""
        self._rest += piece
        if b"\n" not in piece:
            return
        *lines, rest = bytes(self._rest).split(b"\n")
        self._rest = bytearray(rest)
        for line in lines:
            if line.startswith(b"data:") and not self.done:
                self._event(line[5:].strip())

    def take(self, response: Any) -> None:
        """Takes a decoded object: a whole response, or one event of a stream."""
        if not isinstance(response, dict):
            raise Broken("an answer that is not a JSON object")
        if error := response.get("error"):
            raise Broken(f"an error: {error_words(error)}")
        self._take_usage(response.get("usage"))
        choices = response.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else {}
        if not isinstance(choice, dict):
            raise Broken("an answer without choices")
        turn = choice.get("delta") or choice.get("message") or {}
        if isinstance(turn, dict):
            self.text.append(_text(turn.get("content")))
            self.refusal.append(_text(turn.get("refusal")))
        if isinstance(finish := choice.get("finish_reason"), str):
            self.finish = finish[:40]

    def said(self, estimated: tuple[int, int], secrets: tuple[str, ...] = ()) -> Said:
        """The reply, with the server's count of tokens, or the `estimated` ones if it gave none."""
        text, refusal = (masked("".join(parts).encode("utf-8", "replace").decode(), secrets) for parts in (self.text, self.refusal))
        usage = self.usage or {"read": estimated[0], "cached": 0, "written": estimated[1]}
        return Said(text, refusal, self.finish or "stop", usage["read"], usage["cached"], usage["written"], self.usage is None)

    def _event(self, data: bytes) -> None:
        if data == b"[DONE]":
            self.done = True
            return
        self.take(decoded_body(data))

    def _take_usage(self, usage: Any) -> None:
        if not isinstance(usage, dict):
            return
        read, written = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
        if read is None or written is None:
            return
        details = usage.get("prompt_tokens_details")
        cached = _count(details.get("cached_tokens")) if isinstance(details, dict) else 0
        self.usage = {"read": read, "cached": min(cached or 0, read), "written": written}


def decoded_body(raw: bytes) -> Any:
    """The JSON of a body or an event; raises `Broken`."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Broken("broken JSON") from error


def error_words(error: Any) -> str:
    """What an error object says, in one printable line."""
    if isinstance(error, dict):
        error = error.get("message") or error.get("detail") or error.get("error") or error.get("code") or ""
        error = error.get("message", "") if isinstance(error, dict) else error
    said = "".join(letter if letter.isprintable() else " " for letter in str(error)[:1000])
    return " ".join(said.split())[:160]


def _text(content: Any) -> str:
    """A text, or the texts of a list of parts."""
    if isinstance(content, list):
        return "".join(_text(part.get("text")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_TOKENS else None
