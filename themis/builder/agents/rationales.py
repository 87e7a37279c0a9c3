"""The rationale of an answer, written by rule: what follows from the observations.

The verdict comes first, then the answer's claim, then the finding. A small model knows the verdict once the
observation is read, and what it copies afterwards cannot change it.

A rationale is true. It never claims agreement where the observation disagrees (`checked`), and it quotes findings
that occur in an observation. A task whose last observation alone does not settle an answer has a writer of its own
(`Task.rationale`).

Knows nothing of how evidence is read (`Task.agents.evidence`).
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from themis.builder.draft import Evidence, View
from themis.builder.task import OwnRationale
from themis.phrases import phrases
from themis.tools.findings import same_value, verdict_of
from themis.traces import Observation, Step

MOST_CLAIM, MOST_FOUND = 12, 20
"""Words; with any template, the whole stays under sixty."""
MOST_STATEMENT, MOST_QUOTED = 18, 13
"""Words of a claim that is a sentence, and of each quotation beside it, for tasks with a writer of their own."""
MOST_VERDICT = 32
"""Words of the calculator's or the tests' own sentences."""
MOST_LETTERS = 160
"""Characters of a claim or a finding: some languages write no spaces, and programs have few."""
SEARCHES = frozenset({"wiki_search", "google_serper"})

_PHRASES = phrases("themis.traces", "rationales.yaml")
_SLOT = re.compile(r"\{(tool|claim|found|judged)\}")


def written(view: View, steps: Sequence[Step], evidence: Evidence, rng: Random, own: OwnRationale | None = None) -> str:
    """The rationale of an answer, by the task's `own` writer if it has something to say.

    In hindsight it adds a judgement if the observations settle nothing; a blind rationale never does.
    """
    acted = [step for step in steps if step.action is not None]
    if not acted:
        return rng.choice(_PHRASES["no_tool"])
    tool = acted[-1].action.tool if acted[-1].action else ""
    seen = checked(evidence, steps, view.case.context)
    found = _quotable(seen, view, steps)
    slots = {"tool": tool, "claim": short(seen.claim or view.case.answer, MOST_CLAIM), "found": found, "judged": _label_in_words(view)}
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
    """The evidence, corrected by the observations themselves.

    If no tool gave a result, nothing is settled. A last observation that is a verdict of the calculator or of the
    tests decides. A claim that is another number, date or weekday than the finding is a disagreement. A finding that
    occurs neither in an observation nor in the context settles nothing.
    """
    observed = _observed(steps)
    if not observed:
        return replace(evidence, stance="unsettled")
    if evidence.stance == "unsettled":
        return evidence
    verdict = verdict_of(observed[-1])
    if verdict is not None:
        return replace(evidence, stance="agrees" if verdict else "disagrees")
    stands = not evidence.found or _occurs_in(evidence.found, [*(one.text for one in observed), context or ""])
    if evidence.stance == "disagrees":
        return evidence if stands else replace(evidence, found="")
    if any(same_value(evidence.claim, found) is False for found in (evidence.found, observed[-1].text)):
        return replace(evidence, stance="disagrees")
    return evidence if stands else replace(evidence, stance="unsettled")


def _observed(steps: Sequence[Step]) -> list[Observation]:
    return [step.observation for step in steps if step.observation is not None and step.observation.status == "ok"]


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


def _quotable(seen: Evidence, view: View, steps: Sequence[Step]) -> str:
    """The finding as it may be quoted; empty if it occurs neither in the observations nor in the context."""
    observed = _observed(steps)
    if observed and verdict_of(observed[-1]) is not None:
        text = observed[-1].text
        return short(_in_its_own_case(seen.found, [text]) or text, MOST_VERDICT)
    found = _in_its_own_case(seen.found, [one.text for one in observed])
    return _around_answer(replace(seen, found=found), view) if found else ""


def _around_answer(seen: Evidence, view: View, most: int = MOST_FOUND) -> str:
    """The finding, cut so that the answer it speaks of is kept."""
    told = _plain(seen.found).lower()
    around = next((answer for answer in (seen.claim, *view.references) if answer and _plain(answer).lower() in told), "")
    return short(seen.found, most, around)


def _label_in_words(view: View) -> str:
    """In hindsight, the label in words; the sentence claims nothing about the observation."""
    if view.label is None:
        return ""
    return " Judged apart from it, the answer is right." if view.label else " Judged apart from it, the answer is wrong."


def _in_its_own_case(quoted: str, texts: Sequence[str]) -> str:
    """A quotation in the case that the text has; empty if no text has it."""
    wanted = _plain(quoted)
    for text in map(_plain, texts):
        at = text.lower().find(wanted.lower())
        if wanted and at >= 0 and text[at : at + len(wanted)].lower() == wanted.lower():
            return text[at : at + len(wanted)]
    return ""


def _occurs_in(quoted: str, texts: Sequence[str]) -> bool:
    wanted = _plain(quoted).casefold()
    return bool(wanted) and any(wanted in _plain(text).casefold() for text in texts)


def _plain(text: str) -> str:
    return " ".join(text.split())


def short(text: str, most: int, around: str = "") -> str:
    """The first `most` words of a text on one line, or the words `around` a later phrase; ` ...` marks a cut.

    It has no full stop, so that a template can continue after it.
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
    # One pass: braces in a quotation must not be filled.
    text = _SLOT.sub(lambda slot: slots[slot[1]], wording)
    return text.replace(" ....", " ...")
