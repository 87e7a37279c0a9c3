"""Counterfactual pairs of passages: original, and with another answer of the same kind instead of the right one."""

import re
from collections.abc import Iterator
from pathlib import Path
from random import Random

from themis.builder.counterfactual.rows import Counterfactual, World
from themis.builder.draft import Draft, View
from themis.builder.reserved import reserved_drafts
from themis.builder.tasks.wikisearch import agents, questions
from themis.builder.tasks.wikisearch.kinds import shape_of
from themis.builder.tasks.wikisearch.matching import find, find_any
from themis.builder.tasks.wikisearch.negatives import wrong_answers
from themis.tools.wiki.passages import Passage, written_passages
from themis.traces import Action, Case, Observation, Step

_ANSWERS = 2
"""Wrong ones of one passage."""


def wikisearch_rows(root: Path, seed: int, measured: frozenset[str]) -> Iterator[Counterfactual]:
    """A passage as it is, and with another answer of the same kind in place of the right one."""
    later: list[Counterfactual] = []
    for source in questions.SOURCES:
        for draft in reserved_drafts(source, root, seed, measured):
            first, *others = [*_of_passage(draft, Random(f"{seed}/counterfactual/{draft.id}"))] or [()]
            yield from first
            later += [row for rows in others for row in rows]
    yield from later


def _of_passage(draft: Draft, rng: Random) -> Iterator[tuple[Counterfactual, ...]]:
    """Two rows for each wrong answer: the right one is right in the original passage, the wrong one in the edited."""
    rights = (draft.chosen, *draft.references)
    for title, text in draft.passages:
        passage = written_passages([Passage(title, text)])
        if not _says(passage, draft, draft.chosen, rights) or draft.chosen not in passage:
            continue
        edited_passages = _edits(draft, rights, passage, rng)
        for number, (wrong, edited) in enumerate(edited_passages, 1):
            worlds = [World((("wiki_search", each),)) for each in (passage, edited)]
            name = f"counterfactual/{draft.id}/{number}"
            yield (
                Counterfactual("wikisearch", Case(draft.question, draft.chosen, id=f"{name}/as_it_is"), *worlds),
                Counterfactual("wikisearch", Case(draft.question, wrong, id=f"{name}/edited"), *reversed(worlds)),
            )
        if edited_passages:
            return


def _edits(draft: Draft, rights: tuple[str, ...], passage: str, rng: Random) -> list[tuple[str, str]]:
    """Wrong answers, and the passage with each in place of the right one, if the edit leaves the right one nowhere."""
    found = []
    if re.search(rf"(?<!\. )\b[A-Z][\w.'-]*\s+{re.escape(draft.chosen)}(?!\w)", passage.partition(" | ")[2]) and draft.chosen[0].isupper():
        return []  # a part of a longer name, such as a family name
    for wrong in wrong_answers(draft, rng, passage):
        if shape_of(wrong) != shape_of(draft.chosen):
            continue
        edited = re.sub(rf"(?<!\w){re.escape(draft.chosen)}(?!\w)", lambda _, wrong=wrong: wrong, passage)  # type: ignore[misc]
        if (
            _says(edited, draft, wrong, (wrong,))
            and not find(wrong, passage)
            and not find_any(rights, edited)
            and not _pieces_left(draft, edited, wrong)
        ):
            found.append((wrong, edited))
    return found[:_ANSWERS]


def _says(passage: str, draft: Draft, answer: str, rights: tuple[str, ...]) -> bool:
    """Would the agent of the task call an answer confirmed by a passage?"""
    view = View(Case(draft.question, answer), draft.task, draft.facts, True, rights)
    return agents.RULE.evidence(view, (Step("", Action("wiki_search", draft.question), Observation(passage)),)).stance == "agrees"


def _pieces_left(draft: Draft, edited: str, wrong: str) -> bool:
    """Does the edited passage still say a part of the right answer, such as a family name, or who lives there?"""
    pieces = [word[:5] for word in re.findall(r"\w{4,}", draft.chosen)]
    return any(piece not in wrong and piece not in draft.question and re.search(rf"\b{re.escape(piece)}", edited, re.I) for piece in pieces)
