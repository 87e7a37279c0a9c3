"""The agents of date questions.

A wrong answer has another weekday, date or number of days. One or more calendar calls give the right value, and the
evidence compares the two. A question that counts from today first asks the calendar for today.

Facts of a draft: `kind` (`week_day`, `day_difference`, `target_day`, `today`) and, if the question needs them, `day`,
`other`, `number` and `side`. `count` is the number of days in other words, such as `two weeks`. `per` is what a number
of days is then multiplied with or divided by, such as `*24`. If `day` is `today`, its date is unknown before the first
call. Facts that the source does not give are read from the question.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date, timedelta
from random import Random

from themis.builder.draft import ByRule, Draft, Evidence, Observe, View
from themis.builder.text.claims import Claim, compared, dates, label_of, week_days, whole_numbers
from themis.builder.text.values import DATE, last_result, with_values
from themis.builder.text.written_dates import dates_in
from themis.tools.dates import WEEK_DAYS, day_of
from themis.traces import Action, Case, Step

MOST = 6
TODAY = "today"
_COUNT = re.compile(r"\b(\d+) (?:more )?days?\b")
_BACKWARDS = re.compile(r"\b(?:before|ago|earlier|back from)\b", re.IGNORECASE)
_FORWARDS = re.compile(r"\b(?:after|from|later|past|in)\b", re.IGNORECASE)


def negatives(draft: Draft, rng: Random, observe: Observe) -> Sequence[str]:
    """The right answer with another value of the same kind: often a typical miscount, sometimes any value."""
    view = View(Case(draft.question, draft.chosen), draft.task, draft.facts)
    made = steps(view, rng, observe)
    found = _value_found(made, draft.chosen)
    if found is None:
        return draft.rejected
    facts = facts_of(view)
    return with_values(draft.chosen, found, _wrong(found, facts, rng), MOST) + draft.rejected


def steps(view: View, rng: Random, observe: Observe) -> tuple[Step, ...]:
    """First today if needed, then the date, then its weekday. Each call uses the result of the one before."""
    del rng
    return dated_steps(facts_of(view), view.case, observe)


def evidence(view: View, steps: Sequence[Step]) -> Evidence:
    """Compares the value in the answer with the last observation, as dates, weekdays or numbers."""
    found = _value_found(steps, view.case.answer)
    if found is None:
        return Evidence("unsettled")
    answer = view.case.answer
    return compared(answer, _claimed(answer, found, facts_of(view)), found, label_of(view))


def dated_steps(facts: Mapping[str, str], case: Case, observe: Observe) -> tuple[Step, ...]:
    """The calls that settle a question about dates. They stop at the first one that fails."""
    made: list[Step] = []
    day, kind = facts.get("day", ""), facts.get("kind", "")
    if day == TODAY:
        made.append(_step("what day it is today", Action("Calendar.today", ""), case, observe))
        known = DATE.search(_result_text(made[-1]))
        if known is None or kind == "today":
            return tuple(made)
        day = known[0]
    if "number" in facts:
        number = -int(facts["number"]) if facts.get("side") == "before" else int(facts["number"])
        side = "before" if number < 0 else "after"
        count = facts.get("count", f"{abs(number)} days")
        argument = f"{day}, {number}" if count.endswith(" days") else f"{count} {side} {day}"
        made.append(_step(f"what day is {count} {side} {day}", Action("Calendar.target_day", argument), case, observe))
        day = _result_text(made[-1])
        if not DATE.fullmatch(day):
            return tuple(made)
    if kind == "week_day":
        made.append(_step(f"what day of the week is {day}", Action("Calendar.week_day", day), case, observe))
    if kind == "day_difference":
        asked = f"how many days is the difference between {day} and {facts['other']}"
        made.append(_step(asked, Action("Calendar.day_difference", f"{day}, {facts['other']}"), case, observe))
        if "per" in facts:
            sum_of_days = _result_text(made[-1]) + facts["per"]
            made.append(_step(f"how much is {sum_of_days}", Action("calculator", sum_of_days), case, observe))
    return tuple(made) or (Step("I do not see which date the question asks for."),)


def facts_of(view: View) -> Mapping[str, str]:
    """The parts of the question: from its source, else read from its text."""
    if "kind" in view.facts:
        return view.facts
    question = view.case.question_text
    days = [question[start:end] for start, end, _ in dates_in(question)]
    count = _COUNT.search(question)
    today = re.search(r"\btoday\b(?! is \d)", question, re.IGNORECASE) and len(days) < 2
    if today:
        days = [TODAY, *days]
    facts = {"day": days[0] if days else ""}
    asks_weekday = re.search(r"day of the week|week ?day", question, re.IGNORECASE) is not None
    if len(days) == 2:
        return {**facts, "kind": "day_difference", "other": days[1]}
    if count and days and (_BACKWARDS.search(question) or _FORWARDS.search(question)):
        side = "before" if _BACKWARDS.search(question) else "after"
        return {**facts, "kind": "week_day" if asks_weekday else "target_day", "number": count[1], "side": side}
    if today:
        return {**facts, "kind": "today"}
    return {**facts, "kind": "week_day"} if days else {}


def _step(asked: str, action: Action, case: Case, observe: Observe) -> Step:
    return Step(f"I need to search {asked}.", action, observe(action, case))


def _result_text(step: Step) -> str:
    return step.observation.text if step.observation is not None and step.observation.status == "ok" else ""


def _value_found(steps: Sequence[Step], answer: str) -> str | None:
    """The value in the last observation. If it is today, the date or the weekday, whichever the answer states."""
    result = last_result(steps)
    if result is None:
        return None
    tool, text = result
    if tool != "Calendar.today":
        return text
    asked = (dates if dates(answer) else week_days)(text)
    return asked[0].value if asked else None


def _claimed(answer: str, found: str, facts: Mapping[str, str]) -> list[Claim]:
    if found in WEEK_DAYS:
        return week_days(answer)
    if DATE.fullmatch(found):
        days = dates(answer)
        given = {day.isoformat() for name in ("day", "other") if (day := day_of(facts.get(name, "")))}
        return [claim for claim in days if claim.value not in given] or days[:1]
    return whole_numbers(answer)


def _wrong(found: str, facts: Mapping[str, str], rng: Random) -> list[str]:
    if found in WEEK_DAYS:
        return rng.sample(WEEK_DAYS, len(WEEK_DAYS))
    return _wrong_days(found, facts, rng) if DATE.fullmatch(found) else _wrong_numbers(int(found), rng)


def _wrong_days(found: str, facts: Mapping[str, str], rng: Random) -> list[str]:
    """Dates that are a day, a week, a month or a year off, or counted in the wrong direction."""
    right = date.fromisoformat(found)
    off = [-365, -31, -30, -10, -7, -2, -1, 1, 2, 7, 10, 30, 31, 365]
    if "number" in facts:
        off.append((-2 if facts.get("side") != "before" else 2) * int(facts["number"]))
    days = []
    for days_off in rng.sample(off, MOST + 2):
        with suppress(OverflowError):
            days.append((right + timedelta(days=days_off)).isoformat())
    given = day_of(facts.get("day", ""))
    return [day for day in days if given is None or day != given.isoformat()]


def _wrong_numbers(found: int, rng: Random) -> list[str]:
    """Off by a day, by a month's length or by a year, or with two digits swapped."""
    text = str(found)
    near = [found + sign * off for off in (1, 2, 7, 10, 30, 31, 100, 365, 366) for sign in (1, -1)]
    near += [int(text[:at] + text[at + 1] + text[at] + text[at + 2 :]) for at in range(len(text) - 1)]
    fitting = [number for number in near if number > 0 and number != found and len(str(number)) == len(text)]
    fitting = fitting if len(fitting) > 2 else [number for number in near if number > 0]
    return [str(number) for number in rng.sample(fitting, min(len(fitting), MOST + 2))]


RULE = ByRule(negatives, steps, evidence)
