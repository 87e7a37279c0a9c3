"""The agents of weather questions.

A wrong answer has the value of another day or of another attribute. One call gets the record, and the evidence
compares values. Facts of a draft: `city`, `day`, `attribute`. Without them they are read from the question.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from random import Random

from themis.builder.draft import ByRule, Draft, Evidence, Observe, View
from themis.builder.text.claims import Claim, compared, label_of
from themis.builder.text.values import last_result, with_values
from themis.builder.text.written_dates import dates_in
from themis.phrases import phrases
from themis.traces import Action, Case, Observation, Step

ATTRIBUTES = ("overall weather", "temperature", "wind speed", "precipitation", "visibility", "humidity", "UV index")
MOST = 6
_NEAR = (-365, -30, -7, -3, -2, -1, 1, 2, 3, 7, 30, 365)
_FAR = 10
"""Distant days to try if the near ones give no other value."""
_USUAL = {"temperature": (1, 35), "wind speed": (3, 40), "visibility": (2, 16), "humidity": (25, 100), "UV index": (1, 12)}
_SHARE_OF_OTHERS = 0.4
_PLACE = re.compile(
    r"(?:^(?!In |On |For )|\b(?:[Ii]n|[Ff]or|of|to|did|that|reaches)\s+)((?:[A-Z][\w.'’-]*\s?(?:(?:de|del|la|of|am|upon)\s)?)+)"
)
_OPENINGS = frozenset(
    "What Tell How I Please Which On Look Can Could Do For My Name Report In Find Give The Say Check Counting Was Is".split()
)
_MEASURE = re.compile(r"(?<![\w.-])(-?\d+(?:\.\d+)?)\s*(\((?:C|kph|mph|mm|inch|km|miles)\))?(?![\w-]|\.\d)")
CONDITIONS = phrases(__package__)["conditions"]
_EVENT = "(?:fog|rain|snow|hail|thunderstorm|tornado)"
_CONDITIONS = (f"{_EVENT}(?: and {_EVENT})+", *map(re.escape, sorted(CONDITIONS, key=len, reverse=True)), _EVENT)
_CONDITION = re.compile(rf"\b(?:{'|'.join(_CONDITIONS)})\b", re.IGNORECASE)


def negatives(draft: Draft, rng: Random, observe: Observe) -> Sequence[str]:
    """The right answer with the value of another day, or with the number of another attribute."""
    view = View(Case(draft.question, draft.chosen), draft.task, draft.facts)
    return wrong_reports(draft, facts_of(view), steps(view, rng, observe), rng, observe) + draft.rejected


def steps(view: View, rng: Random, observe: Observe) -> tuple[Step, ...]:
    """One call for the record of that day."""
    del rng
    facts = facts_of(view)
    if not facts.get("city") or not facts.get("day"):
        return (Step("I do not see which city and which day the question asks for."),)
    return (weather_step(facts["city"], facts["day"], view.case, observe),)


def evidence(view: View, steps: Sequence[Step]) -> Evidence:
    """Compares what the answer says of the attribute with the record."""
    return reported_evidence(view, facts_of(view), steps)


def weather_step(city: str, day: str, case: Case, observe: Observe) -> Step:
    action = Action("history_weather", f"{city}, {day}")
    return Step(f"I need to search the weather in {city} on {day}", action, observe(action, case))


def wrong_reports(
    draft: Draft, facts: Mapping[str, str], made: Sequence[Step], rng: Random, observe: Observe, others: Sequence[str] = ()
) -> tuple[str, ...]:
    """Answers with other values. `others` are the days that a mistaken reader would look at first."""
    result, attribute = last_result(made), facts.get("attribute", "")
    if result is None or made[-1].action is None:
        return ()
    report = reported(result[1])
    right = report.get(attribute)
    if right is None:
        return ()
    city, _, day = made[-1].action.argument.rpartition(", ")
    wrong = [*_on_other_days(city, day, attribute, others, draft, rng, observe), *_of_others(report, attribute, rng)]
    rng.shuffle(wrong)
    return with_values(draft.chosen, right, wrong, MOST)


def reported(text: str) -> dict[str, str]:
    """The first value of each attribute in an observation, such as `{"temperature": "7.2(C)", "humidity": "60.0"}`."""
    parts = (part.partition(": ") for part in text.partition(" is: \n")[2].removesuffix(".").split("; "))
    return {name: value.split(", ")[0] for name, colon, value in parts if colon}


def facts_of(view: View) -> Mapping[str, str]:
    """The facts from the draft's source, else read from the question."""
    if "attribute" in view.facts:
        return view.facts
    question = view.case.question_text
    day = next((question[start:end] for start, end, _ in dates_in(question)), "")
    place = next((found for found in _PLACE.finditer(question) if found[1].strip() not in _OPENINGS), None)
    attribute = next((name for name in ATTRIBUTES if name.lower() in question.lower()), "")
    return {"city": place[1].strip(" .,?") if place else "", "day": day, "attribute": attribute}


def reported_evidence(view: View, facts: Mapping[str, str], steps: Sequence[Step]) -> Evidence:
    """Compares the attribute's value in the answer with the one in the last observation."""
    result, attribute = last_result(steps), facts.get("attribute", "")
    report = reported(result[1]) if result and result[0] == "history_weather" else {}
    if attribute not in report:
        return Evidence("unsettled")
    found = report[attribute]
    answer = view.case.answer
    if attribute == "overall weather":
        claims = [Claim(match[0].lower(), match[0].lower(), *match.span()) for match in _CONDITION.finditer(answer)]
        seen = compared(answer, claims, found.lower(), label_of(view))
        return replace(seen, found=found) if seen.found else seen
    return compared(answer, _measures(answer, facts, found), found, label_of(view))


def _measures(answer: str, facts: Mapping[str, str], found: str) -> list[Claim]:
    """The numbers of an answer that the question does not hold. Their values are written as the observation's are."""
    taken = [(start, end) for start, end, _ in dates_in(answer)]
    if "number" in facts:
        taken += [match.span() for match in re.finditer(rf"\b{facts['number']} days\b", answer, re.IGNORECASE)]
    unit = found.partition("(")[2]
    claims: list[Claim] = []
    for match in _MEASURE.finditer(answer):
        if not any(start <= match.start() < end for start, end in taken):
            value = f"{float(match[1])}{match[2] or (f'({unit}' if unit else '')}"
            claims.append(Claim(value, match[0].strip(), *match.span()))
    return claims


def _on_other_days(
    city: str, day: str, attribute: str, others: Sequence[str], draft: Draft, rng: Random, observe: Observe
) -> Iterator[str]:
    """Values of some other days. Days without rain are skipped, as no question asks about one."""
    right = date.fromisoformat(day)
    off = rng.sample(_NEAR, len(_NEAR)) + [rng.choice((1, -1)) * rng.randint(31, 1500) for _ in range(_FAR)]
    found = 0
    for other in [*others, *((right + timedelta(days=days)).isoformat() for days in off)]:
        observation: Observation = observe(Action("history_weather", f"{city}, {other}"), Case(draft.question, draft.chosen))
        value = reported(observation.text).get(attribute) if observation.status == "ok" else None
        if value is not None and not value.startswith("0.0(mm)"):
            found += 1
            yield value
        if found == MOST:
            return


def _of_others(report: Mapping[str, str], attribute: str, rng: Random) -> Iterator[str]:
    """Plausible numbers of other attributes with this one's unit. Only reading the right line tells them apart."""
    if attribute not in _USUAL or rng.random() > _SHARE_OF_OTHERS:
        return
    unit = report[attribute].partition("(")[2]
    least, most = _USUAL[attribute]
    for name, value in report.items():
        number = value.partition("(")[0]
        if name not in (attribute, "overall weather") and least <= float(number) <= most:
            yield number + (f"({unit}" if unit else "")


RULE = ByRule(negatives, steps, evidence)
