"""Counterfactual pairs of translations: of the question as it is, and of another question on the same text."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random

from themis.builder.counterfactual.rows import Counterfactual, World
from themis.builder.draft import Draft
from themis.builder.reserved import reserved_drafts
from themis.builder.tasks.translator import xquad
from themis.builder.text.reading import occurs, same_words
from themis.traces import Case


def translator_rows(root: Path, seed: int, measured: frozenset[str]) -> Iterator[Counterfactual]:
    """A question in another language, translated as it is, and as another question on the same text."""
    drafts = [draft for source in xquad.SOURCES for draft in reserved_drafts(source, root, seed, measured)]
    by_group: dict[str, dict[str, Draft]] = {}
    for draft in drafts:
        by_group.setdefault(draft.group, {})[_translation_of(draft)] = draft
    for draft in drafts:
        if draft.facts.get("language") != "English":
            yield from _of_translation(draft, by_group[draft.group], Random(f"{seed}/counterfactual/{draft.id}"))


def _of_translation(draft: Draft, others: Mapping[str, Draft], rng: Random) -> Iterator[Counterfactual]:
    found = _fitting(draft, others)
    if not found:
        return
    told, answer = rng.choice(found)
    worlds = [World((("translate", each),)) for each in (_translation_of(draft), told)]
    context = draft.context or ""
    if rng.random() < 0.5:
        yield Counterfactual("translator", Case(draft.question, draft.chosen, context, id=f"counterfactual/{draft.id}/as_it_is"), *worlds)
    else:
        yield Counterfactual("translator", Case(draft.question, answer, context, id=f"counterfactual/{draft.id}/other"), *reversed(worlds))


def _fitting(draft: Draft, others: Mapping[str, Draft]) -> list[tuple[str, str]]:
    """Other questions that a draft's context answers, with answers. `others`: drafts of its article by translation."""
    context, translation = draft.context or "", _translation_of(draft)
    return [
        (told, other.chosen)
        for told, other in sorted(others.items())
        if told != translation and occurs(other.chosen, context) and not _alike(other.chosen, (draft.chosen, *draft.references))
    ]


def _translation_of(draft: Draft) -> str:
    """What `translate` says of its question."""
    return next(text for tool, _, text in draft.recorded if tool == "translate")


def _alike(answer: str, others: Sequence[str]) -> bool:
    return any(same_words(answer, other) or occurs(answer, other) or occurs(other, answer) for other in others)
