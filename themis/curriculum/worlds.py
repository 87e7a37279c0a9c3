"""Training pairs whose two sides are one answer in two worlds: only what was observed tells them apart.

A pair of two answers can often be told by their looks: words cut from anywhere against a name. Here question, context and answer are
the same on both sides, and the observation makes the answer right on one of them and wrong on the other: the translation of this
question or of another one on the same text, a passage as it is or with another name in it. So the reward has to be read off the
observation. Measured by rows of the same kind (`counterfactual`), of groups that no training reads.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from random import Random

from themis.builder.agents.rationales import written
from themis.builder.counterfactual.makers import edits, fitting, translation_of
from themis.builder.draft import ByRule, Draft, View
from themis.builder.tasks.translator import agents as translator
from themis.builder.tasks.wikisearch import agents as wikisearch
from themis.builder.text.reading import occurs
from themis.curriculum.trainable import to_train_on
from themis.tools.wiki.passages import WORDS, Passage, written_passages
from themis.traces import Case, Observation, Pair, Side, Trace

WORLDS = ("worlds/translator", "worlds/wikisearch")
PASSAGES_OF = ("nq_gold", "popqa")

World = tuple[str, str]
"""What is observed, and the answer that it makes right."""


def worlds_sources(root: Path | None) -> dict[str, Callable[[Random], Pair | None]]:
    """`worlds/TASK` of the questions below `root` that are not for measuring; none where the files are missing."""
    found: dict[str, Callable[[Random], Pair | None]] = {}
    if root is None:
        return found
    foreign = [draft for draft in to_train_on(root, ("xquad",)) if draft.facts.get("language") != "English"]
    if foreign:
        found["worlds/translator"] = partial(_translated, foreign, _by_translation(foreign))
    asked = [draft for draft in to_train_on(root, PASSAGES_OF) if draft.passages and occurs(draft.chosen, draft.passages[0][1])]
    if asked:
        found["worlds/wikisearch"] = partial(_searched, asked)
    return found


def _by_translation(drafts: Sequence[Draft]) -> Mapping[str, Mapping[str, Draft]]:
    """One draft of each English question, by article."""
    groups: dict[str, dict[str, Draft]] = defaultdict(dict)
    for draft in drafts:
        groups[draft.group][translation_of(draft)] = draft
    return groups


def _translated(drafts: Sequence[Draft], by_group: Mapping[str, Mapping[str, Draft]], rng: Random) -> Pair | None:
    draft = rng.choice(drafts)
    others = fitting(draft, by_group[draft.group])
    if not others:
        return None
    return _pair(translator.RULE, draft, draft.context, [(translation_of(draft), draft.chosen), rng.choice(others)], rng)


def _searched(drafts: Sequence[Draft], rng: Random) -> Pair | None:
    draft = rng.choice(drafts)
    title, text = draft.passages[0]
    # The piece of a long paragraph that holds the answer, as the index would have it.
    tokens = text.split()
    at = len(text[: text.lower().find(draft.chosen.lower())].split())
    start = max(0, min(at - rng.randrange(WORDS // 2), len(tokens) - WORDS))
    passage = written_passages([Passage(title, " ".join(tokens[start : start + WORDS]))])
    found = edits(draft, (draft.chosen, *draft.references), passage, rng) if draft.chosen in passage else []
    if not found:
        return None
    wrong, edited = rng.choice(found)
    return _pair(wikisearch.RULE, draft, None, [(passage, draft.chosen), (edited, wrong)], rng)


def _pair(rule: ByRule, draft: Draft, context: str | None, worlds: list[World], rng: Random) -> Pair | None:
    """One of the two answers, in the world that makes it right and in the other."""
    rng.shuffle(worlds)
    (right, answer), (wrong, other) = worlds
    case, seed = Case(draft.question, answer, context), rng.random()
    sides = [_side(rule, case, told, reference, Random(seed)) for told, reference in ((right, answer), (wrong, other))]
    if sides[0] is None or sides[1] is None:
        return None
    return Pair("worlds", draft.question, sides[0], sides[1], context=context, task=rule.task)


def _side(rule: ByRule, case: Case, told: str, reference: str, rng: Random) -> Side | None:
    is_right = case.answer == reference
    view = View(case, rule.task, label=is_right, references=(reference,))
    steps = rule.steps(view, rng, lambda action, of: Observation(told))
    evidence = rule.evidence(view, steps)
    if evidence.stance != ("agrees" if is_right else "disagrees"):
        return None
    return Side(case.answer, 1.0 if is_right else -1.0, Trace(steps, written(view, steps, evidence, rng)))
