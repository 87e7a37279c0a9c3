"""The user's own source: JSON lines, Parquet, or a data set of the Hub, with pairs or with right answers alone.

Each row has one of three shapes:

  texts       `question` or `prompt`; `answer` or `chosen`; optionally `rejected`
  turns       the same as lists of OpenAI messages: `prompt` (or `messages`) before the answer
  whole talks `messages` that end with the answer, or `chosen` and `rejected` with the same first turns

A row may also have `context`, `tests` and `id`. Other columns are ignored.

Knows nothing of what is done with a row. The text of a row is untrusted.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from themis.builder.draft import Draft, Source
from themis.builder.tasks.registry import task_named
from themis.errors import ConfigError, DataError
from themis.files import checked_text, table_rows
from themis.traces import Case, Message

Rows = Iterable[tuple[int, str, Mapping[str, Any]]]
"""Number, place for error texts, and row."""

_HUB_NAME = re.compile(r"[\w.-]+(?:/[\w.-]+)?")
_EXTRA = "pip install 'themis-rm[build]'"
_LICENCE = "the user's own"


def user_source(path_or_name: str, task: str) -> Source:
    """The source of a file, or of the split `train` of a Hub data set; raises `ConfigError` and `DataError`."""
    task_named(task)
    path = Path(path_or_name)
    if path.suffix.lower() in (".jsonl", ".json", ".parquet"):
        if not path.is_file():
            raise DataError(f"{path_or_name} is missing: give the path of a .jsonl or .parquet file")
        name, licence = "/".join(path.parts[-2:]).lstrip("/"), f"{_LICENCE}: {path.name}"
        rows: Callable[[], Rows] = lambda: table_rows(path)  # noqa: E731
    elif path.exists() or not _HUB_NAME.fullmatch(path_or_name):
        raise ConfigError(f"'{path_or_name}' is neither a .jsonl nor a .parquet file, nor the name of a data set of the Hub (OWNER/NAME)")
    else:
        name, licence = path_or_name, f"as the card of https://huggingface.co/datasets/{path_or_name} says"
        rows = lambda: _hub(path_or_name)  # noqa: E731
    return Source(name, task, licence, lambda root, seed, wanted: islice(_drafts(rows(), name, task), wanted))


def _drafts(rows: Rows, source: str, task: str) -> Iterator[Draft]:
    """The drafts of all rows in the order of the file; raises `DataError` if there is no row."""
    places: dict[str, str] = {}
    for number, (_, where, row) in enumerate(rows, start=1):
        draft = _draft(row, where, source, task, number)
        if (first := places.setdefault(draft.id, where)) != where:
            raise DataError(f"{where}: field 'id' is the same as in {first}; each row needs an id of its own, or none")
        yield draft
    if not places:
        raise DataError(f"{source} holds no rows")


def _draft(row: Mapping[str, Any], where: str, source: str, task: str, number: int) -> Draft:
    row = {name: value for name, value in row.items() if value is not None}
    question, chosen, rejected = _answers(row, where)
    for name, text in (("question", question), ("answer", chosen)):
        if not text.strip():
            raise DataError(f"{where}: the {name} is empty; expected text")
    tests = _texts(row, "tests" if "tests" in row else "test_list", where)
    if task_named(task).programs and not tests:
        raise DataError(f"{where}: field 'tests' is missing; expected a list of Python asserts, by which code is checked")
    number_or_id = row.get("id", number)
    if isinstance(number_or_id, bool) or not isinstance(number_or_id, str | int):
        raise DataError(f"{where}: field 'id' must be text or a whole number, found {_kind(number_or_id)}")
    return Draft(
        id=checked_text(f"{source}/{number_or_id}", "id", where),
        task=task,
        source=source,
        question=question,
        chosen=chosen,
        rejected=(rejected,) if rejected is not None and rejected.strip() else (),
        context=checked_text(row["context"], "context", where) if "context" in row else None,
        tests=tests,
    )


def _answers(row: Mapping[str, Any], where: str) -> tuple[str, str, str | None]:
    """Question, right answer, and the wrong answer if there is one."""
    asked = next((name for name in ("question", "prompt", "messages") if name in row), None)
    given = next((name for name in ("chosen", "answer") if name in row), None)
    if given is None:
        if asked == "messages":
            return *_talk(row["messages"], "messages", where), None
        raise DataError(f"{where}: field 'answer' (or 'chosen') is missing; {_fields_found(row)}")
    if asked is None:
        return _two_talks(row, given, where)
    wrong = _answer(row["rejected"], "rejected", where) if "rejected" in row else None
    return _question(row[asked], asked, where), _answer(row[given], given, where), wrong


def _two_talks(row: Mapping[str, Any], given: str, where: str) -> tuple[str, str, str | None]:
    """Two whole talks that differ in their last turn, as in preference sets without a prompt."""
    if not isinstance(row[given], list):
        raise DataError(f"{where}: field 'question' (or 'prompt') is missing; {_fields_found(row)}")
    question, chosen = _talk(row[given], given, where)
    if "rejected" not in row:
        return question, chosen, None
    other, rejected = _talk(row["rejected"], "rejected", where)
    if other != question:
        raise DataError(f"{where}: field 'rejected' must open with the same turns as '{given}', and differ in the last one alone")
    return question, chosen, rejected


def _talk(value: Any, name: str, where: str) -> tuple[str, str]:
    """The question and the answer of a talk that ends with the answer."""
    turns = _turns(value, name, where)
    if len(turns) < 2 or turns[-1]["role"] != "assistant":
        raise DataError(f"{where}: field '{name}' must be a question and, as its last turn, an answer of the role 'assistant'")
    return Case(tuple(turns[:-1]), "").question_text, turns[-1]["content"]


def _question(value: Any, name: str, where: str) -> str:
    return Case(tuple(_turns(value, name, where)), "").question_text if isinstance(value, list) else _text_or_refuse(value, name, where)


def _answer(value: Any, name: str, where: str) -> str:
    if not isinstance(value, list):
        return _text_or_refuse(value, name, where)
    turns = _turns(value, name, where)
    if turns[-1]["role"] != "assistant":
        raise DataError(f"{where}: field '{name}' must end with a turn of the role 'assistant', found '{turns[-1]['role'][:40]}'")
    return turns[-1]["content"]


def _turns(value: Any, name: str, where: str) -> list[Message]:
    if not isinstance(value, list) or not value:
        raise DataError(f"{where}: field '{name}' must be text or a list of messages, found {_kind(value)}")
    turns: list[Message] = []
    for number, turn in enumerate(value):
        if not isinstance(turn, dict):
            raise DataError(f"{where}: field '{name}[{number}]' must be an object with 'role' and 'content', found {_kind(turn)}")
        role, content = (checked_text(turn.get(key), f"{name}[{number}].{key}", where) for key in ("role", "content"))
        turns.append(Message(role=role, content=content))
    return turns


def _text_or_refuse(value: Any, name: str, where: str) -> str:
    if not isinstance(value, str):
        raise DataError(f"{where}: field '{name}' must be text or a list of messages, found {_kind(value)}")
    return checked_text(value, name, where)


def _texts(row: Mapping[str, Any], name: str, where: str) -> tuple[str, ...]:
    value = row.get(name, [])
    if not isinstance(value, list):
        raise DataError(f"{where}: field '{name}' must be a list of texts, found {_kind(value)}")
    return tuple(checked_text(text, f"{name}[{number}]", where) for number, text in enumerate(value))


def _fields_found(row: Mapping[str, Any]) -> str:
    names = ", ".join(f"'{name}'" for name in list(row)[:12]) or "nothing"
    return f"expected 'question' and 'answer', or 'prompt', 'chosen' and 'rejected', or 'messages'; found {names}"


def _kind(value: Any) -> str:
    """The name of a value's type in JSON."""
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number", type(None): "null"}
    return "an empty list" if value == [] else names.get(type(value), type(value).__name__)


def _hub(name: str) -> Rows:
    try:
        import datasets
    except ImportError as error:
        raise ConfigError(f"'{name}' is a data set of the Hub, which needs datasets: {_EXTRA}") from error
    try:
        rows: Iterable[Any] = datasets.load_dataset(name, split="train")
    except (OSError, ValueError, RuntimeError) as error:  # no network, no such data set, no such split, files of no known form
        why = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise DataError(f"the data set '{name}' cannot be had from the Hub ({why}); give a .jsonl or .parquet file instead") from error
    yield from ((number, f"{name}, row {number}", row) for number, row in enumerate(rows, start=1))
