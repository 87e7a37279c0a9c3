"""Which drafts are kept out of every data set, so that counterfactual pairs can be made of them.

A group goes with all of its drafts, whatever source they come from and whatever the seed: a data set built today and pairs built
tomorrow never share a question. What is made by rule needs no such share: its pairs are drawn from seeds of their own.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from themis.builder.draft import Draft, Source
from themis.traces.tara import question_hash

ALL = 10**9
"""Drafts: as many as a source has."""


def reserved(draft: Draft, source: Source) -> bool:
    """Is a draft of a source kept for counterfactual pairs?"""
    if not source.reserved_one_in:
        return False
    group = draft.group or draft.question
    return int(hashlib.sha256(f"counterfactual/{group}".encode()).hexdigest()[:8], 16) % source.reserved_one_in == 0


def reserved_drafts(source: Source, root: Path, seed: int, measured: frozenset[str]) -> Iterator[Draft]:
    """The drafts of a source's reserved groups, less those whose questions measure something else."""
    drafts = source.read(root, seed, ALL)
    return (draft for draft in drafts if reserved(draft, source) and question_hash(draft.question) not in measured)
