"""Whether the calls of a judgement found something that bears on its case.

A call bears on a case if a word, a number or a date of its argument occurs there, or in what an earlier such call
found. The question, the answer, the context and the tests are the case. This says nothing of whether a call settles
the case.

Knows nothing of models, or of what the judge concludes (`contradiction`).
"""

import re
from collections.abc import Sequence

from themis.tools.dates import MONTHS
from themis.tools.numbers import GROUPED, plain
from themis.tools.wiki.passages import STOP_WORDS
from themis.traces import Action, Case, Step

_CLOCK = re.compile(r"today|\bnow|now\b|time|clock", re.IGNORECASE)
"""In the name of a tool that says what day or hour it is."""
_NOW = re.compile(
    r"\b(?:today|tonight|now|tomorrow|yesterday|current(?:ly)?|ago|until|till|left|since|old|age|recent(?:ly)?"
    r"|(?:this|next|last|past|coming) (?:\w+day|weekend|week|month|year|decade)|in (?:\w+ )?(?:days?|weeks?|months?|years?)"
    r"|heute|gestern|morgen|jetzt|hoy|ayer|mañana|ahora|aujourd.hui|hier|demain|maintenant)\b"
    r"|今[天日]|昨[天日]|明[天日]|现在|現在|오늘|어제|내일|지금|اليوم|أمس|غدا|आज|hôm (?:nay|qua)|ngày mai|bây giờ",
    re.IGNORECASE,
)
_NUMBER_WORDS = {
    word: str(value)
    for value, words in {
        **dict(enumerate("zero one two three four five six seven eight nine ten eleven twelve".split())),
        **{10 * tens: word for tens, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)},
        **{100: "hundred percent", 1000: "thousand"},
    }.items()
    for word in words.split()
} | {"half": "2", "twice": "2", "double": "2", "pair": "2", "third": "3", "triple": "3", "quarter": "4", "dozen": "12"}
_MONTHS = {name: str(number) for number, month in enumerate(MONTHS, 1) for name in (month.lower(), month[:3].lower())}
_NUMBER = re.compile(rf"{GROUPED}|\d+")
_WORD = re.compile(r"[^\W\d_]{2,}")
_PAIR = re.compile(r"(?=([\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2}))")
"""Two characters of a script that writes no spaces between words."""
_DAY = re.compile(r"\b(\d{4})-(\d\d)-(\d\d)\b")
_ANY_DAY = re.compile(r"\d{1,4} ?[-./年년] ?\d{1,2} ?[-./月월] ?\d{1,4}")
_LONG = 4
"""Letters: so long a word also counts as a part of another."""


def found_evidence(case: Case, steps: Sequence[Step]) -> bool:
    """Did at least one call succeed that bears on the case?"""
    read = [case.question_text, case.answer, case.context or "", *case.tests]
    observed = [step for step in steps if step.observation is not None and step.observation.status == "ok"]
    return any(_adds_evidence(step, read, case) for step in observed)


def bears_on_case(case: Case, steps: Sequence[Step]) -> bool:
    """Does the last call bear on the case, or on what the earlier ones found?"""
    read = [case.question_text, case.answer, case.context or "", *case.tests]
    for step in steps[:-1]:
        if step.observation is not None and step.observation.status == "ok":
            _adds_evidence(step, read, case)
    return _speaks_of(steps[-1], read, case)


def _adds_evidence(step: Step, read: list[str], case: Case) -> bool:
    """Does a step bear on what was read? Then its observation is read, too."""
    is_found = _speaks_of(step, read, case)
    if is_found and step.observation is not None:
        read.append(step.observation.text)
    return is_found


def _speaks_of(step: Step, read: list[str], case: Case) -> bool:
    if step.observation is not None and step.observation.origin == "read_from_case":
        return True
    return step.action is not None and bears_on(step.action, "\n".join(read), case.question_text)


def bears_on(action: Action, read: str, question: str) -> bool:
    """Does a call speak of what was read? Without an argument it does, unless it asks for a day that nobody needs."""
    argument = plain(action.argument).casefold()
    asks_for_now = _CLOCK.search(action.tool) is not None
    if asks_for_now and _NOW.search(question):
        return True
    if not argument.strip():
        return not asks_for_now
    read = plain(read).casefold()
    known = numbers_in(read)
    days = _DAY.findall(argument)
    if any(len({str(int(part)) for part in day} & known) >= _parts_needed(read) for day in days):
        return True
    rest = _DAY.sub(" ", argument)
    return not known.isdisjoint(numbers_in(rest)) or any(_stands_in(word, read) for word in _words(rest))


def _parts_needed(read: str) -> int:
    """How many of a date's year, month and day must be known: one where no day is named, as in `Christmas 2023`."""
    names_a_day = _ANY_DAY.search(read) or any(word in _MONTHS for word in _WORD.findall(read))
    return 2 if names_a_day else 1


def numbers_in(text: str) -> set[str]:
    digits = {re.sub(r"\D", "", found).lstrip("0") or "0" for found in _NUMBER.findall(text)}
    named = (_NUMBER_WORDS.get(word) or _MONTHS.get(word) for word in _WORD.findall(text))
    return digits | {number for number in named if number}


def _words(text: str) -> set[str]:
    """Words that blanks part. Of scripts without blanks, pairs of characters."""
    return (set(_WORD.findall(text)) - STOP_WORDS) | set(_PAIR.findall(text))


def _stands_in(word: str, read: str) -> bool:
    """Is it a word of what was read, or a part of one? `answer` is one too, as in `Same as the answer`."""
    if word in ("question", "answer", "context"):
        return True
    return word in read if len(word) >= _LONG or _PAIR.match(word) else re.search(rf"\b{re.escape(word)}\b", read) is not None
