"""Real questions with their gold paragraphs as pairs of the task wikisearch, endless: answers in many forms, wrong ones of many kinds.

The form of an answer is drawn for each side alone, so that none tells which is right. A part of the paragraphs are cut so that
the right answer does not stand in them: then what fits better has to be known, and the rationale says that nothing settles it.
Knows nothing of the index that `wiki_search` looks in: what it finds is a piece of the question's own paragraph.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from themis.builder.agents.rationales import short, written
from themis.builder.catalogue import all_sources
from themis.builder.draft import Draft, Evidence, View
from themis.builder.tasks.translator.agents import kind_of
from themis.builder.tasks.wikisearch.agents import RULE
from themis.builder.tasks.wikisearch.matching import find, quoted
from themis.builder.tasks.wikisearch.negatives import differs
from themis.builder.text.reading import STOP_WORDS, occurs, place, sentences
from themis.curriculum.answer_forms import absurd, in_a_form
from themis.curriculum.resampled_negatives import telling
from themis.curriculum.trainable import to_train_on
from themis.tools.wiki.passages import WORDS
from themis.traces import Case, Observation, Pair, Side, Step, Trace

SOURCES = ("nq_gold", "popqa")
UNSETTLED = 0.42
"""The share of pairs that are to have a paragraph without the right answer; a third do, as not every paragraph has such a piece."""
LEAST_WORDS = 12
"""Of a piece of a paragraph that does not hold the right answer."""
FARTHEST = 40
"""Years by which a wrong one may be off."""
TWO_IN_A_ROW = 0.3
"""The share of wrong answers with several names that are two wrong answers."""
_TRIES = 4
_YEAR = re.compile(r"\b(?:1\d\d\d|20[012]\d)\b")
_NUMBER = re.compile(r"(?<![\w.,])\d+(?![\w,])")
_ASKS = re.compile(r"\b(?:who|whom|whose|when|where|why|how|which|what(?: (?:is|was|are))?)\b")
_ENDS = re.compile(r"[.!?][\"'”’)\]]*$")


@dataclass(frozen=True, slots=True)
class Questions:
    """Drafts whose first passage holds the right answer, and the right answers by kind."""

    drafts: tuple[Draft, ...]
    answers: Mapping[tuple[str, str], Sequence[str]]
    """By their form and the word that asks for them; by their form alone under the word ``."""
    names: tuple[str, ...]
    """Words with a capital letter, of all answers."""
    words: tuple[str, ...]
    """Those without."""


Wrong = Callable[[Draft, Questions, Random], str | None]


def asked_sources(root: Path | None) -> dict[str, Callable[[Random], Pair | None]]:
    """`asked/wikisearch`: the questions below `root` that are not for measuring; none where a file of them is missing."""
    if root is None or any(not (root / file).is_file() for name in SOURCES for file in all_sources()[name].files):
        return {}
    drafts = tuple(_drafts(root))
    answers: dict[tuple[str, str], list[str]] = defaultdict(list)
    for draft in drafts:
        for word in ("", _asking(draft)):
            answers[kind_of(draft.chosen), word].append(draft.chosen)
    told = list(dict.fromkeys(word for draft in drafts for word in re.findall(r"[^\W\d_]{4,}", draft.chosen)))
    names, words = (tuple(word for word in told if word[0].isupper() == large) for large in (True, False))
    return {"asked/wikisearch": partial(_one_of, Questions(drafts, answers, names, words))} if drafts else {}


def _drafts(root: Path) -> Iterator[Draft]:
    for draft in to_train_on(root, SOURCES):
        if draft.passages and occurs(draft.chosen, draft.passages[0][1]):
            yield draft


def _asking(draft: Draft) -> str:
    found = _ASKS.search(draft.question.lower())
    return found[0] if found else "?"


def _one_of(questions: Questions, rng: Random) -> Pair | None:
    draft = rng.choice(questions.drafts)
    settled = rng.random() >= UNSETTLED
    observation = _around(draft, rng) if settled else _beside(draft, rng)
    make = rng.choices(list(WRONG), list(WRONG.values()))[0]
    wrong = next((made for _ in range(_TRIES) if (made := make(draft, questions, rng)) and _is_wrong(made, draft, make is _altered)), None)
    if observation is None or wrong is None:
        return None
    steps = RULE.steps(View(Case(draft.question, draft.chosen), "wikisearch"), rng, lambda action, case: Observation(observation))
    chosen = in_a_form(draft.question, draft.chosen, draft.references, rng)
    rejected = in_a_form(draft.question, wrong, _more(wrong, draft, questions, rng), rng)
    if any(occurs(right, rejected) for right in (draft.chosen, *draft.references) if not occurs(right, draft.question)):
        return None
    sides = (_side(draft, steps, shown, answer, settled, rng) for shown, answer in ((chosen, draft.chosen), (rejected, wrong)))
    return Pair("asked", draft.question, next(sides), next(sides), task="wikisearch")


def _around(draft: Draft, rng: Random) -> str | None:
    """A hundred words that hold the right answer, from the beginning of some sentence on, where one is near enough."""
    title, text = draft.passages[0]
    tokens = text.split()
    there = place(draft.chosen, text)
    at = len(text[: there[0]].split()) if there else 0
    starts = [start for start in range(max(0, at - WORDS + 20), at + 1) if start == 0 or _ENDS.search(tokens[start - 1])]
    start = rng.choice(starts) if starts else max(0, at - WORDS // 2)
    piece = " ".join(tokens[start : start + WORDS])
    return f"{title} | {piece}" if occurs(draft.chosen, piece) else None


def _beside(draft: Draft, rng: Random) -> str | None:
    """Words before or after the right answer, none of which tells it; the title must not tell it either."""
    title, text = draft.passages[0]
    tell = frozenset[str]().union(*(telling(right) for right in (draft.chosen, *draft.references)))
    fitting = _without(tell, sentences(text)) or _without(tell, text.split())
    if not fitting or telling(title) & tell:
        return None
    piece = rng.choice(fitting).split()
    piece = piece[-WORDS:] if rng.random() < 0.5 else piece[:WORDS]
    whole = f"{title} | {' '.join(piece)}"
    return None if any(find(right, whole) for right in (draft.chosen, *draft.references)) else whole


def _without(telling: frozenset[str], parts: Sequence[str]) -> list[str]:
    """Runs of parts (sentences or words) that hold none of some words, each long enough to be read."""
    runs: list[list[str]] = [[]]
    for part in parts:
        if telling.isdisjoint(re.findall(r"\w+", part.lower())):
            runs[-1].append(part)
        else:
            runs.append([])
    return [run for run in map(" ".join, runs) if len(run.split()) >= LEAST_WORDS]


def _of_rule(draft: Draft, questions: Questions, rng: Random) -> str | None:
    """As the builder draws them, after a look at the whole paragraph."""
    title, text = draft.passages[0]
    made = RULE.negatives(draft, rng, lambda action, case: Observation(f"{title} | {' '.join(text.split())}"))
    return rng.choice(made) if made else None


def _of_another(draft: Draft, questions: Questions, rng: Random) -> str | None:
    """The right answer of a question whose answer has the same form; none that the paragraph or the question says."""
    made = rng.choice(questions.answers[kind_of(draft.chosen), _asking(draft) if rng.random() < 0.5 else ""])
    return None if occurs(made, draft.passages[0][1]) or occurs(made, draft.question) else made


def _altered(draft: Draft, questions: Questions, rng: Random) -> str | None:
    """The right answer with another year, number or word."""
    right, text = draft.chosen, draft.passages[0][1]
    if year := _YEAR.search(right):
        other = str(int(year[0]) + rng.choice((-1, 1)) * rng.randint(1, FARTHEST))
        return right[: year.start()] + other + right[year.end() :]
    if number := _NUMBER.search(right):
        value = int(number[0])
        return right[: number.start()] + str(abs(value + rng.choice((-1, 1)) * rng.randint(1, max(3, value // 3)))) + right[number.end() :]
    asked = {word.lower() for word in re.findall(r"\w+", draft.question)}
    found = [one for one in re.finditer(r"[^\W\d_]{3,}", right) if one[0].lower() not in STOP_WORDS | asked]
    if not found:
        return None
    word = rng.choice(found)
    other = rng.choice(questions.names if word[0][0].isupper() else questions.words or questions.names)
    return None if occurs(other, text) else right[: word.start()] + other + right[word.end() :]


def _absurd(draft: Draft, questions: Questions, rng: Random) -> str:
    return absurd(rng)


WRONG: Mapping[Wrong, float] = {_of_rule: 0.4, _of_another: 0.35, _altered: 0.15, _absurd: 0.1}
"""How a wrong answer is made, and how often."""


def _is_wrong(answer: str, draft: Draft, altered: bool) -> bool:
    """Does it hold no right answer and, but for one that is altered, no word that tells it?"""
    rights = (draft.chosen, *draft.references)
    if any(occurs(right, answer) or occurs(answer, right) for right in rights):
        return False
    return altered or (differs(answer, rights) and not any(telling(answer) & telling(right) for right in rights))


def _more(wrong: str, draft: Draft, questions: Questions, rng: Random) -> Sequence[str]:
    """Another wrong answer, sometimes, to stand in a row with the first."""
    other = _of_another(draft, questions, rng) if rng.random() < TWO_IN_A_ROW else None
    return (other,) if other and _is_wrong(other, draft, False) else ()


def _side(draft: Draft, steps: tuple[Step, ...], shown: str, answer: str, settled: bool, rng: Random) -> Side:
    right = answer == draft.chosen
    claim = answer if answer in shown else shown
    trace = Trace(steps, _settled(draft, steps, claim, right, rng) if settled else _unsettled(steps, claim, right, rng))
    return Side(shown, 1.0 if right else -1.0, trace)


def _settled(draft: Draft, steps: tuple[Step, ...], claim: str, right: bool, rng: Random) -> str:
    """With what the paragraph says where the right answer stands: it was written for this question, so nothing else need be asked."""
    text = steps[0].observation.text if steps[0].observation else ""
    span = find(draft.chosen, text)
    evidence = Evidence("agrees" if right else "disagrees", claim, quoted(text, span) if span else "")
    view = View(Case(draft.question, claim), "wikisearch", label=right, references=(draft.chosen,))
    return written(view, steps, evidence, rng)


def _unsettled(steps: tuple[Step, ...], claim: str, right: bool, rng: Random) -> str:
    text = steps[0].observation.text if steps[0].observation else ""
    wordings = FITS if right else STANDS_FOR_ELSE if occurs(claim, text) else NOT_BORNE_OUT
    return rng.choice(wordings).format(claim=short(claim, 12))


FITS = (
    'The answer seems right: the passage does not say so, but nothing in it speaks against "{claim}".',
    'The answer can stand: the passage does not settle it, and "{claim}" fits what is asked.',
    'Probably right: the passage leaves it open, but "{claim}" goes well with the question.',
    'The answer fits: "{claim}" is not in the passage, yet nothing there speaks against it.',
    "The answer may well be right: the passage does not say so, but nothing speaks against the answer.",
)
NOT_BORNE_OUT = (
    'The answer seems wrong: the passage does not bear "{claim}" out.',
    'The answer cannot be relied on: the passage does not settle it, and "{claim}" does not fit what is asked.',
    'Probably wrong: the passage leaves it open, but nothing in it points to "{claim}".',
    'The answer does not fit: "{claim}" is not in the passage, and goes ill with the question.',
    "The answer is hardly right: the passage does not bear the answer out.",
)
STANDS_FOR_ELSE = (
    'The answer seems wrong: the passage speaks of "{claim}", but not as what is asked for.',
    'The answer cannot be relied on: "{claim}" stands in the passage, but answers something else.',
    'Probably wrong: the passage does not give "{claim}" as the answer to the question.',
)
