"""A user's own source: JSON lines, a JSON list, Parquet, or a data set of the Hub, with pairs or right answers only.

The shapes of a row are those of `themis.data.preferences`; `rejected` may be missing. `context`, `tests` and `id` are
read if a row has them. Other columns are ignored.

Knows nothing of what is done with a row. Its texts are untrusted.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from themis.builder.draft import Draft, Source
from themis.builder.tasks.registry import task_named
from themis.data.preferences import preference_of
from themis.errors import ConfigError, DataError
from themis.files import checked_text, data_rows, json_kind, texts_field

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
        rows: Callable[[], Rows] = lambda: data_rows(path)  # noqa: E731
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
    question, chosen, rejected = preference_of(row, where)
    for name, text in (("question", question), ("answer", chosen)):
        if not text.strip():
            raise DataError(f"{where}: the {name} is empty; expected text")
    named = next((name for name in ("tests", "test_list") if name in row), None)
    tests = texts_field(row, named, where) if named else ()
    if task_named(task).programs and not tests:
        raise DataError(f"{where}: field 'tests' is missing; expected a list of Python asserts, by which code is checked")
    number_or_id = row.get("id", number)
    if isinstance(number_or_id, bool) or not isinstance(number_or_id, str | int):
        raise DataError(f"{where}: field 'id' must be text or a whole number, found {json_kind(number_or_id)}")
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


def _hub(name: str) -> Rows:
    try:
        import datasets
    except ImportError as error:
        raise ConfigError(f"'{name}' is a data set of the Hub, which needs datasets: {_EXTRA}") from error
    try:
        rows: Iterable[Any] = datasets.load_dataset(name, split="train")
    except (OSError, ValueError, RuntimeError) as error:  # no network, no such data set, no such split, files of no known form
        why = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise DataError(f"the data set '{name}' cannot be loaded from the Hub ({why}); give a .jsonl or .parquet file instead") from error
    yield from ((number, f"{name}, row {number}", row) for number, row in enumerate(rows, start=1))
