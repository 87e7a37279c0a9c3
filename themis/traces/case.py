"""What is judged: a question, an answer, and what belongs to them.

Knows nothing of traces, tokens or models. Everything in a case is untrusted text.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, TypedDict

from themis.errors import DataError, LeftOutError
from themis.files import checked_text, json_kind, texts_field


class Message(TypedDict):
    """One turn of a chat, as in OpenAI's messages."""

    role: str
    content: str


_ROLES = {"human": "user"} | dict.fromkeys(("gpt", "model", "bot", "chatbot", "ai"), "assistant")
"""ShareGPT's names; its messages have `from` and `value`."""


@dataclass(frozen=True, slots=True)
class Case:
    """One answer to judge."""

    question: str | tuple[Message, ...]
    """Text, or the chat messages before the answer."""
    answer: str
    context: str | None = None
    tests: tuple[str, ...] = ()
    """Python `assert` lines, for answers that are programs."""
    id: str = ""

    def __post_init__(self) -> None:
        """Raises `DataError` for a field of another type: an answer that is None would only fail once it is read."""
        if isinstance(self.question, list):
            object.__setattr__(self, "question", tuple(self.question))
        if not isinstance(self.question, str | tuple):
            raise DataError(f"Case: 'question' must be text or chat messages, found {type(self.question).__name__}")
        if not isinstance(self.answer, str):
            raise DataError(f"Case: 'answer' must be text, found {type(self.answer).__name__}")
        if not isinstance(self.context, str | None):
            raise DataError(f"Case: 'context' must be text or None, found {type(self.context).__name__}")
        if isinstance(self.tests, str):
            raise DataError("Case: 'tests' must be a tuple of assert lines, found one text: put it into a tuple")

    @property
    def question_text(self) -> str:
        """The question as one text; of a chat, each turn as `role: content` on its own line."""
        if isinstance(self.question, str):
            return self.question
        if len(self.question) == 1:
            return self.question[0]["content"]
        return "\n".join(f"{turn['role']}: {turn['content']}" for turn in self.question)


def check_case(case: Case) -> Case:
    """The case. Raises `DataError` where it is something else, such as a row of JSON."""
    if not isinstance(case, Case):
        raise DataError(f"a judge takes a Case(question, answer), found {type(case).__name__}; case_from_json makes one of a row")
    return case


def case_from_json(row: Any, where: str) -> Case:
    """A case from a JSON object with `question` (or `messages`), `answer`, and perhaps `context`, `tests`, `id`.

    Raises `DataError` that opens with `where` (a file and a line) and names the field.
    """
    if not isinstance(row, dict):
        raise DataError(f"{where}: expected a JSON object, found {json_kind(row)}")
    question = row.get("question", row.get("messages"))
    if isinstance(question, list):
        question = messages_of(question, "question", where) if question else ()
    else:
        question = checked_text(question, "question", where)
    if not question:
        raise DataError(f"{where}: field 'question' is empty")
    answer = checked_text(row.get("answer"), "answer", where)
    context = None if row.get("context") is None else checked_text(row["context"], "context", where)
    tests = next((texts_field(row, name, where) for name in ("tests", "test_list") if row.get(name) is not None), ())
    return Case(question, answer, context, tests, _id(row.get("id"), where))


def _id(value: Any, where: str) -> str:
    if value is None or isinstance(value, str):
        return checked_text(value or "", "id", where)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:  # NaN and infinity, too
        raise DataError(f"{where}: field 'id' must be text or a whole number, found {json_kind(value)}")
    return str(int(value))


def case_key(case: Case) -> str:
    """The same for the same question, answer, context and tests, whatever the id."""
    question: Any = case.question if isinstance(case.question, str) else [dict(turn) for turn in case.question]
    whole = json.dumps([question, case.answer, case.context, list(case.tests)])
    return hashlib.sha256(whole.encode()).hexdigest()[:32]


def messages_of(value: Any, name: str, where: str) -> tuple[Message, ...]:
    """The messages of a chat, at least one; raises `DataError` that names the field."""
    if not isinstance(value, list) or not value:
        raise DataError(
            f"{where}: field '{name}' must be text or a list of messages, found {'an empty list' if value == [] else json_kind(value)}"
        )
    turns: list[Message] = []
    for number, turn in enumerate(value):
        if not isinstance(turn, dict):
            raise DataError(f"{where}: field '{name}[{number}]' must be an object with 'role' and 'content', found {json_kind(turn)}")
        role = checked_text(turn.get("role", turn.get("from")), f"{name}[{number}].role", where)
        content = turn.get("content", turn.get("value"))
        if content is None and ("content" in turn or "tool_calls" in turn):
            raise LeftOutError(where, f"field '{name}' holds a message without text, such as a call of a tool")
        content = content_text(content, f"{name}[{number}].content", where)
        plain = role.strip().lower()
        turns.append(Message(role=_ROLES.get(plain, plain if plain in ("user", "assistant", "system") else role), content=content))
    return tuple(turns)


def content_text(value: Any, name: str, where: str) -> str:
    """A text, or OpenAI's list of text parts as one text, a part a line."""
    if not isinstance(value, list):
        return checked_text(value, name, where)
    for number, part in enumerate(value):
        if not isinstance(part, dict) or "text" not in part:
            raise LeftOutError(where, f"field '{name}[{number}]' must be a part with 'text', as only text is judged")
    return "\n".join(checked_text(part["text"], f"{name}[{number}].text", where) for number, part in enumerate(value))
