"""What follows from the observations, in words: the rationale of an answer, written by program.

The verdict comes first, then what the answer claims, then what was found: a small model knows the verdict when the observation
is read, and what it then copies cannot change it. A rationale is true: agreement is never claimed where the observation itself
says otherwise, whatever the evidence holds (`checked`), and what is quoted as found stands in an observation. A task whose answer
is settled by more than its last observation brings a writer of its own (`Task.rationale`).

Knows nothing of how evidence is read (`Task.agents.evidence`).
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from themis.builder.draft import Evidence, View
from themis.builder.task import OwnRationale
from themis.builder.text.phrases import phrases
from themis.tools.calculator import CORRECT
from themis.tools.dates import WEEK_DAYS
from themis.traces import Observation, Step

MOST_CLAIM, MOST_FOUND = 12, 20
"""Words; both together with any wording stay under sixty."""
MOST_STATEMENT, MOST_QUOTED = 18, 13
"""Of a claim that is a sentence, and of each thing that is quoted beside it, in the tasks with words of their own."""
MOST_VERDICT = 32
"""Of the calculator's or the tests' own sentences."""
MOST_LETTERS = 160
"""Of a claim or a finding: some languages write no blanks, and a program may hold few."""
SEARCHES = frozenset({"wiki_search", "google_serper"})

_PHRASES = phrases(__package__)
_PASS_RATE = re.compile(r"The pass rate is ([\d.]+)\.(?:\s|$)")
_PROCESS = re.compile(r"(?:The calculation process is|Both the calculation and the answer are) (?:in)?correct\b")
_SLOT = re.compile(r"\{(tool|claim|found|judged)\}")
_MEASURE = re.compile(r"([-+]?\d+(?:\.\d+)?) ?(\([a-zA-Z]+\))?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_WEEK_DAY = re.compile("|".join(WEEK_DAYS).lower())


def written(view: View, steps: Sequence[Step], evidence: Evidence, rng: Random, own: OwnRationale | None = None) -> str:
    """The rationale of an answer, by the task's `own` writer where it has one to say.

    In hindsight it adds a judgement where the observations settle nothing; a blind one never does.
    """
    acted = [step for step in steps if step.action is not None]
    if not acted:
        return rng.choice(_PHRASES["no_tool"])
    tool = acted[-1].action.tool if acted[-1].action else ""
    seen = checked(evidence, steps, view.case.context)
    found = _found(seen, view, steps)
    slots = {"tool": tool, "claim": _claim(view, seen), "found": found, "judged": _judged(view)}
    if not _observed(steps):
        return _filled(rng.choice(_PHRASES["nothing_came_back"]), slots)
    if seen.stance == "unsettled":
        return _filled(rng.choice([wording for wording in _PHRASES["open"] if found or "{found}" not in wording]), slots)
    if own is not None:
        cut = replace(seen, claim=short(seen.claim, MOST_STATEMENT), found=_around_answer(seen, view, MOST_QUOTED))
        if (text := own(view, steps, cut, rng)) is not None:
            return " ".join(text.split())
    return _filled(rng.choice(_wordings(steps, tool, seen, found)), slots)


def checked(evidence: Evidence, steps: Sequence[Step], context: str | None = None) -> Evidence:
    """The evidence, held against the observations themselves.

    Where no tool gave a result, nothing is settled; where the last result is a verdict of the calculator or of the tests, that
    verdict counts; a claim that is another number, date or weekday than what was found is no agreement, nor is anything
    settled by a finding that stands neither in an observation nor in the context.
    """
    observed = _observed(steps)
    if not observed:
        return replace(evidence, stance="unsettled")
    if evidence.stance == "unsettled":
        return evidence
    verdict = verdict_of(observed[-1])
    if verdict is not None:
        return replace(evidence, stance="agrees" if verdict else "disagrees")
    stands = not evidence.found or _stands(evidence.found, [*(one.text for one in observed), context or ""])
    if evidence.stance == "disagrees":
        return evidence if stands else replace(evidence, found="")
    if any(_contradict(evidence.claim, found) for found in (evidence.found, observed[-1].text)):
        return replace(evidence, stance="disagrees")
    return evidence if stands else replace(evidence, stance="unsettled")


def verdict_of(observation: Observation) -> bool | None:
    """What the observation says outright of the answer: that it holds, that it fails, or None where it says no such thing."""
    rate = _PASS_RATE.match(observation.text)
    if rate:
        return float(rate[1].rstrip(".")) >= 1.0
    if _PROCESS.match(observation.text):
        return observation.text.strip() == CORRECT
    return None


def _observed(steps: Sequence[Step]) -> list[Observation]:
    return [step.observation for step in steps if step.observation is not None and step.observation.status == "ok"]


def _contradict(claim: str, found: str) -> bool:
    """Is each a weekday, a date or a number, perhaps with its unit, and are they not the same?"""
    said, seen = _value(claim), _value(found)
    if said is None or seen is None:
        return False
    if said[0] and seen[0] and said[0] != seen[0]:
        return False  # 10(km) and 6.2(miles) may well be the same
    return said[1] != seen[1]


def _value(text: str) -> tuple[str, str | float] | None:
    """Unit, if any, and value of what is nothing but a weekday, a date or a number."""
    text = text.strip().lower()
    if _WEEK_DAY.fullmatch(text) or _DATE.fullmatch(text):
        return "", text
    measure = _MEASURE.fullmatch(text)
    return (measure[2] or "", float(measure[1])) if measure else None


def _wordings(steps: Sequence[Step], tool: str, seen: Evidence, found: str) -> Sequence[str]:
    agrees = seen.stance == "agrees"
    if verdict_of(_observed(steps)[-1]) is not None:
        if tool == "code_run":
            return _PHRASES["code_passes" if agrees else "code_fails"]
        return _PHRASES["sound" if agrees else "faulty"]
    if not found:
        return _PHRASES["bears_out" if agrees else "does_not_bear_out"]
    if tool in SEARCHES:
        return _PHRASES["supported" if agrees else "not_supported"]
    return _PHRASES["agrees" if agrees else "disagrees"]


def _found(seen: Evidence, view: View, steps: Sequence[Step]) -> str:
    """What may be quoted: of the observations, or of the context; empty where the evidence quotes neither."""
    observed = _observed(steps)
    if observed and verdict_of(observed[-1]) is not None:
        text = observed[-1].text
        return short(_as_it_stands(seen.found, [text]) or text, MOST_VERDICT)
    found = _as_it_stands(seen.found, [one.text for one in observed])
    return _around_answer(replace(seen, found=found), view) if found else ""


def _around_answer(seen: Evidence, view: View, most: int = MOST_FOUND) -> str:
    """The finding, cut so that the answer it speaks of stays in it."""
    told = _plain(seen.found).lower()
    around = next((answer for answer in (seen.claim, *view.references) if answer and _plain(answer).lower() in told), "")
    return short(seen.found, most, around)


def _claim(view: View, seen: Evidence) -> str:
    return short(seen.claim or view.case.answer, MOST_CLAIM)


def _judged(view: View) -> str:
    """In hindsight, what the label says; such a sentence claims nothing of the observation."""
    if view.label is None:
        return ""
    return " Judged apart from it, the answer is right." if view.label else " Judged apart from it, the answer is wrong."


def _as_it_stands(quoted: str, texts: Sequence[str]) -> str:
    """The words of a quotation in the case they have where they stand; empty where they stand nowhere."""
    wanted = _plain(quoted)
    for text in map(_plain, texts):
        at = text.lower().find(wanted.lower())
        if wanted and at >= 0 and text[at : at + len(wanted)].lower() == wanted.lower():
            return text[at : at + len(wanted)]
    return ""


def _stands(quoted: str, texts: Sequence[str]) -> bool:
    wanted = _plain(quoted).casefold()
    return bool(wanted) and any(wanted in _plain(text).casefold() for text in texts)


def _plain(text: str) -> str:
    return " ".join(text.split())


def short(text: str, most: int, around: str = "") -> str:
    """The first `most` words of a text on one line, or those `around` something that stands later in it; ` ...` where it is cut.

    It ends without the full stop of a sentence, so that wordings can go on after it.
    """
    parts = text.split()
    start = 0
    wanted = around.lower().split()
    if len(parts) > most and wanted:
        lower = [part.lower().strip(".,;:!?()\"'") for part in parts]
        start = next((place for place in range(len(parts)) if lower[place : place + len(wanted)] == wanted), 0)
        start = 0 if start + len(wanted) <= most else max(0, start - most // 2)
    kept = " ".join(parts[start : start + most])
    cut = start + most < len(parts) or len(kept) > MOST_LETTERS
    kept = kept[:MOST_LETTERS].rstrip().rstrip(".,;:")
    return ("... " if start else "") + kept + (" ..." if cut else "")


def _filled(wording: str, slots: dict[str, str]) -> str:
    # One pass, so that braces in what is quoted fill nothing.
    text = _SLOT.sub(lambda slot: slots[slot[1]], wording)
    return text.replace(" ....", " ...")
