"""Which drafts of the sources may be trained on: no question that is for measuring, none that is kept for pairs of worlds."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from themis.data.draft import Draft
from themis.data.reserved import reserved
from themis.data.sources import measured_questions
from themis.data.sources.catalogue import all_sources
from themis.traces.tara import question_hash

_ALL = 100_000
"""More than any source has."""


def to_train_on(root: Path, names: Sequence[str]) -> Iterator[Draft]:
    """The drafts of these sources below `root`; a source whose files are missing has none."""
    measured = measured_questions(root)
    for name in names:
        source = all_sources()[name]
        if all((root / file).is_file() for file in source.files):
            for draft in source.read(root, 0, _ALL):
                if question_hash(draft.question) not in measured and not reserved(draft):
                    yield draft
