"""Facts from the first paragraph of an encyclopaedia's article, read by patterns (`first_facts.yaml`).

Precision before recall: a pattern checks the words on both sides of what it takes. Knows nothing of questions.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from themis.phrases import filled, phrases
from themis.tools.dates import MONTHS

_WORDS = phrases(__package__, "words.yaml")
NATIONS = _WORDS["NATION"]
_PARTS = {"MONTHS": "|".join(MONTHS)}
for _name, _alternatives in _WORDS.items():
    _PARTS[_name] = filled("|".join(_alternatives), _PARTS)


def _pattern(template: str) -> re.Pattern[str]:
    """The pattern, with its parts in place of their names."""
    return re.compile(filled(template, _PARTS))


@dataclass(frozen=True, slots=True)
class Saying:
    """One fact that a paragraph states about the subject of its article."""

    relation: str
    answer: str
    what: str = ""
    """The kind of subject in a word or two, such as `film`."""


_COMPILED = tuple((relation, _pattern(each)) for relation, some in phrases(__package__, "first_facts.yaml").items() for each in some)
_BIRTH_DATE = _pattern(r"^[^.(]{3,80}\((?:[^()]*?\bborn (?:[^()\d]*? )?(?:on )?)?(?P<answer>{DATE})(?=\)|,| in| ?[–-])")
_DEATH_DATE = _pattern(r"^[^.(]{3,80}\([^()]*?{YEAR}[^()–-]* ?[–-] ?(?P<answer>{DATE})(?=\)|,| in)")
_YEARS = _pattern(r"^[^.(]{3,80}\((?P<born>{YEAR}) ?[–-] ?(?P<died>{YEAR})\)")
_FILLERS = re.compile(
    r"^(?:(?:former|retired|professional|prominent|noted|female|male|amateur|contemporary|late|famous|leading|well-known|young|active) )+"
)
_A_PERSON = _pattern(
    r"\d births\b|Living people|\bborn\b[^.]{0,40}\d{4}|^[^.]{0,160} (?:is|was) an? (?:{NATION}) (?:[a-z-]+ ){0,3}[a-z-]*{OCCUPATION_END}\b"
)
_PEOPLE = ("birthplace", "death place", "occupation", "nationality", "position", "club")
_OF_SITES = ("founded", "founder", "headquarters", "built", "opened", "location", "population", "country", "county", "district", "state")
_NO_SITE = re.compile(r"\b(?:He|She|Him) |^[^.]{0,120}\b(?:film|album|song|novel|book|documentary|episode|single|EP)\b")
"""Paragraphs about people and works, in which the words of places and companies are about something else."""
_NO_ANSWERS = frozenset(("The", "This", "It", "He", "She", "Its", "In", "A"))


def sayings(text: str) -> Iterator[Saying]:
    """The facts of an article's first paragraph: the first match of each relation."""
    paragraph = first_paragraph(text)
    if paragraph is None:
        return
    life = tuple(_life(paragraph))
    yield from life
    person = bool(life) or bool(_A_PERSON.search(text))
    site = not _NO_SITE.search(paragraph)
    seen = set()
    for relation, pattern in _COMPILED:
        if relation in seen or (relation in _PEOPLE) != person or (relation in _OF_SITES and not site):
            continue
        if (match := pattern.search(paragraph)) and (answer := _cleaned(relation, match["answer"])):
            seen.add(relation)
            yield Saying(relation, answer, match.groupdict().get("what") or "")


def first_paragraph(text: str) -> str | None:
    """The first paragraph on one line, without italics; None if the article starts with a table or a picture."""
    paragraph = " ".join(text.split("\n\n")[0].replace("_", "").split())
    return paragraph if len(paragraph) > 40 and "}}" not in paragraph[:60] and ".jpg" not in paragraph[:200] else None


def _life(paragraph: str) -> Iterator[Saying]:
    """When a person was born and died."""
    if not re.search(r" (?:is|was) (?:an?|the) ", paragraph[:220]):
        return
    born, died, years = (pattern.search(paragraph) for pattern in (_BIRTH_DATE, _DEATH_DATE, _YEARS))
    if born:
        yield Saying("born", born["answer"])
    if died:
        yield Saying("died", died["answer"])
    if years and re.search(rf"\) was an? (?:{_PARTS['NATION']})\b", paragraph[:160]):
        yield Saying("born", years["born"])
        yield Saying("died", years["died"])


def _cleaned(relation: str, answer: str) -> str | None:
    """The answer without fillers and stray marks; None if it cannot be an answer."""
    answer = answer.strip(" ,;–-")
    if not re.search(r"\b(?:[A-Z]|Jr|Sr|St|Inc|Ltd|Co)\.$", answer):
        answer = answer.rstrip(".")
    if relation == "occupation":
        answer = _FILLERS.sub("", answer.split(" and ")[0])
    first = answer.split(" ")[0] if answer else ""
    if not answer or first in _NO_ANSWERS or re.search(r"(?:^|[ .])(?:[A-Z]|St|and|of|the|in|de|[A-Z]\.)$", answer):
        return None
    nation = relation not in ("nationality", "club", "country", "location") and first in NATIONS
    return None if nation else answer
