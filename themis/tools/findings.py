"""What an observation finds: the verdict it states, or a value: a weekday, a date, a number with its unit.

Knows nothing of rationales, or of how a task reads its evidence.
"""

import re
from fractions import Fraction

from themis.tools.calculator import CORRECT
from themis.tools.dates import WEEK_DAYS
from themis.traces import Observation

_PASS_RATE = re.compile(r"The pass rate is ([\d.]+)\.(?:\s|$)")
_PROCESS = re.compile(r"(?:The calculation process is|Both the calculation and the answer are) (?:in)?correct\b")
_MEASURE = re.compile(r"([-+]?\d+(?:\.\d+)?) ?(\([a-zA-Z]+\))?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_WEEK_DAY = re.compile("|".join(WEEK_DAYS).lower())


def verdict_of(observation: Observation) -> bool | None:
    """The verdict that an observation states: True, False, or None if it states none."""
    rate = _PASS_RATE.match(observation.text)
    if rate:
        return float(rate[1].rstrip(".")) >= 1.0
    if _PROCESS.match(observation.text):
        return observation.text.strip() == CORRECT
    return None


def same_value(claim: str, found: str) -> bool | None:
    """Whether two weekdays, dates or numbers (with units) are equal; None where a text is something else."""
    said, seen = _exact_value(claim), _exact_value(found)
    if said is None or seen is None:
        return None
    if said[0] and seen[0] and said[0] != seen[0]:
        return None  # 10(km) and 6.2(miles) may be equal
    return said[1] == seen[1]


def _exact_value(text: str) -> tuple[str, str | Fraction] | None:
    """Unit, if any, and value of a text that is a weekday, a date or a number and nothing else."""
    text = text.strip().lower()
    if _WEEK_DAY.fullmatch(text) or _DATE.fullmatch(text):
        return "", text
    measure = _MEASURE.fullmatch(text)
    return (measure[2] or "", Fraction(measure[1])) if measure else None
