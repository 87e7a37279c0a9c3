"""Claims: the values that an answer states, as people write them, and what it does with them.

An answer may state one value, deny one, offer several ("Thursday, or a Tuesday"), or state none ("I don't know").
Only the first can be right. Knows nothing of tasks: a caller finds the values that are of its kind.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from themis.builder.draft import Evidence, View
from themis.builder.text.written_dates import dates_in
from themis.tools.dates import WEEK_DAYS

WHOLE_NUMBER = re.compile(r"(?<![\w.,-])(?:\d{1,3}(?:,\d{3})+|\d+)(?![\w-]|[.,]\d)", re.ASCII)
_FULL_NAME = re.compile(rf"\b(?:{'|'.join(WEEK_DAYS)})\b", re.IGNORECASE)
_SHORT_NAME = re.compile(r"\b(?:Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun|MON|TUES?|WED|THU(?:RS?)?|FRI|SAT|SUN)\b|^\W*(?:tue|thu)\W*$")
_NO_DAY = re.compile(r"\b[A-Z][a-z]{2,8}day\b")
"""Also a weekday that does not exist, such as `Wendesday`."""
_DENIED = re.compile(
    r"(?:\b(?:not|never|neither|nor|no|cannot|isn['’]t|wasn['’]t|doesn['’]t|can['’]t|anything but|other than|except(?: for)?|rather than|"
    r"instead of)\b)(?:[\s*]+(?:a|an|the|on|is|it|its|be|to|have|fall|falls|fell|that|day|date|equal|make|exactly)\b)*[\s*'\"(]*$",
    re.IGNORECASE,
)
_OFFERED = re.compile(
    r"[\s,;/*]*(?:(?:or|and|if not|maybe|perhaps|possibly|probably|even|a|an|the|it|on|could|may|might|be|also|rather|else|days?|"
    r"but|as|well|as well|otherwise|alternatively|then)\b[\s,;/*]*)*",
    re.IGNORECASE,
)
_REFUSAL = re.compile(
    r"\b(?:(?:don['’]t|do not|cannot|can['’]t|can not|not able to|unable to|couldn['’]t) (?:really )?"
    r"(?:know|say|tell|answer|help|be sure|be known)|it depends|no idea|not sure|hard to say|who knows|n/a|ask somebody)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A value in a text."""

    value: str
    """As a tool writes it: `Tuesday`, `2015-03-24`, `7457`."""
    text: str
    """As the answer has it: `tue`, `24 March 2015`, `7,457`."""
    start: int
    end: int


FREE = {"wording": "free"}
"""A fact of drafts in many people's words: of their answers, the label may settle what the text leaves open."""


def is_free(view: View) -> bool:
    """Whether an answer is in free words, by its draft's facts."""
    return view.facts.items() >= FREE.items()


def label_of(view: View) -> bool | None:
    """The label of an answer in free words; of others None, so that builds and older streams stay as they are."""
    return view.label if is_free(view) else None


def week_days(text: str) -> list[Claim]:
    """The weekdays that a text names, in any case, and by their short names."""
    found = {match.span(): match[0] for pattern in (_FULL_NAME, _SHORT_NAME, _NO_DAY) for match in pattern.finditer(text)}
    named = ((start, end, written.strip(" .!*")) for (start, end), written in sorted(found.items()))
    return [Claim(_week_day(written), written, start, end) for start, end, written in named]


def dates(text: str) -> list[Claim]:
    """The dates in a text, in any form that the calendar reads."""
    return [Claim(day.isoformat(), text[start:end], start, end) for start, end, day in dates_in(text)]


def whole_numbers(text: str) -> list[Claim]:
    """The whole numbers in a text, those of dates left out."""
    bare = list(text)
    for start, end, _ in dates_in(text):
        bare[start:end] = " " * (end - start)
    matches = WHOLE_NUMBER.finditer("".join(bare))
    return [Claim(match[0].replace(",", ""), match[0], *match.span()) for match in matches]


def compared(answer: str, claims: Sequence[Claim], found: str, label: bool | None = None) -> Evidence:
    """The stance of an answer: it agrees if it states one value, and that is the one found.

    Where it states several in different sentences, of which one is the one found, only the `label` can tell; without
    one, nothing is settled.
    """
    stated: dict[str, Claim] = {}
    for claim in claims:
        if not _DENIED.search(answer[: claim.start]):
            stated.setdefault(claim.value, claim)
    if not found:
        return Evidence("unsettled")
    if not stated:
        return _nothing_stated(answer, claims, found)
    several, first = list(stated.values()), next(iter(stated.values()))
    if len(several) == 1:
        return Evidence("agrees" if first.value == found else "disagrees", first.text, found)
    if all(_OFFERED.fullmatch(answer, one.end, other.start) for one, other in pairwise(several)):
        return Evidence("disagrees", answer[first.start : several[-1].end], found)
    if found not in stated:
        return Evidence("disagrees", " and ".join(claim.text for claim in several[:3]), found)
    if label is None:
        return Evidence("unsettled", " and ".join(claim.text for claim in several[:3]), found)
    claim = stated[found] if label else next(claim for claim in several if claim.value != found)
    return Evidence("agrees" if label else "disagrees", claim.text, found)


def _nothing_stated(answer: str, claims: Sequence[Claim], found: str) -> Evidence:
    denied = next((claim for claim in claims if claim.value == found), None)
    if denied is not None:
        opening = _DENIED.search(answer[: denied.start])
        return Evidence("disagrees", answer[opening.start() if opening else denied.start : denied.end], found)
    if not claims and _REFUSAL.search(answer):
        return Evidence("disagrees", answer, found)
    return Evidence("unsettled", found=found)


def _week_day(written: str) -> str:
    """The name as the calendar writes it; any other name stays."""
    return next((day for day in WEEK_DAYS if len(written) < 6 and day.lower().startswith(written.lower())), None) or next(
        (day for day in WEEK_DAYS if day.lower() == written.lower()), written
    )
