"""Which drafts of the sources may be trained on: no question that is for measuring, none that is kept for pairs of worlds."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from themis.builder.catalogue import all_sources
from themis.builder.draft import Draft
from themis.builder.reserved import reserved
from themis.data.published import measured_questions
from themis.traces.tara import question_hash

_ALL = 100_000
"""More than any source has."""


def to_train_on(root: Path, names: Sequence[str]) -> Iterator[Draft]:
    """The drafts of these sources below `root`; a source whose files are missing has none."""
    for name in names:
        yield from _of_source(root, name)


@lru_cache(maxsize=8)
def _of_source(root: Path, name: str) -> tuple[Draft, ...]:
    """Kept, as several kinds of pair are made of one source."""
    source = all_sources()[name]
    if not all((root / file).is_file() for file in source.files):
        return ()
    measured = measured_questions(root)
    drafts = source.read(root, 0, _ALL)
    return tuple(draft for draft in drafts if question_hash(draft.question) not in measured and not reserved(draft))
