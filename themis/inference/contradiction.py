"""Whether a rationale contradicts itself or what was observed.

It reads the sentences of `themis.traces/rationales.yaml`, which models are trained to write, and also mixtures such as
`it says 18, but the tool says 12. They agree.` Of other sentences it reads weekdays and dates alone. A rationale
contradicts if

- it says that equal values differ, or that different values agree;
- it says both that the answer is right and that it is wrong;
- the last verdict of the calculator or of the tests is the opposite one;
- it quotes as found what no observation and no context has, or as claimed what the answer does not have;
- it names a weekday or a date, in English or as `2015-03-24`, that the case and the calls do not have.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import zip_longest

from themis.inference.evidence import numbers_in
from themis.phrases import phrases
from themis.tools.dates import WEEK_DAYS
from themis.tools.findings import same_value, verdict_of
from themis.tools.numbers import plain
from themis.traces import Case, Step

_OPPOSITES = {
    "agrees": "disagrees",
    "supported": "not_supported",
    "bears_out": "does_not_bear_out",
    "sound": "faulty",
    "code_passes": "code_fails",
}
"""The sentences of the one list and of the other, in the same order, say the opposite."""
_EITHER_WAY = ("open", "nothing_came_back")
_SLOT = re.compile(r"\{(\w+)\}")
_HEAD = re.compile(r"[^:.]+[:.] ")
_SLOTS = {"tool": r"\S+", "claim": "(?P<claim>.*?)", "found": "(?P<found>.*?)", "judged": ".*"}
_CUT = re.compile(r"^\.\.\. | ?\.\.\.$")
_WEEK_DAY = re.compile(rf"\b(?:{'|'.join(WEEK_DAYS)})\b".lower())
_DATE = re.compile(r"\b\d{4}-\d\d-\d\d\b", re.ASCII)
_GROUPS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_EDGES = " .,;:'\"“”"


def contradicts(rationale: str, case: Case, steps: Sequence[Step]) -> bool:
    """Does every reading of the rationale contradict itself, or what was observed?"""
    if _names_another_day(rationale, case, steps):
        return True
    text = " ".join(rationale.split())
    readings = [(match, name == "agrees") for name, pattern in _patterns() if (match := pattern.fullmatch(text))]
    return bool(readings) and all(_is_contradiction(match.groupdict(), case, steps, equal) for match, equal in readings)


def _is_contradiction(reading: dict[str, str | None], case: Case, steps: Sequence[Step], says_equal: bool) -> bool:
    says_right, says_wrong = (any(reading[name] is not None for name in reading if name.startswith(side)) for side in ("right", "wrong"))
    claim, found = reading.get("claim"), reading.get("found")
    observations = [step.observation for step in steps if step.observation is not None]
    if claim is not None and not _stands_in(claim, [case.answer]):
        return True
    if found is not None and not _stands_in(found, [*(one.text for one in observations), case.context or ""]):
        return True
    if says_right == says_wrong:
        return says_right
    verdict = verdict_of(observations[-1]) if observations else None
    if verdict is not None and verdict != says_right:
        return True
    if claim is None or found is None:
        return False
    same = _same(claim, found)
    return same is False or (same is None and says_equal and _share_nothing(claim, found)) if says_right else same is True


def _names_another_day(rationale: str, case: Case, steps: Sequence[Step]) -> bool:
    """Weekdays are read only where the answer has one in English: else the claim may be translated."""
    calls = [text for step in steps if step.action and step.observation for text in (step.action.argument, step.observation.text)]
    there = plain("\n".join([case.question_text, case.answer, case.context or "", *calls])).casefold().replace("wendes", "wednes")
    week_days = _WEEK_DAY.findall(rationale.casefold()) if _WEEK_DAY.search(case.answer.casefold()) else []
    known = numbers_in(there)
    dates = [{str(int(part)) for part in day.split("-")} for day in _DATE.findall(rationale)]
    return any(day not in there for day in week_days) or any(not parts <= known for parts in dates)


def _same(claim: str, found: str) -> bool | None:
    """None where neither is sure."""
    claim, found = (plain(text).strip(_EDGES) for text in (claim, found))
    if found in WEEK_DAYS and len(claim) >= 3 and found.casefold().startswith(claim.casefold()):
        return True  # `Wed`, `Thurs`
    return True if claim.casefold() == found.casefold() else same_value(claim, found)


def _share_nothing(claim: str, found: str) -> bool:
    """Two names without a common word, such as `Sunny` and `Heavy rain`. Measures may be equal in other units."""
    return not re.search(r"\d", claim + found) and set(_folded(claim).split()).isdisjoint(_folded(found).split())


def _stands_in(quoted: str, texts: Sequence[str]) -> bool:
    wanted = re.escape(_folded(_CUT.sub("", quoted)))
    whole = re.compile(rf"(?<!\d){wanted}(?!\d|\.\d)" if wanted[:1].isdigit() else wanted)
    return any(whole.search(_folded(text)) for text in texts)


def _folded(text: str) -> str:
    bare = _GROUPS.sub("", plain(text))  # 7,565 and 7565 are one number
    return " ".join(bare.casefold().split()).strip(_EDGES)


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Each with the name of its list."""
    lists = phrases("themis.traces", "rationales.yaml")
    pairs = [(name, *pair) for name, wrong in _OPPOSITES.items() for pair in _paired(lists[name], lists[wrong])]
    neither = [(name, text, text) for name in _EITHER_WAY for text in lists[name]]
    return tuple((name, re.compile(_pattern(right, wrong))) for name, right, wrong in [*pairs, *neither])


def _paired(right: Sequence[str], wrong: Sequence[str]) -> Iterator[tuple[str, str]]:
    """A sentence beside its opposite where both have the same slots; else alone, beside an empty one."""
    for one, other in zip_longest(right, wrong, fillvalue=""):
        if _SLOT.findall(one) == _SLOT.findall(other):
            yield one, other
        else:
            yield from ((one, ""), ("", other))


def _pattern(right: str, wrong: str) -> str:
    """Matches the sentence, its opposite and mixtures. The groups `right...` and `wrong...` are the parts of either.

    Its opening (`The answer is right: `) may be missing.
    """
    texts = {side: _parts(text) for side, text in (("right", right), ("wrong", wrong)) if text}
    first, *_ = texts.values()
    return "".join(_SLOTS[part[1:-1]] if _SLOT.fullmatch(part) else _either(texts, at) for at, part in enumerate(first))


def _parts(text: str) -> list[str]:
    """The opening, which may be empty, and then the slots and what is between them."""
    start = _SLOT.split(text)[0]
    head = _HEAD.match(start)
    at = head.end() if head and head.end() < len(start) else 0
    return [text[:at], *re.split(r"(\{\w+\})", text[at:])]


def _either(texts: Mapping[str, Sequence[str]], at: int) -> str:
    pieces = {side: parts[at] for side, parts in texts.items()}
    escaped = [re.escape(piece) for piece in dict.fromkeys(pieces.values())]
    if len({piece.replace(" but ", " and ") for piece in pieces.values()}) < len(texts):
        return f"(?:{'|'.join(escaped)})"
    groups = "|".join(f"(?P<{side}{at}>{re.escape(piece)})" for side, piece in pieces.items())
    return f"(?:{groups})" + ("?" if at == 0 else "")
