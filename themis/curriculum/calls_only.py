"""Real questions for which only the call is learnt: which tool a case needs, and how its argument is made of the question.

Three in four questions of the sources of `wiki_search` find no passage that answers them, so the builder drops them; what people
ask, and how a query is made of it, can be learnt from them all the same. The same questions with an answer in prose are looked up on
the web, and those on a context are translated: so that context and answer decide on the tool, and not how a question is worded.
Both answers of such a pair are the same text: whatever reward it gets, the ranking loss does not move.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from random import Random

from themis.builder.draft import ByRule, View
from themis.builder.tasks.translator import agents as translator
from themis.builder.tasks.webgpt import agents as webgpt
from themis.builder.tasks.wikisearch import agents as wikisearch
from themis.builder.text.reading import sentences
from themis.curriculum.longform_wordings import CHATTER
from themis.curriculum.texts import Texts, texts_of
from themis.curriculum.trainable import to_train_on
from themis.traces import Action, Case, Observation, Pair, Side, Trace
from themis.traces.text import FAILURE

SOURCES = ("nq_gold", "nq_open", "popqa", "webquestions", "efficientqa")
LONG = 0.3
"""The share of answers to a search of Wikipedia that are some words of a text, as people's answers are longer than names at times."""
IN_PROSE = range(150, 800)
"""Characters of an answer in prose."""
ON_A_CONTEXT = range(100, 600)
"""Characters of a context: short ones, as there is nothing to read."""

Asked = tuple[str, str]
"""A question and its answer."""
Draw = Callable[[Random], Pair | None]


def calls_sources(root: Path | None) -> dict[str, Draw]:
    """`calls/TASK` of the questions below `root` that are not for measuring; none where the files are missing."""
    texts = texts_of(root) if root else None
    if root is None or texts is None:
        return {}
    asked, foreign = list(_asked(root, SOURCES)), list(_asked(root, ("xquad",)))
    found: dict[str, Draw] = {}
    if asked:
        found["calls/wikisearch"] = partial(_searched, asked, texts)
        found["calls/webgpt"] = partial(_looked_up, asked, texts)
    if foreign:
        found["calls/translator"] = partial(_translated, foreign, texts)
    return found


def _asked(root: Path, names: Sequence[str]) -> Iterator[Asked]:
    for draft in to_train_on(root, names):
        yield draft.question, draft.chosen


def _searched(asked: Sequence[Asked], texts: Texts, rng: Random) -> Pair:
    question, answer = rng.choice(asked)
    if rng.random() < LONG:
        words = texts(rng).split()
        start, length = rng.randrange(len(words)), rng.randint(6, 25)
        answer = " ".join(words[start : start + length])
    return _same_answers(wikisearch.RULE, Case(question, answer), rng)


def _looked_up(asked: Sequence[Asked], texts: Texts, rng: Random) -> Pair:
    question, _ = rng.choice(asked)
    if rng.random() < 0.5:
        question = question[0].upper() + question[1:].rstrip("?") + "?" + rng.choice(CHATTER)
    return _same_answers(webgpt.RULE, Case(question, _prose(texts(rng), rng, IN_PROSE)), rng)


def _translated(asked: Sequence[Asked], texts: Texts, rng: Random) -> Pair:
    question, answer = rng.choice(asked)
    return _same_answers(translator.RULE, Case(question, answer, _prose(texts(rng), rng, ON_A_CONTEXT)), rng)


def _prose(text: str, rng: Random, lengths: range) -> str:
    """Whole sentences of a text, up to some length; of a first one that is longer, its beginning."""
    most, taken = rng.choice(lengths), ""
    for sentence in sentences(text):
        if taken and len(taken) + len(sentence) > most:
            break
        taken = f"{taken} {sentence}".strip()
    return taken[: lengths.stop]


def _same_answers(rule: ByRule, case: Case, rng: Random) -> Pair:
    trace = Trace(rule.steps(View(case, rule.task), rng, _unanswered), None)
    side = Side(case.answer, 0.0, trace)
    return Pair("", case.question_text, side, side, context=case.context, task=rule.task)


def _unanswered(action: Action, case: Case) -> Observation:
    return FAILURE
