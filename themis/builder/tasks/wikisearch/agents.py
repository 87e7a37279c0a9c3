"""The agents of questions that Wikipedia answers: wrong answers of the right kind, a search, and what it settles.

The query comes from the question alone. Answers are matched with the passage by words, numbers and dates, never by
meaning. If the passage does not hold the right answer, or is about something else, nothing is settled.
Source: Tool-Augmented Reward Modeling, arXiv:2310.01045, whose thoughts and queries have this form.
"""

import re
from collections.abc import Mapping, Sequence
from random import Random

from themis.builder.draft import ByRule, Draft, Evidence, Observe, View
from themis.builder.tasks.wikisearch import negatives as wiki_negatives
from themis.builder.tasks.wikisearch.kinds import kind_of
from themis.builder.tasks.wikisearch.matching import Span, dates_in, key, places, plain, quoted, words_of
from themis.builder.tasks.wikisearch.questions import HAS_PARAGRAPH
from themis.traces import Action, Case, Step

TOOL = "wiki_search"
_LEFT_OUT = frozenset(
    "a an and are as at be been being but by can could did do does for from had has have he her him his how if in into is it its "
    "many me much my name named of off on or please she so some such tell than that the their them then there these they this those to "
    "was were what when where which who whom whose why will with would you your called known".split()
)
_TOKEN = re.compile(r"[^\s?!,;:\"“”()]+")
_MOST_WORDS = 14
_COVERED = 0.6
"""The share of a question's words that a passage about it must hold."""
_COVERED_UNDER_ITS_TITLE = 0.4
"""The same, if the question holds every word of the passage's title."""
_COVERED_FOR_COMMON = 0.75
_LIFE = re.compile(r"\([^()]*\d{4}[^()]*\)")
"""Brackets after a name with the dates, and perhaps places, of birth and death."""
_QUOTED_WORDS = 10
_COMMON_WORDS = frozenset("one two three four five six seven eight nine ten yes no first second third new red blue white black".split())


def query_of(question: str) -> str:
    """The content words of a question, in their order."""
    words = [_trimmed(word) for word in _TOKEN.findall(question)]
    words = [word for word in words if re.search(r"\w", word)]
    kept = [word for word in words if plain(word) not in _LEFT_OUT]
    return " ".join((kept or words)[:_MOST_WORDS])


def steps(view: View, rng: Random, observe: Observe) -> tuple[Step, ...]:
    """One search, in the words of TARA; the same for a right and a wrong answer."""
    query = query_of(view.case.question_text)
    action = Action(TOOL, query)
    return (Step(f"I need to invoke the {TOOL} tool to search {query}", action, observe(action, view.case)),)


def evidence(view: View, taken: Sequence[Step]) -> Evidence:
    """In hindsight, whether the passage holds the right answer; blind, whether it holds this one."""
    text = "\n".join(step.observation.text for step in taken if step.observation and step.observation.status == "ok")
    question, answer = view.case.question_text, view.case.answer
    claim = _short(answer)
    unsettled = Evidence("unsettled", claim)
    if not text or not is_about(question, text):
        return unsettled
    if view.label is None:
        return _blind(view, claim, text)
    right = (answer, *view.references) if view.label else view.references
    span = settled_by(question, right, text, view.facts)
    if span is None:
        return unsettled
    if not view.label and not wiki_negatives.differs(answer, right):
        return unsettled
    return Evidence("agrees" if view.label else "disagrees", claim, quoted(text, span))


def settled_by(question: str, references: Sequence[str], text: str, facts: Mapping[str, str] | None = None) -> Span | None:
    """The place in a passage that answers the question, if the passage is about it.

    The words of an answer often occur in a passage by chance. So the sentence must be about the question too, unless
    the draft knows what is asked of which article (`relation`). If the source has no paragraph of its own, the index
    mostly has none either. Then the sentence must cover more of the question.
    """
    facts = facts or {}
    for reference in references:
        common = _is_common(reference)
        if common and not is_about(question, text, _COVERED_FOR_COMMON):
            continue
        for span in places(reference, text):
            known = "relation" in facts and not _born_elsewhere(question, text, span)
            if known or ("relation" not in facts and _said_of_it(question, text, span, 2 if common else 1, HAS_PARAGRAPH not in facts)):
                return span
    return None


def is_about(question: str, text: str, share: float = _COVERED) -> bool:
    """Whether a passage holds enough of a question's words."""
    asked = _content(question)
    covered = len(asked & _stems(text)) / max(len(asked), 1)
    title = _stems(_title(text))
    return covered >= share or (share == _COVERED and covered >= _COVERED_UNDER_ITS_TITLE and bool(title) and title <= asked)


def _blind(view: View, claim: str, text: str) -> Evidence:
    question, answer = view.case.question_text, view.case.answer
    if span := settled_by(question, (answer,), text, view.facts):
        return Evidence("agrees", claim, quoted(text, span))
    # If the article may be the wrong one, it must hold all words of the question.
    share = _COVERED_FOR_COMMON if "relation" in view.facts or HAS_PARAGRAPH in view.facts else 1.0
    if is_about(question, text, share) and (other := _other_of_its_kind(question, answer, text)):
        return Evidence("disagrees", claim, other)
    return Evidence("unsettled", claim)


def _other_of_its_kind(question: str, answer: str, text: str) -> str:
    """What a passage says instead of the answer: a date, a year, or else the sentence nearest to the question."""
    kind = kind_of(question, answer, {})
    if kind in ("date", "month"):
        spans = (day.span for day in dates_in(text) if day.year and (day.day or kind == "month"))
        return quoted(text, span) if (span := next(spans, None)) else ""
    if kind == "year":
        year = re.search(r"\b(?:1\d|20)\d\d\b", text)
        return quoted(text, Span(*year.span())) if year else ""
    return _nearest_words(question, text)


def _nearest_words(question: str, text: str) -> str:
    """The first words of the sentence that shares most with the question."""
    asked = _content(question)
    sentences = [sentence.split() for sentence in re.split(r"(?<=\.) |\n", text.partition(" | ")[2] or text)]
    best = max(sentences, key=lambda words: len(asked & _stems(" ".join(words))))
    return " ".join(best[:_QUOTED_WORDS])


def _is_common(answer: str) -> bool:
    """Whether an answer, such as `two` or `12`, occurs in many passages by chance."""
    words = key(answer).split()
    return len(words) == 1 and (words[0] in _COMMON_WORDS or (words[0].isdigit() and len(words[0]) < 4) or len(words[0]) < 4)


def _said_of_it(question: str, text: str, span: Span, least: int, strict: bool) -> bool:
    """Whether the sentence is about the question: they share words, and not only the title's."""
    said, asked, title = _stems(_sentence(text, span)), _content(question), _stems(_title(text))
    if _in_a_life(text, span):
        said |= _BORN | _DIED
    if len(asked & said) < least or _born_elsewhere(question, text, span):
        return False
    more = asked - title
    if strict:
        return len(title & asked) >= 0.6 * len(title) and len(more & said) >= 0.5 * len(more)
    return 2 * len(title & asked) >= len(title) or len(more & said) >= 2


def _born_elsewhere(question: str, text: str, span: Span) -> bool:
    """Whether the question asks for a birth or a death, and the sentence speaks of neither."""
    asked, said = _content(question), _stems(_sentence(text, span))
    return any(asked & words and not (words & said or _in_a_life(text, span)) for words in (_BORN, _DIED))


def _in_a_life(text: str, span: Span) -> bool:
    return any(life.start() < span.start < life.end() for life in _LIFE.finditer(text[:300]))


def _sentence(text: str, span: Span) -> str:
    start = max(text.rfind(mark, 0, span.start) for mark in (". ", "| ", "\n"))
    end = text.find(". ", span.end)
    return text[start + 1 : end if end > 0 else len(text)]


def _title(text: str) -> str:
    return re.sub(r"\([^)]*\)", "", text.partition(" | ")[0])


def _content(question: str) -> frozenset[str]:
    return _stems(query_of(question))


def _stems(text: str) -> frozenset[str]:
    return frozenset(_stem(word.plain) for word in words_of(text))


def _stem(word: str) -> str:
    for ending in ("ingly", "ings", "ing", "ied", "ies", "ed", "es", "s", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def _trimmed(word: str) -> str:
    return re.sub(r"['’]s?$", "", word.strip(".'’`-_*&/"))


def _short(text: str, most: int = 12) -> str:
    words = text.split()
    return " ".join(words[:most])


def negatives(draft: Draft, rng: Random, observe: Observe) -> Sequence[str]:
    """Wrong answers of the right kind, some of them from the passage."""
    action = Action(TOOL, query_of(draft.question))
    observation = observe(action, Case(draft.question, draft.chosen))
    return wiki_negatives.wrong_answers(draft, rng, observation.text if observation.status == "ok" else "")


_BORN, _DIED = _stems("born birth birthday birthplace native"), _stems("died dies die death dead killed")

RULE = ByRule(negatives, steps, evidence)
