"""A user's own source: a file of rows, or a data set of the Hub, with pairs or right answers only.

The columns of a row are those of `themis.data.columns`; `rejected` may be missing. Other columns are ignored.

Knows nothing of what is done with a row. Its texts are untrusted.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from themis.builder.draft import Draft, Source
from themis.builder.tasks.registry import task_named
from themis.data.columns import Answers, read_answers
from themis.errors import ConfigError, DataError, LeftOutError
from themis.files import DATA_ENDINGS, LeftOut, data_rows

Rows = Iterable[tuple[int, str, Mapping[str, Any]]]
"""Number, place for error texts, and row."""

_HUB_NAME = re.compile(r"[\w.-]+(?:/[\w.-]+)?")
_EXTRA = "pip install 'themis-rm[build]'"
_LICENCE = "the user's own"


def user_source(path_or_name: str, task: str) -> Source:
    """The source of a file, or of the split `train` of a Hub data set; raises `ConfigError` and `DataError`."""
    task_named(task)
    path = Path(path_or_name)
    if path.name.lower().endswith(DATA_ENDINGS):
        if not path.is_file():
            raise DataError(f"{path_or_name} is missing: give the path of a file")
        name, licence = "/".join(path.parts[-2:]).lstrip("/"), f"{_LICENCE}: {path.name}"
        rows: Callable[[], Rows] = lambda: data_rows(path)  # noqa: E731
    elif path.exists() or not _HUB_NAME.fullmatch(path_or_name):
        raise ConfigError(
            f"'{path_or_name}' is neither a file ({', '.join(DATA_ENDINGS)}) nor the name of a data set of the Hub (OWNER/NAME)"
        )
    else:
        name, licence = path_or_name, f"as the card of https://huggingface.co/datasets/{path_or_name} says"
        rows = lambda: _hub(path_or_name)  # noqa: E731
    return Source(name, task, licence, lambda root, seed, wanted: islice(_drafts(rows(), name, task), wanted))


def _drafts(rows: Rows, source: str, task: str) -> Iterator[Draft]:
    """The drafts in the order of the file, without rows that cannot be one; raises `DataError` if there are none."""
    places: dict[str, str] = {}
    left_out = LeftOut()
    for number, (_, where, row) in enumerate(rows, start=1):
        with left_out.row(LeftOutError):
            draft = _draft(read_answers(row, where, str(number)), where, source, task)
            if (first := places.setdefault(draft.id, where)) != where:
                raise DataError(f"{where}: field 'id' is the same as in {first}; each row needs an id of its own, or none")
            yield draft
    left_out.tell(len(places))
    if not places:
        raise DataError(f"{source} holds no rows")


def _draft(answers: Answers, where: str, source: str, task: str) -> Draft:
    case = answers.chosen[0]
    if len(answers.chosen) > 1:
        raise DataError(f"{where}: the answer is not one; expected one right answer")
    if not case.answer.strip():
        raise LeftOutError(where, "the chosen answer is empty")
    if task_named(task).programs and not case.tests:
        raise DataError(f"{where}: field 'tests' is missing; expected a list of Python asserts, by which code is checked")
    return Draft(
        id=f"{source}/{answers.id}",
        task=task,
        source=source,
        question=case.question_text,
        chosen=case.answer,
        rejected=tuple(wrong.answer for wrong in answers.rejected if wrong.answer.strip() not in ("", case.answer.strip())),
        context=case.context,
        tests=case.tests,
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
        raise DataError(f"the data set '{name}' cannot be loaded from the Hub ({why}); give a file instead") from error
    yield from ((number, f"{name}, row {number}", row) for number, row in enumerate(rows, start=1))
