"""Facts from the first paragraph of an encyclopaedia's article, read by patterns: who was born when, what lies where.

Precision before recall: a pattern checks the words on both sides of what it takes. Knows nothing of questions.
"""

# ruff: noqa: E501 - a pattern on one line can be read from its first word to its last

import re
from collections.abc import Iterator
from dataclasses import dataclass

from themis.builder.text.phrases import phrases
from themis.tools.dates import MONTHS

_MONTHS = "|".join(MONTHS)
_DATE = rf"(?:\d{{1,2}} (?:{_MONTHS}) \d{{4}}|(?:{_MONTHS}) \d{{1,2}}, \d{{4}})"
_WHEN = rf"(?:{_DATE}|(?:{_MONTHS}) \d{{4}}|\d{{4}})"
_YEAR = r"(?:1[0-9]\d\d|20[01]\d)"
_UPPER = r"[A-ZÀ-ÖØ-ÞĀ-ŽȘȚ][^\W\d_]*(?:['’.-][^\W\d_]+)*"
_NAME = rf"(?:(?:[A-Z]\.)+|{_UPPER})(?: (?:(?:[A-Z]\.)+|{_UPPER}|de|van|der|von|la|del|da|di|bin|al)){{1,3}}"
_PLACE = rf"(?:{_UPPER})(?:(?: |-)(?:{_UPPER}|de|la|del|do|da|sur|am|upon|of|el|les|le|di)){{0,3}}"
_END = r"(?=[.;](?: |$)|, [a-z0-9]"
"""The end of a single name: no other name follows after a comma. The pattern closes the bracket."""
_PLACES = rf"{_PLACE}(?:, {_PLACE}){{0,2}}"
_TITLED = r"[A-Z0-9][\w'’.!&-]*(?: (?:[A-Z0-9&][\w'’.!-]*|and|the|of the|de|la)){0,4}"
_WORDS = phrases(__package__, "words.yaml")
NATIONS = (*_WORDS["two_word_nations"], *_WORDS["nations"])
_NATION = "|".join(NATIONS)
_COUNTRY = "|".join(_WORDS["countries"])
_OCCUPATION_END = r"(?:er|or|ist|ian|man|woman|player|coach|poet|judge|monk|nun|chef|pilot|athlete|soprano|tenor|actress|critic|physicist|jurist|priest|bishop)"
_SITE = "|".join(_WORDS["sites"])
_POSITION = "|".join(_WORDS["positions"])
_ARTIST = r"(?:[a-z&/-]+ )*(?:band|group|singer|rapper|musician|artist|guitarist|pianist|saxophonist|drummer|duo|trio|quartet|songwriter|singer-songwriter|composer|DJ|producer)"
_WRITER = r"(?:[a-z-]+ )*(?:author|writer|novelist|poet|playwright|journalist|historian)"


@dataclass(frozen=True, slots=True)
class Saying:
    """One fact that a paragraph states about the subject of its article."""

    relation: str
    answer: str
    what: str = ""
    """The kind of subject in a word or two, such as `film`."""


_PATTERNS: tuple[tuple[str, str], ...] = (
    ("birthplace", rf"^[^.(]{{3,80}}\([^()]*?\bborn (?:on )?{_DATE}(?:,| in|, in) (?P<answer>{_PLACES})\)"),
    ("birthplace", rf"^[^.(]{{3,80}}\((?:born )?{_DATE}(?:,| in|, in) (?P<answer>{_PLACES}) ?[–-] ?{_DATE}"),
    ("birthplace", rf"\b(?:He|She) was born (?:on {_DATE} )?in (?P<answer>{_PLACES})(?:\.|,? on | in \d{{4}}| and | to )"),
    ("death place", rf"^[^.(]{{3,80}}\([^()]*?{_YEAR}[^()]* ?[–-] ?{_DATE}(?:,| in|, in) (?P<answer>{_PLACES})\)"),
    ("occupation", rf" (?:is|was) an? (?:{_NATION}) (?P<answer>(?:[a-z-]+ ){{0,3}}[a-z-]*{_OCCUPATION_END})(?= who| from|\.|,| and | for | at | in | known| best)"),
    ("nationality", rf"^[^.]{{0,160}}? (?:is|was) an? (?P<answer>{_NATION}) (?=[a-z])"),
    ("position", rf"\b(?:who|He|She) (?:currently )?(?:plays|played) (?:[^.]{{0,60}}? )?as an? (?:[a-z]+ )?(?P<answer>{_POSITION})\b(?! (?:and|or)\b)"),
    ("club", rf"\bwho (?:currently )?plays for (?:the )?(?P<answer>(?:[A-Z]{{2,4}} )?{_UPPER}(?: (?:{_UPPER}|[A-Z]{{2,3}}|de|la)){{0,2}})(?= as | in |\.(?: |$)|, )"),
    ("county", rf" is an? [^.,]{{0,40}}?\b(?:{_SITE})\b[^.,]{{0,40}}? in (?:[^.]{{0,60}}?\b(?:in|of) )?(?:{_UPPER} Township, )?(?P<answer>{_UPPER}(?: {_UPPER}){{0,2}} County)\b"),
    ("state", rf" is an? [^.]{{0,40}}?\b(?:{_SITE})\b[^.]{{0,100}}? in the (?:U\.S\.|Indian|Australian|Brazilian|Mexican|German) state of (?P<answer>{_PLACE})(?=[.,]| and)"),
    ("country", rf" is an? [^.()]{{0,40}}?\b(?:{_SITE})\b[^.()]{{0,120}}?(?:, | in (?:the )?)(?P<answer>{_COUNTRY})(?=\.| and |, (?:located|situated|near))"),
    ("district", rf" is an? [^.,]{{0,40}}?\b(?:{_SITE})\b[^.,]{{0,40}}? in (?:the )?(?P<answer>{_UPPER}(?: {_UPPER}){{0,2}} (?:[Dd]istrict|[Pp]rovince|[Rr]egion|Voivodeship|Department|Prefecture|[Mm]unicipality|Governorate))\b"),
    ("tributary", rf" is a (?:[a-z-]+ )?tributary of (?:the )?(?P<answer>(?:St\. )?{_UPPER}(?: {_UPPER}){{0,3}})(?=[.,]| in )"),
    ("family", r" (?:in|belonging to|of) the (?:[a-z]+ )?family (?P<answer>[A-Z][a-z]+(?:idae|aceae|inae))\b"),
    ("describer", rf"\bdescribed by (?:[a-z]+ )*(?P<answer>{_NAME}),? in {_YEAR}"),
    ("described", rf"\bdescribed (?:by [^.]{{3,60}}? )?in (?P<answer>{_YEAR})\b"),
    ("director", rf" is an? [^.]{{0,90}}?\b(?P<what>film|movie|documentary)\b(?! (?:camera|theat|studio|festival|company|director|actor|actress))[^.]{{0,60}}? directed by (?:{_NATION})? ?(?:[a-z]+ )*(?P<answer>{_NAME}){_END}| (?:and (?:starring|written|produced)|starring|based|from|about|with|in|for|which|that) )"),
    ("film year", rf" is an? (?P<answer>{_YEAR}) [^.]{{0,60}}?\b(?P<what>film|movie|documentary)\b(?! (?:camera|theat|studio|festival|company|director|actor|actress))"),
    ("performer", rf" is (?:an?|the) [^.]{{0,70}}?\b(?P<what>album|EP|single|song)\b (?:recorded )?by (?:the )?(?:(?:{_NATION}) )?(?:{_ARTIST} )?(?P<answer>{_TITLED}){_END}| released| from| featuring| that| and was)"),
    ("released", rf" is (?:an?|the) [^.]{{0,80}}?\b(?P<what>album|EP|single|song|video game|game|film|movie|mixtape|soundtrack)\b(?! (?:camera|theat|studio|festival|company))(?:[^.]{{0,120}}?,|[^.]{{0,120}}\. It was) released (?:[a-z]+ )?(?:on|in) (?P<answer>{_WHEN})\b"),
    ("author", rf" is an? [^.]{{0,60}}?\b(?P<what>novel|book|play|novella|short story|poem|memoir)\b (?:written )?by (?:the )?(?:(?:{_NATION}) )?(?:{_WRITER} )?(?P<answer>{_NAME}){_END}| published| first| and (?:was|first|published)| about| set| in )"),
    ("published", rf" is an? [^.]{{0,80}}?\b(?P<what>novel|book|play|novella|short story|poem|memoir)\b(?:[^.]{{0,100}}?,?|[^.]{{0,100}}\. It was) (?:first )?published in (?P<answer>{_YEAR})\b"),
    ("founded", rf"(?:\b(?:It|[Cc]ompany|[Bb]and|[Cc]lub|[Oo]rgani[sz]ation|[Jj]ournal|[Ss]chool|which|that|and) was|, (?:originally |first )?)(?: |\b)(?:founded|established|formed) (?:[a-z ]{{0,20}})?in (?P<answer>(?:(?:{_MONTHS}) )?{_YEAR})\b"),
    ("founder", rf"\bfounded (?:in {_YEAR} )?by (?:[a-z]+ )*(?P<answer>{_NAME})(?=\.(?: |$)| in {_YEAR}| on )"),
    ("headquarters", rf"\b(?:headquartered|based) in (?P<answer>{_PLACES})(?=\.(?: |$)| and |, (?:and|which|that|with))"),
    ("built", rf"\b(?:was|and) (?:built|constructed|completed|erected) in (?P<answer>{_YEAR})\b"),
    ("opened", rf"\b(?:It|it|and|which|that|was|station|museum|bridge|school) (?:was )?(?:officially )?opened (?:on|in) (?P<answer>{_WHEN})\b"),
    ("listed", rf"\bNational Register of Historic Places (?:in|on) (?P<answer>{_WHEN})\b"),
    ("location", rf" is (?:an?|the) [^.()]{{0,40}}?\b(?:{_SITE})\b[^.()]{{0,40}}? (?:located|situated) in (?P<answer>{_PLACES})(?=\.(?: |$)| and |, (?:and|which|that|near))"),
    ("population", r"\bpopulation (?:was|of) (?P<answer>\d{1,3}(?:,\d{3})+|\d{3})\b"),
    ("post office", rf"\bpost office (?:called|named) [^.]{{2,40}} was established in (?P<answer>{_YEAR})\b"),
    ("post office end", rf"\bpost office (?:called|named) [^.]{{2,40}} was established in {_YEAR}, and remained in operation until (?P<answer>{_YEAR})\b"),
    ("held", rf"\b(?:was held|took place) (?:on )(?P<answer>{_DATE})\b"),
    ("winner", rf"\bwas won by (?:the )?(?P<answer>{_NAME})(?=\.(?: |$)|, | for | in )"),
    ("publisher", rf"\bpublished (?:[a-z-]+ )?by (?:the )?(?P<answer>{_TITLED})(?=\.(?: |$)|, )"),
    ("developer", rf" is an? [^.]{{0,60}}?\b(?P<what>video game|game|shooter)\b[^.]{{0,60}}? developed by (?P<answer>{_TITLED})(?= and|[,.] )"),
)  # fmt: skip
_COMPILED = tuple((relation, re.compile(pattern)) for relation, pattern in _PATTERNS)
_BIRTH_DATE = re.compile(rf"^[^.(]{{3,80}}\((?:[^()]*?\bborn (?:[^()\d]*? )?(?:on )?)?(?P<answer>{_DATE})(?=\)|,| in| ?[–-])")
_DEATH_DATE = re.compile(rf"^[^.(]{{3,80}}\([^()]*?{_YEAR}[^()–-]* ?[–-] ?(?P<answer>{_DATE})(?=\)|,| in)")
_YEARS = re.compile(rf"^[^.(]{{3,80}}\((?P<born>{_YEAR}) ?[–-] ?(?P<died>{_YEAR})\)")
_FILLERS = re.compile(
    r"^(?:(?:former|retired|professional|prominent|noted|female|male|amateur|contemporary|late|famous|leading|well-known|young|active) )+"
)
_A_PERSON = re.compile(
    rf"\d births\b|Living people|\bborn\b[^.]{{0,40}}\d{{4}}|^[^.]{{0,160}} (?:is|was) an? (?:{_NATION}) (?:[a-z-]+ ){{0,3}}[a-z-]*{_OCCUPATION_END}\b"
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
    if years and re.search(rf"\) was an? (?:{_NATION})\b", paragraph[:160]):
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
