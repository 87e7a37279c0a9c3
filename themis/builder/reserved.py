"""Drafts that every data set leaves out, so that counterfactual pairs can be made of them.

All drafts of a group are reserved together, whatever their source and whatever the seed. So a data set and a set of
counterfactual pairs never share a question. Generated questions need no reserve: their counterfactual pairs have
seeds of their own.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from themis.builder.draft import Draft, Source
from themis.traces.tara import question_hash

ALL = 10**9
"""As many drafts as a source has."""


def reserved(draft: Draft, source: Source) -> bool:
    """Whether a draft of a source is reserved for counterfactual pairs."""
    if not source.reserved_one_in:
        return False
    group = draft.group or draft.question
    return int(hashlib.sha256(f"counterfactual/{group}".encode()).hexdigest()[:8], 16) % source.reserved_one_in == 0


def reserved_drafts(source: Source, root: Path, seed: int, measured: frozenset[str]) -> Iterator[Draft]:
    """The reserved drafts of a source, without those whose questions are held out or in a dev file."""
    drafts = source.read(root, seed, ALL)
    return (draft for draft in drafts if reserved(draft, source) and question_hash(draft.question) not in measured)
