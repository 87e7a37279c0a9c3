"""English questions on English texts, as pairs of the task translator: a clean answer against words cut from anywhere in the text.

XQuAD has 1,190 questions, of which a model from scratch soon knows all answers by heart; here are the questions of Natural
Questions and PopQA with their paragraphs, and those made by rule of Wikipedia's introductions. As in TARA, a question that is
English already is translated into itself. `reading/foreign` has them asked in other languages: in the words of some question of
XQuAD, whatever those say, with the English one as what `translate` told. So what is asked is read off the observation.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from themis.builder.agents.rationales import written
from themis.builder.catalogue import all_sources
from themis.builder.draft import View
from themis.builder.tasks.translator.agents import RULE
from themis.builder.tasks.wikisearch.intros import INTROS
from themis.builder.text.reading import occurs
from themis.curriculum.resampled_negatives import redrawn
from themis.curriculum.trainable import to_train_on
from themis.data.published import measured_questions
from themis.files import json_lines
from themis.traces import Case, Observation, Pair, Side, Trace
from themis.traces.tara import question_hash

ASKED_BY_PEOPLE = 0.6
"""The share of questions that people asked; the others are made by rule."""
CUTS = 0.45
OTHERS = 0.35
"""Shares of wrong answers that are arbitrary cuts, and whole phrases of another kind than the right one."""
JOINED = 0.25
"""The share of texts that stand among others, as long contexts are harder to read than short ones."""
LONGEST = 4_000
"""Characters of a joined context, about 900 tokens."""
_TRIES = 4


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with its answer, which the text says word for word."""

    question: str
    answer: str
    text: str


def reading_sources(root: Path | None) -> dict[str, Callable[[Random], Pair | None]]:
    """`reading` and `reading/foreign`: of the files below `root`, without questions that are for measuring; none where one is missing."""
    if root is None or any(not (root / file).is_file() for name in ("nq_gold", "popqa", "intros") for file in all_sources()[name].files):
        return {}
    measured = measured_questions(root)
    people, rule = ([one for one in found if question_hash(one.question) not in measured] for found in (_by_people(root), _by_rule(root)))
    if not (people and rule):
        return {}
    foreign = [draft.question for draft in to_train_on(root, ("xquad",)) if draft.facts.get("language") != "English"]
    read: dict[str, Callable[[Random], Pair | None]] = {"reading": partial(_one_of, people, rule, ())}
    if foreign:
        read["reading/foreign"] = partial(_one_of, people, rule, foreign)
    return read


def _by_people(root: Path) -> Iterator[Asked]:
    for draft in to_train_on(root, ("nq_gold", "popqa")):
        for _, text in draft.passages[:1]:
            if occurs(draft.chosen, text):
                yield Asked(draft.question, draft.chosen, text)


def _by_rule(root: Path) -> Iterator[Asked]:
    texts = {str(row["title"]): str(row["text"]) for _, row in json_lines(root / INTROS)}
    for draft in all_sources()["intros"].read(root, 0, 16_000):
        text = texts[draft.id.split("/", 2)[2]][:2_000]
        if occurs(draft.chosen, text):
            yield Asked(draft.question, draft.chosen, text)


def _one_of(people: Sequence[Asked], rule: Sequence[Asked], foreign: Sequence[str], rng: Random) -> Pair | None:
    asked = rng.choice(people if rng.random() < ASKED_BY_PEOPLE else rule)
    context = _joined(rng, asked.text, [rng.choice(rule).text for _ in range(4)]) if rng.random() < JOINED else asked.text
    case = Case(rng.choice(foreign) if foreign else asked.question, asked.answer, context)
    view = View(case, "translator", label=True, references=(asked.answer,))
    steps = RULE.steps(view, rng, lambda action, case: Observation(asked.question))
    evidence = RULE.evidence(view, steps)
    if evidence.stance != "agrees":
        return None
    side = Side(asked.answer, 1.0, Trace(steps, written(view, steps, evidence, rng)))
    pair = Pair("reading", case.question_text, side, Side("", -1.0, None), context=context, task="translator")
    return next((drawn for _ in range(_TRIES) if (drawn := redrawn(rng, pair, CUTS, OTHERS))), None)


def _joined(rng: Random, text: str, others: Sequence[str]) -> str:
    """The text with others before and after it, up to a length."""
    taken = [text]
    for other in others:
        if sum(map(len, taken)) + len(other) < rng.randint(1_500, LONGEST):
            taken.insert(rng.choice((0, len(taken))), other)
    return " ".join(taken)
