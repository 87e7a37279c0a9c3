"""A task for Themis in a package of its own. Once `pip install`ed, it is a task of `themis build`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from themis.builder.draft import ByRule, Draft, Evidence, Observe, Source, View
from themis.builder.task import Task
from themis.traces import Action, Step

QUESTIONS = ("Is {year} a leap year?", "Does {year} have 366 days?", "Is there a 29th of February in {year}?")
ANSWERS = {True: ("Yes, {year} is a leap year.", "Yes, {year} has 366 days."), False: ("No, {year} has 365 days.", "No, not in {year}.")}


def read(root: Path, seed: int, count: int) -> Iterator[Draft]:
    """Questions by rule; `facts` hold what the agents need of a question, and never the answer."""
    for number in range(count):
        rng = Random(f"{seed}/leap_years/{number}")
        year = rng.randint(1600, 2400)
        leap = (year % 4 == 0 and year % 100 != 0) or year % 400 == 0
        right, wrong = (rng.choice(ANSWERS[which]).format(year=year) for which in (leap, not leap))
        question = rng.choice(QUESTIONS).format(year=year)
        yield Draft(f"leap_years/{number}", "leap_year", "leap_years", question, right, (wrong,), facts={"year": str(year)})


def negatives(draft: Draft, rng: Random, observe: Observe) -> Sequence[str]:
    """Wrong answers to choose from: here the source brings one."""
    return draft.rejected


def steps(view: View, rng: Random, observe: Observe) -> tuple[Step, ...]:
    """The calls that settle the question, each with what came back."""
    year = int(view.facts["year"])
    action = Action("Calendar.day_difference", f"{year}-01-01, {year + 1}-01-01")
    return (Step(f"I need to count the days of {year}.", action, observe(action, view.case)),)


def evidence(view: View, steps: Sequence[Step]) -> Evidence:
    """Whether what came back agrees with the answer."""
    observation = steps[-1].observation
    claim, found = "366" if view.case.answer.startswith("Yes") else "365", observation.text if observation else ""
    return Evidence("agrees" if claim == found else "disagrees", claim, found)


TASK = Task(
    "leap_year",
    ByRule(negatives, steps, evidence),
    (Source("leap_years", "leap_year", "Apache-2.0: made by rule", read),),
    relevant_tools=frozenset({"Calendar.day_difference"}),
)
