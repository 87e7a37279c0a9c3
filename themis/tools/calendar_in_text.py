"""What a running text gives a calendar tool, and what it claims: `14 July 1998 was a Friday`.

The claim is checked against the calendar itself, in the words `Friday is wrong: 1998-07-14 is a Tuesday`.
A text of another form than those here is not read, so that no half of a sentence is taken for the whole.

Knows nothing of how dates are found in a text (`dates_in_text`).
"""

import re
from datetime import date

from themis.tools.base import InText
from themis.tools.dates import WEEK_DAYS
from themis.tools.dates_in_text import AMOUNT, DATE, WEEKDAY, Reading, reading

_VERBS = (
    r"is|was|are|were|be|will be|would be|fell|falls|lands|landed|gives|makes|equals|comes to|must be|must have been|lies|came|comes"
    r"|ist|war|wäre|fällt|fiel|es|era|fue|será|cayó|cae|est|était|etait|fut|sera|tombe|tombait|foi|è|fu"
)
_SMALL_WORDS = r"on|exactly|the|an?|of|that|auf|ein|einen|der|den|dem|am|un|une|le|el|en|em|uma?|numa?"
_IS = (
    rf"(?:\s*(?:=|:|→|->|，|、)\s*|,?\s(?:which |that )?(?:{_VERBS})(?:\s(?:{_SMALL_WORDS}))*\s|,?\s(?:so|hence|thus)\s"
    r"|\s?(?:是|は|은|는)\s?)"
)
_END = r"[\s.!?。)\"'”»]*$"
_WITH_ITS_WEEKDAY = rf"{WEEKDAY}[\s,(]*(?:(?:{_SMALL_WORDS}|de|del|da)[\s,]+)*{DATE}|{DATE}[\s,(]*(?:(?:an?|ein|un) )?{WEEKDAY}\)?"
_WEEKDAY_OF_DAY = re.compile(
    rf"{_WITH_ITS_WEEKDAY}|{DATE}[)\"'*”]*{_IS}{WEEKDAY}|\b(?:{_VERBS}) {DATE} (?:(?:{_SMALL_WORDS}) )*{WEEKDAY}", re.IGNORECASE
)
_OF_ANOTHER_DAY = re.compile(
    r"\b(?:after|before|later|earlier|ago|since|until|till|prior|following|yesterday|tomorrow|nach|vor|vorher|danach|später"
    r"|früher|seit|bis|después|antes|desde"
    r"|hasta|hace|après|avant|depuis|lendemain|veille|depois|dopo|prima|víspera)\b|前|后|後|전|후|뒤|まで|から",
    re.IGNORECASE,
)
_DAY_AFTER = re.compile(
    r"(?<!how many )(?<!number of )\b(?:days?|weeks?|months?|years?|tag|tage|woche|día|semana|jour|semaine|morning"
    r"|evening) (?:after|before|nach|vor"
    r"|después|antes|après|avant)\b|\b(?:lendemain|veille|víspera)\b",
    re.IGNORECASE,
)
_LATER = r"after|later|past|plus|add|added|adding|following|nach|danach|später|después|más tarde|après|depois|dopo"
_EARLIER = r"before|earlier|ago|back|prior|preceding|minus|subtract\w*|vor|vorher|früher|zuvor|antes|avant|plus tôt|hace|prima"
_PLUS = re.compile(rf"\b(?:{_LATER})\b|后|後|후|뒤", re.IGNORECASE)
_MINUS = re.compile(rf"\b(?:{_EARLIER})\b|前|전", re.IGNORECASE)
_FROM = re.compile(rf"{AMOUNT} from (?:the )?(?:{WEEKDAY},? )?{DATE}", re.IGNORECASE)
_BARE = re.compile(rf"\W*(?:{DATE}[\s,;]*{AMOUNT}|{AMOUNT}[\s,;]*{DATE}){_END}")
_IS_AMOUNT_FROM = re.compile(
    rf"{_IS}{AMOUNT} (?P<way>{_LATER}|{_EARLIER}|later than|earlier than|prior to)\s(?:the )?(?:{WEEKDAY},? )?(?:the )?", re.IGNORECASE
)
_AMOUNT_IS = re.compile(rf"[^.;!?=:]{{0,25}}{AMOUNT}[^.;!?=:]{{0,25}}?{_IS}(?:{WEEKDAY},? (?:the )?)?", re.IGNORECASE)
_IS_DAY = re.compile(rf"{_IS}(?:{WEEKDAY},? (?:the )?)?", re.IGNORECASE)
_IS_WEEKDAY = re.compile(rf"{_IS}{WEEKDAY}{_END}", re.IGNORECASE)
_AMOUNT_BETWEEN = re.compile(
    rf"{AMOUNT}(?! (?:{_LATER}|{_EARLIER})\b)[^.;!?]{{0,40}}\b(?:between|from|zwischen|von|vom|entre|de|del"
    rf"|du)\b[^.;!?]*{DATE}[^.;!?]*{DATE}",
    re.IGNORECASE,
)
_DAYS_THEN_AMOUNT = re.compile(
    rf"{DATE}[^.;!?]*{DATE}(?:{_IS}|,? (?:there|it|that|this)(?:'s| (?:{_VERBS}))(?: (?:exactly|a total of))? "
    rf"|,? (?:lie|liegen|hay|il y a|sind es|are|is) ){AMOUNT}(?: (?:apart|in total|altogether|long|difference|passed))?{_END}",
    re.IGNORECASE,
)


def week_day_in(text: str) -> InText | None:
    """The one day of a text, and whether it claims the right weekday of it."""
    found = reading(text)
    if found is None or len(set(found.days)) != 1 or found.amounts or _OF_ANOTHER_DAY.search(found.shape):
        return None
    day = found.days[0]
    if not found.weekdays:
        return InText({"day": day})
    if len(set(found.weekdays)) > 1 or not _WEEKDAY_OF_DAY.search(found.shape):
        return None
    return _checked({"day": day}, _weekday_verdict(found.weekdays[0], day))


def day_difference_in(text: str) -> InText | None:
    """The two days of a text, and whether it claims the right number of days between them."""
    found = reading(text)
    if found is None or len(found.days) != 2 or len(set(found.days)) != 2 or len(found.amounts) > 1:
        return None
    if _DAY_AFTER.search(found.shape) or WEEKDAY in re.sub(_WITH_ITS_WEEKDAY, "", found.shape):
        return None
    start, end = found.days
    arguments = {"start": start, "end": end}
    if not found.amounts:
        return InText(arguments)
    return _checked(arguments, verdict) if (verdict := _difference_verdict(found)) else None


def target_day_in(text: str) -> InText | None:
    """The day of a text and the amount of time from it, in days; and whether it claims the right day."""
    found = reading(text)
    if found is None or len(found.amounts) != 1 or len(found.days) > 2:
        return None
    places = _base_and_claim(found)
    direction = _direction(found, places[0]) if places else 0
    if places is None or direction == 0:
        return None
    base = found.days[places[0]]
    target = found.amounts[0].after(base, direction)
    if target is None:
        return None
    said = _target_verdict(found, base, found.days[places[1]], target, direction) if len(places) > 1 else ""
    if not said and _IS_WEEKDAY.search(found.shape):
        said = _weekday_verdict(found.weekdays[-1], target)
    elif WEEKDAY in re.sub(_WITH_ITS_WEEKDAY, "", found.shape):
        return None
    return _checked({"day": base, "days": (target - base).days}, said)


def _checked(arguments: dict[str, date] | dict[str, object], verdict: str) -> InText:
    return InText(dict(arguments), lambda observation: verdict)


def _weekday_verdict(claim: int, day: date) -> str:
    name, right = WEEK_DAYS[claim], WEEK_DAYS[day.weekday()]
    return f"{name} is right." if name == right else f"{name} is wrong: {day.isoformat()} is a {right}."


def _difference_verdict(found: Reading) -> str:
    """Empty where the amount is not plainly one between the two days."""
    (start, end), amount = found.days, found.amounts[0]
    between = found.shape[found.shape.index(DATE) + 1 : found.shape.rindex(DATE)]
    way = _IS_AMOUNT_FROM.fullmatch(between)
    is_plain = _AMOUNT_BETWEEN.search(found.shape) or _DAYS_THEN_AMOUNT.search(found.shape)
    is_back = way is not None and _MINUS.search(way["way"]) is not None
    if amount.shown[0] in "+-" or not (way or is_plain) or (way and (start < end) is not is_back):
        return ""
    first, last = sorted((start, end))
    if amount.after(first, 1) == last:
        return f"{amount.shown} is right."
    return f"{amount.shown} is wrong: from {first.isoformat()} to {last.isoformat()} is {(last - first).days} days."


def _base_and_claim(found: Reading) -> tuple[int, ...] | None:
    """Which of the dates the amount starts from, and which one is claimed to be the result, if there is one."""
    shape = found.shape
    if len(found.days) == 1:
        return (0,)
    first, second = shape.index(DATE), shape.rindex(DATE)
    between = shape[first + 1 : second]
    if not re.fullmatch(_END, shape[second + 1 :]):
        return None
    if AMOUNT in shape[:first]:
        return (0, 1) if _IS_DAY.fullmatch(between) else None
    if _IS_AMOUNT_FROM.fullmatch(between):
        return (1, 0)
    return (0, 1) if _AMOUNT_IS.fullmatch(between) and not re.match(_IS, between, re.IGNORECASE) else None


def _direction(found: Reading, base: int) -> int:
    """1 for later, -1 for earlier, 0 where nothing near the amount says so, or where the text says both."""
    shape = found.shape.replace("plus tôt", "antes")
    signed = found.amounts[0].shown[0] in "+-"
    amount, day = shape.index(AMOUNT), [at for at, sign in enumerate(shape) if sign == DATE][base]
    near = shape[amount:day] if amount < day else shape[day : amount + 15]
    leads = re.search(r"(\w+)\s*$", shape[:amount])
    near = f"{leads[1] if leads else ''} {near}"
    later, earlier = (re.search(words, near) is not None for words in (_PLUS, _MINUS))
    if (_PLUS.search(shape) and _MINUS.search(shape)) or re.search(r"[.;!?]\s", near):
        return 0
    if signed or not (later or earlier):
        is_bare = _FROM.search(shape) or _BARE.fullmatch(shape) or (signed and len(found.days) == 2)
        return 1 if is_bare and not (later or earlier) else 0
    return 1 if later else -1


def _its_weekday(found: Reading, claim: date) -> str:
    """What to add where the weekday that stands before a claimed day is not its own; empty otherwise."""
    place = [at for at, sign in enumerate(found.shape) if sign == DATE][found.days.index(claim)]
    before = re.search(rf"{WEEKDAY}[\s,]+(?:(?:{_SMALL_WORDS}) )?$", found.shape[:place], re.IGNORECASE)
    if before is None:
        return ""
    weekday = found.weekdays[found.shape[:place].count(WEEKDAY) - 1]
    return "" if weekday == claim.weekday() else f", but {WEEK_DAYS[weekday]} is wrong: it is a {WEEK_DAYS[claim.weekday()]}"


def _target_verdict(found: Reading, base: date, claim: date, target: date, direction: int) -> str:
    if claim == target:
        return f"{claim.isoformat()} is right{_its_weekday(found, claim)}."
    amount = found.amounts[0].shown.lstrip("+- ")
    way = "after" if target >= base else "before"
    return f"{claim.isoformat()} is wrong: {amount} {way} {base.isoformat()} is {target.isoformat()}."
