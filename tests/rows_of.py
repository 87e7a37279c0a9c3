"""Rows as the builder makes them, few and small, for tests of what is done with rows."""

from dataclasses import replace

from themis.builder.draft import Draft, Evidence
from themis.builder.quality.filters import Row
from themis.traces import Action, Observation, Side, Step, Trace
from themis.traces.pair import Pair

DAY = "2015-03-24"


def weekday_row(number: int = 0, right: str = "Tuesday", wrong: str = "Sunday") -> Row:
    """A question of the calendar with both answers judged."""
    steps = (Step("I need to search it.", Action("Calendar.week_day", DAY), Observation(right)),)
    draft = Draft(f"calendar_rules/{number}", "calendar", "calendar_rules", f"Which weekday is {DAY}, for the {number}. time?", right)
    pair = Pair(
        draft.id,
        draft.question,
        Side(right, 1.0, Trace(steps, "It is so.")),
        Side(wrong, -1.0, Trace(steps, "It is not so.")),
        task="calendar",
    )
    return Row(draft, wrong, pair, Evidence("agrees", right, right), Evidence("disagrees", wrong, right))


def row_of(question: str, right: str, wrong: str, number: int = 0, task: str = "wikisearch") -> Row:
    """A question with two answers, whose search says the right one."""
    row = weekday_row(number)
    steps = (Step("I look.", Action("wiki_search", question), Observation(f"It says: {right}")),)
    draft = replace(row.draft, id=f"{task}/{number}", task=task, source="people", question=question, chosen=right)
    pair = Pair(
        draft.id, question, Side(right, 1.0, Trace(steps, "It is so.")), Side(wrong, -1.0, Trace(steps, "It is not so.")), task=task
    )
    return Row(draft, wrong, pair, Evidence("agrees", right, right), Evidence("disagrees", wrong, right))


def with_steps(row: Row, *steps: Step) -> Row:
    """The row with these steps for both answers."""
    chosen, rejected = row.pair.chosen, row.pair.rejected
    pair = replace(
        row.pair,
        chosen=replace(chosen, trace=Trace(steps, chosen.trace.rationale if chosen.trace else None)),
        rejected=replace(rejected, trace=Trace(steps, rejected.trace.rationale if rejected.trace else None)),
    )
    return replace(row, pair=pair)


def with_answers(row: Row, chosen: str, rejected: str, task: str = "") -> Row:
    """The row with these answers, and perhaps of another task."""
    pair = replace(
        row.pair,
        chosen=replace(row.pair.chosen, answer=chosen),
        rejected=replace(row.pair.rejected, answer=rejected),
        task=task or row.pair.task,
    )
    return replace(row, pair=pair, rejected=rejected)
