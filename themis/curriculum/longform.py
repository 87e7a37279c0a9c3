"""Long answers in prose, as people ask for them, made of Wikipedia's introductions, as pairs of the task webgpt.

The better answer is the beginning of an article; the worse one says too little, speaks of something else, has facts of other
articles in it, wanders off, or evades the question. What the search finds is a piece of the article, and the query depends on the
question alone, so that nothing but the two answers tells them apart.
Knows nothing of how the rationales of real web searches are made (`agents.webgpt`).
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from pathlib import Path
from random import Random

from themis.builder.tasks.wikisearch.intros import INTROS
from themis.builder.text.reading import occurs, place, sentences
from themis.curriculum.longform_wordings import (
    CHATTER,
    EVASIVE,
    FOREIGN,
    LEAVES_OUT,
    NOTHING_TOLD,
    OF_ANYTHING,
    OF_PEOPLE,
    OF_THINGS,
    OTHERWISE,
    STRAYS,
    SUPPORTED,
    THOUGHTS,
    TOO_SHORT,
    UNCONTRADICTED,
    UNHEARD,
    WONDERING,
)
from themis.data.published import measured_questions
from themis.files import json_lines
from themis.traces import Action, Observation, Pair, Side, Step, Trace
from themis.traces.tara import question_hash

SHORTEST, LONGEST = 250, 900
"""Characters of a chosen answer."""
LEAST_SENTENCES, MOST_SENTENCES = 3, 7
LONGEST_RESULT = 350
OF_THE_ANSWER = 0.8
"""The share of search results that stand in the chosen answer; the others come after it in the article."""
LEFT_OUT = 100
"""Characters that an answer which says too little lacks at least."""
QUOTED = 12
"""Words of a quotation at most."""
WONDERED = 0.4
"""The share of questions why something is so, which people ask more often than what a thing is."""
LOWER = 0.35
"""The share of questions in lower case."""
_READ = 2_000
"""Characters of an article that are read, none after its introduction."""
_POOLED = 3_000
"""Articles whose facts are put into others."""
_LEAST_POOL = 12
_NEAREST_OF = 4
_TRIES = 4
_NO_SUBJECT = re.compile(r"^(?:Lists?|Geography|Demographics|Outline|History|Index|Transport|Politics|Economy)\b|^\d|[#/{}<>|]|–")
_NO_PROSE = re.compile(r"\n-  |\}\}|\.(?:jpe?g|png|svg|gif)\b|https?:|\|", re.IGNORECASE)
_LOUD = r"[A-ZÀ-Þ](?:[A-ZÀ-Þ]|['’.-](?=[A-ZÀ-Þ]))"
_CAPITALS = re.compile(r"(?<![\w(])[^\W\d_](?:['’.-]?[^\W\d_])+(?!\w)")
_LOUD_NAME = re.compile(rf"(?<![\w(]){_LOUD}{{3,}}(?: {_LOUD}{{3,}})+(?!\w)")
_ROMAN = re.compile(r"[IVX]+")
_LIFE = re.compile(r"\([^()]*(?:\bborn\b|\d{4} ?[–-][^()]*\d{4}\))")
_PRONOUN = re.compile(r"\b(?:He|She|His|Her)\b")
_NOBODY = re.compile(r"\b(?:film|series|band|album|battle|war|event|season|company|ship|party|empire|dynasty)\b", re.IGNORECASE)
_FACT = re.compile(r"\b(?P<before>[a-z]+) (?P<name>[A-Z][\w'’-]+(?: [A-Z][\w'’-]+)*)|(?<![\w.,–-])(?P<number>\d[\d,]*\d|\d)(?![\w–-]|\.\d)")
_QUALIFIES = re.compile(r" (?!(?:and|or|in|on|at|from|to|with|for|by|as|of|is|was|were|where|who|which|that|but|until|during)\b)[a-z]")
"""Behind a name that stands before a noun, such as `German` in `German philology`."""
_MONTH = r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_TIMES = re.compile(rf"\b(?:{_MONTH}|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)\b")
_OF_A_MONTH = re.compile(rf" {_MONTH}\b")
_WORD = re.compile(r"[^\W_]+")
_CLAUSE = re.compile(r"(?:[\w'’-]+ ){4,15}[\w'’-]+(?=[,;.]|$)")
"""What a sentence says before its first mark."""
_SMALL_OPENING = re.compile(r"^(?:The|A|An|In|At|On|As|After|From|By|Most|Some|Many)\b")
_POINTS_BACK = re.compile(r"^(?:It|He|She|They|This|These|That|Those|His|Her|Its|Their|There|Such)\b")


@dataclass(frozen=True, slots=True)
class Article:
    """The introduction of an article, and the name of what it is about."""

    subject: str
    text: str

    @property
    def said(self) -> tuple[str, ...]:
        """Its sentences, up to the first that has lost its end or a piece of it."""
        return tuple(takewhile(_is_whole, sentences(_prose(self.text, self.subject))))

    @property
    def wordings(self) -> Sequence[tuple[str, str]]:
        """The ways to ask for it, each with its query; where nobody can say whether it is a person, those that fit anything."""
        opening = self.text.split(". ")[0][:200]
        if not _PRONOUN.search(self.text):
            return (*OF_THINGS, *OF_ANYTHING)
        return (*OF_PEOPLE, *OF_ANYTHING) if _LIFE.search(opening) and not _NOBODY.search(opening) else OF_ANYTHING


@dataclass(frozen=True, slots=True)
class Asked:
    """What a pair is made of, but for the worse answer."""

    subject: str
    chosen: tuple[str, ...]
    result: tuple[str, ...]

    @property
    def found(self) -> str:
        """What the search finds."""
        return " ".join(self.result)


@dataclass(frozen=True, slots=True)
class Shelf:
    """All articles, and the facts of some of them by their kind."""

    articles: tuple[Article, ...]
    facts: Mapping[str, Sequence[str]]
    measured: frozenset[str]


Worse = Callable[[Asked, Shelf, Random], tuple[str, str] | None]
"""The worse answer and its rationale; None where none can be made."""


def longform_sources(root: Path | None) -> dict[str, Callable[[Random], Pair | None]]:
    """`longform`: of the introductions below `root`, without questions that are for measuring; none where there are none."""
    if root is None or not (root / INTROS).is_file():
        return {}
    articles = tuple(_articles(root / INTROS))
    shelf = Shelf(articles, _pooled(articles), frozenset(measured_questions(root)))
    return {"longform": partial(_one_of, shelf)} if articles else {}


def _articles(file: Path) -> Iterator[Article]:
    rows = [(re.sub(r"\s*\([^)]*\)$", "", str(row["title"])).strip(), str(row["text"])) for _, row in json_lines(file)]
    names = Counter(subject.lower() for subject, _ in rows)
    for subject, text in rows:
        text = text[:_READ].split("\n\n\n")[0]
        if names[subject.lower()] == 1 and len(text) >= SHORTEST and len(subject) <= 50 and _is_about(text, subject):
            yield Article(subject, text)


def _is_about(text: str, subject: str) -> bool:
    """Is it prose that begins with the name of what it is about?"""
    opening = set(_WORD.findall(text[: len(subject) + 60].lower()))
    return not _NO_SUBJECT.search(subject) and not _NO_PROSE.search(text) and set(_WORD.findall(subject.lower())) <= opening


def _is_whole(sentence: str) -> bool:
    return sentence[-1] in ".!?'" and not re.search(r" [.,;)]|\( ", sentence)


def _prose(text: str, subject: str) -> str:
    """A text on one line, with single quotation marks, as rationales quote it in double ones.

    The names it opens with have lost their bold type to capitals, and get back the case that names have.
    """
    text = " ".join(text.replace("_", "").split())
    text = re.sub(r"\s*\(\s*[;,]?\s*\)", "", re.sub(r"\((?:[;,]| or)+ ", "(", text)).replace("'''", "").replace('"', "'")
    opening, rest = text[: len(subject) + 60], text[len(subject) + 60 :]
    as_in_title = {word.upper(): word for word in _CAPITALS.findall(subject)}
    opening = _CAPITALS.sub(lambda found: as_in_title.get(found[0], _lowered(found[0])) if found[0].isupper() else found[0], opening)
    return _LOUD_NAME.sub(lambda found: " ".join(map(_lowered, found[0].split())), opening + rest)


def _lowered(word: str) -> str:
    return word if len(word) < 3 or _ROMAN.fullmatch(word) else re.sub(r"[^\W\d_]+", lambda part: part[0].capitalize(), word)


def _facts(text: str) -> Iterator[tuple[str, str]]:
    """Years, numbers and names with their kinds; names are of one kind that stand between the same sorts of words."""
    for found in _FACT.finditer(text):
        if number := found["number"]:
            yield _kind_of_number(number, text[found.end() : found.end() + 12]), number
        elif not _TIMES.search(found["name"]):
            role = "before a noun" if _QUALIFIES.match(text, found.end()) else "alone"
            yield f"{found['before']}/{min(2, len(found['name'].split()))}/{role}", found["name"]


def _kind_of_number(number: str, after: str) -> str:
    if _OF_A_MONTH.match(after):
        return "day"
    return "year" if number.isdigit() and 1000 <= int(number) <= 2029 else f"number/{len(number)}"


def _pooled(articles: Sequence[Article]) -> dict[str, Sequence[str]]:
    pool: dict[str, list[str]] = defaultdict(list)
    for article in Random(0).sample(articles, min(_POOLED, len(articles))):
        for kind, fact in _facts(article.text.replace("_", "")[len(article.subject) + 60 :]):
            pool[kind].append(fact)
    return {kind: found for kind, found in pool.items() if len(set(found)) >= _LEAST_POOL}


def _one_of(shelf: Shelf, rng: Random) -> Pair | None:
    worse = rng.choices(list(WORSE), list(WORSE.values()))[0]
    return next((pair for _ in range(_TRIES) if (pair := _of_article(rng.choice(shelf.articles), worse, shelf, rng))), None)


def _of_article(article: Article, worse: Worse, shelf: Shelf, rng: Random) -> Pair | None:
    asked, (question, query) = _drawn(article, rng), _question(article, rng)
    made = worse(asked, shelf, rng) if asked else None
    if asked is None or made is None or question_hash(question) in shelf.measured:
        return None
    thought = rng.choice(THOUGHTS).format(subject=asked.subject, query=query)
    steps = (Step(thought, Action("google_serper", query), Observation(asked.found)),)
    chosen = Side(" ".join(asked.chosen), 1.0, Trace(steps, _supported(asked, rng)))
    return Pair("longform", question, chosen, Side(made[0], -1.0, Trace(steps, made[1])), task="webgpt")


def _question(article: Article, rng: Random) -> tuple[str, str]:
    """A question and what to search for: the same query whenever the question is the same."""
    question, query = (one.format(title=article.subject) for one in rng.choice(article.wordings))
    if rng.random() < WONDERED and (said := _clause(article, rng)):
        question, query = (one.format(said=said) for one in rng.choice(WONDERING))
        question += rng.choice(CHATTER)
    if rng.random() < LOWER:
        question, query = question.lower().rstrip("?."), query.lower()
    return question, query


def _clause(article: Article, rng: Random) -> str:
    """What one of the first sentences says, to go on behind `why`; none where no short one does."""
    opening = [_CLAUSE.match(sentence) for sentence in article.said[:4] if not _POINTS_BACK.match(sentence)]
    found = [clause[0] for clause in opening if clause]
    return _SMALL_OPENING.sub(lambda small: str(small[0]).lower(), rng.choice(found) if found else "")


def _drawn(article: Article, rng: Random) -> Asked | None:
    """Some sentences of an article that begin at its first or, seldom, second one, if that names the subject, and what is found of it."""
    said = article.said
    start = int(rng.random() < 0.15 and len(said) > 1 and occurs(article.subject, said[1]))
    counts = range(LEAST_SENTENCES, min(MOST_SENTENCES, len(said) - start) + 1)
    fitting = [count for count in counts if SHORTEST <= len(" ".join(said[start : start + count])) <= LONGEST]
    if not fitting:
        return None
    end = start + rng.choice(fitting)
    within = rng.random() < OF_THE_ANSWER or end == len(said)
    result = _result(said[start:end] if within else said[end:], rng)
    return Asked(article.subject, said[start:end], result) if result else None


def _result(said: Sequence[str], rng: Random) -> tuple[str, ...]:
    """One to three sentences in a row; none where all are too long."""
    starts = [at for at, one in enumerate(said) if len(one) <= LONGEST_RESULT]
    if not starts:
        return ()
    at = rng.choice(starts)
    counts = (count for count in range(rng.randint(1, 3), 0, -1) if len(" ".join(said[at : at + count])) <= LONGEST_RESULT)
    return tuple(said[at : at + next(counts)])


def _too_little(asked: Asked, shelf: Shelf, rng: Random) -> tuple[str, str] | None:
    """The first sentences of the chosen answer."""
    whole = len(" ".join(asked.chosen))
    counts = [count for count in (1, 2, 3) if len(" ".join(asked.chosen[:count])) <= whole - LEFT_OUT]
    if not counts:
        return None
    kept = asked.chosen[: rng.choice(counts)]
    unsaid = [one for one in asked.result if one not in kept]
    if unsaid:
        return " ".join(kept), _filled(LEAVES_OUT, rng, asked, missing=_cut(rng.choice(unsaid)))
    return " ".join(kept), _filled(TOO_SHORT, rng, asked, claim=_cut(kept[-1]))


def _something_else(asked: Asked, shelf: Shelf, rng: Random) -> tuple[str, str] | None:
    """The beginning of another article, about as long."""
    other = _foreign(asked, shelf, rng, len(asked.chosen))
    if not other:
        return None
    return " ".join(other), _filled(FOREIGN, rng, asked, claim=_cut(other[0]), found=_cut(asked.result[0]))


def _exchanged(asked: Asked, shelf: Shelf, rng: Random) -> tuple[str, str] | None:
    """The chosen answer with two or three facts of other articles; what the search finds contradicts one, if it can."""
    answer = " ".join(asked.chosen)
    old = [(kind, fact) for kind, fact in dict.fromkeys(_facts(answer)) if kind in shelf.facts and not _of_the_subject(fact, asked)]
    rng.shuffle(old)
    old.sort(key=lambda one: not occurs(one[1], asked.found))
    new: dict[str, str] = {}
    for kind, fact in old[: rng.choice((2, 3))]:
        other = _another(shelf.facts[kind], fact, rng)
        if not occurs(other, answer) and not occurs(other, asked.found):
            new[fact] = other
    if len(new) < 2:
        return None
    changed = tuple(_with(one, new) for one in asked.chosen)
    return " ".join(changed), _of_the_exchange(asked, changed, new, rng)


def _of_the_exchange(asked: Asked, changed: Sequence[str], new: Mapping[str, str], rng: Random) -> str:
    """Of the first exchange that the results contradict, else of the first one."""
    for fact, other in new.items():
        for against in asked.result:
            if against in asked.chosen and occurs(fact, against):
                claim = changed[asked.chosen.index(against)]
                return _filled(OTHERWISE, rng, asked, claim=_cut(claim, other), found=_cut(against, fact))
    other = next(iter(new.values()))
    claim = next((one for one in changed if occurs(other, one)), changed[0])
    return _filled(UNHEARD, rng, asked, claim=_cut(claim, other), lacking=other)


def _wandering(asked: Asked, shelf: Shelf, rng: Random) -> tuple[str, str] | None:
    """Only the first sentence is about the subject, and yet it is longer than the chosen answer."""
    rest = _foreign(asked, shelf, rng, len(asked.chosen) + 1)
    answer = " ".join((asked.chosen[0], *rest))
    if len(answer) <= len(" ".join(asked.chosen)) or not rest:
        return None
    return answer, _filled(STRAYS, rng, asked, claim=_cut(rest[0]))


def _evasive(asked: Asked, shelf: Shelf, rng: Random) -> tuple[str, str]:
    return rng.choice(EVASIVE).format(subject=asked.subject), _filled(NOTHING_TOLD, rng, asked)


WORSE: Mapping[Worse, float] = {_too_little: 0.45, _something_else: 0.2, _exchanged: 0.2, _wandering: 0.1, _evasive: 0.05}
"""How a worse answer is made, and how often."""


def _foreign(asked: Asked, shelf: Shelf, rng: Random, count: int) -> tuple[str, ...]:
    """Sentences of the article that is nearest in length, of a few that do not speak of the subject."""
    others = [article.said[:count] for article in rng.sample(shelf.articles, min(_NEAREST_OF, len(shelf.articles)))]
    fitting = [said for said in others if said and not occurs(asked.subject, " ".join(said))]
    length = len(" ".join(asked.chosen))
    return min(fitting, key=lambda said: abs(len(" ".join(said)) - length), default=())


def _another(pool: Sequence[str], fact: str, rng: Random) -> str:
    """A fact of the same kind; of a few years, the nearest, since a year of another age is no temptation."""
    drawn = [one for one in (rng.choice(pool) for _ in range(_NEAREST_OF)) if one != fact]
    if all(len(one) == 4 and one.isdigit() for one in (fact, *drawn)):
        drawn.sort(key=lambda one: abs(int(one) - int(fact)))
    return drawn[0] if drawn else fact


def _with(text: str, new: Mapping[str, str]) -> str:
    """All in one pass, so that what was put in is not exchanged again."""
    ways = "|".join(re.escape(fact) for fact in sorted(new, key=len, reverse=True))
    return re.sub(rf"(?<!\w)(?:{ways})(?!\w)", lambda found: new[found[0]], text)


def _of_the_subject(fact: str, asked: Asked) -> bool:
    return not set(_WORD.findall(fact.lower())).isdisjoint(_WORD.findall(asked.subject.lower()))


def _supported(asked: Asked, rng: Random) -> str:
    held = next((one for one in asked.result if one in asked.chosen), None)
    if held is None:
        return _filled(UNCONTRADICTED, rng, asked, claim=_cut(asked.chosen[0]), found=_cut(asked.result[0]))
    return _filled(SUPPORTED, rng, asked, found=_cut(held))


def _filled(wordings: Sequence[str], rng: Random, asked: Asked, **parts: str) -> str:
    return rng.choice(wordings).format(subject=asked.subject, **parts)


def _cut(sentence: str, around: str = "") -> str:
    """A sentence as it stands; of a long one, the beginning, or the part around some of its words."""
    tokens = sentence.split()
    there = place(around, sentence)
    at = len(sentence[: there[0]].split()) if there else 0
    start = max(0, min(at - QUOTED // 2, len(tokens) - QUOTED))
    kept = " ".join(tokens[start : start + QUOTED]).strip(" .,;")
    return f"{'... ' if start else ''}{kept}{' ...' if start + QUOTED < len(tokens) else ''}"
