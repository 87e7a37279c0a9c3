"""The agents of two-tool questions: the weather some days before or after a date, or before today.

The calendar gives the date, then the weather tool gives the record of that day. Drafts with a `kind` and no city are
of dates alone: there the calendar is asked twice, or the calculator after it.
Facts of a draft: `city`, `attribute`, `day` (a date, or `today`), `number`, `side`. Without them they are read from
the question.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from random import Random

from themis.builder.draft import ByRule, Draft, Evidence, Observe, View
from themis.builder.tasks.dates import calendar, weather
from themis.builder.text.values import DATE
from themis.traces import Case, Step


def negatives(draft: Draft, rng: Random, observe: Observe) -> Sequence[str]:
    """Values of other days. The first are those that a reader gets by not counting, or by counting one too many."""
    view = View(Case(draft.question, draft.chosen), draft.task, draft.facts)
    made = steps(view, rng, observe)
    facts = facts_of(view)
    last = made[-1].action
    if last is None or last.tool != "history_weather":
        return draft.rejected
    day = last.argument.rpartition(", ")[2]
    number = int(facts.get("number", "0"))
    start = date.fromisoformat(day) + timedelta(days=number if facts.get("side") == "before" else -number)
    miscounted = date.fromisoformat(day) + timedelta(days=rng.choice((-1, 1)))
    others = (start.isoformat(), miscounted.isoformat())
    return weather.wrong_reports(draft, facts, made, rng, observe, others) + draft.rejected


def steps(view: View, rng: Random, observe: Observe) -> tuple[Step, ...]:
    """The date from the calendar, then its weather: two calls, or three if the count starts from today."""
    if _of_days_alone(view):
        return calendar.steps(view, rng, observe)
    facts = facts_of(view)
    dated = calendar.dated_steps({**facts, "kind": "target_day"}, view.case, observe) if facts.get("day") else ()
    found = dated[-1].observation if dated else None
    if found is None or not DATE.fullmatch(found.text) or not facts.get("city"):
        return dated or (Step("I do not see which city and which day the question asks for."),)
    return (*dated, weather.weather_step(facts["city"], found.text, view.case, observe))


def evidence(view: View, steps: Sequence[Step]) -> Evidence:
    """Compares what the answer says of the attribute with the record of the day that the calendar gave."""
    if _of_days_alone(view):
        return calendar.evidence(view, steps)
    return weather.reported_evidence(view, facts_of(view), steps)


def _of_days_alone(view: View) -> bool:
    """Whether the question is of dates only: a weekday after a count, or a sum made from a number of days."""
    return "kind" in view.facts and "city" not in view.facts


def facts_of(view: View) -> Mapping[str, str]:
    """The facts from the draft's source, else read from the question."""
    if "attribute" in view.facts:
        return view.facts
    return {**calendar.facts_of(view), **{name: text for name, text in weather.facts_of(view).items() if name != "day"}}


RULE = ByRule(negatives, steps, evidence)
