"""Paraphrases: what changes a question's meaning is dropped, and what is kept has the row's calls and observations."""

from collections.abc import Sequence

import pytest

from themis.builder.paraphrase import Paraphrased, paraphrased, why_not
from themis.traces import Action, Observation, Side, Step, Trace
from themis.traces.pair import Pair


def _pair(question: str, *calls: tuple[str, str, str], task: str = "calendar") -> Pair:
    steps = tuple(Step("I need to look.", Action(tool, argument), Observation(text)) for tool, argument, text in calls)
    right, wrong = (Side(answer, score, Trace(steps, "Checked.")) for answer, score in ((calls[-1][2], 1.0), ("no", -1.0)))
    return Pair("row/1", question, right, wrong, task=task)


WEEK_DAY = _pair("What day of the week is 2015-03-24?", ("Calendar.week_day", "2015-03-24", "Tuesday"))
BEFORE = _pair("What date is 12 days before 2015-03-24?", ("Calendar.target_day", "2015-03-24, -12", "2015-03-12"))
WEATHER = _pair(
    "What is the wind speed in Oslo on 2014-07-01?",
    ("history_weather", "Oslo, 2014-07-01", "The weather for Oslo on 2014-07-01 is: \nwind speed: 7.2(kph)."),
    task="weather",
)


@pytest.mark.parametrize(
    ("pair", "question", "reason"),
    [
        (WEEK_DAY, "On which weekday does 2015-03-24 fall?", ""),
        (WEEK_DAY, "What day of the week is 2015-03-24?", "the same words"),
        (WEEK_DAY, "On which weekday does 2015-03-25 fall?", "another number"),
        (WEEK_DAY, "On which weekday does this date fall?", "another number"),
        (WEEK_DAY, "On which weekday does 2015-24-03 fall?", "another date"),
        (WEEK_DAY, "", "no single question"),
        (WEEK_DAY, "Which weekday is 2015-03-24?\nIt is a Tuesday.", "no single question"),
        (BEFORE, "Please count 12 days back from 2015-03-24. Which date is it?", ""),
        (BEFORE, "Which date do you reach 12 days after 2015-03-24?", "another unit, attribute or direction"),
        (BEFORE, "Which date lies 12 weeks before 2015-03-24?", "another unit, attribute or direction"),
        (WEATHER, "How strong was the wind speed on 2014-07-01 in Oslo?", ""),
        (WEATHER, "What was the wind speed there on 2014-07-01?", "a name is missing"),
        (WEATHER, "What was the temperature in Oslo on 2014-07-01?", "another unit, attribute or direction"),
    ],
)
def test_a_paraphrase_that_changes_the_meaning_is_dropped_with_a_reason(pair: Pair, question: str, reason: str) -> None:
    assert why_not(pair, question) == reason


def test_a_question_from_which_other_calls_follow_is_dropped() -> None:
    other = _pair("What day of the week is 2015-03-24?", ("Calendar.week_day", "2015-03-25", "Wednesday"))
    assert why_not(other, "On which weekday does 2015-03-24 fall?") == "other calls"


def test_kept_rows_have_the_new_question_and_the_old_trace_and_the_rest_is_counted() -> None:
    asked: list[str] = []

    def write(questions: Sequence[str]) -> list[list[str]]:
        asked.extend(questions)
        return [[question, "On which weekday does 2015-03-24 fall?"] for question in questions]

    report = Paraphrased()
    rows = list(paraphrased([WEEK_DAY, BEFORE], write, 5, report))
    assert asked == [WEEK_DAY.question, BEFORE.question]
    assert [row.question for row in rows] == ["On which weekday does 2015-03-24 fall?"]
    assert (rows[0].chosen, rows[0].rejected, rows[0].task) == (WEEK_DAY.chosen, WEEK_DAY.rejected, "calendar")
    assert report.kept == 1
    assert report.dropped == {"the same words": 2, "another number": 1}


def test_no_more_rows_than_wanted_are_made() -> None:
    report = Paraphrased()
    rows = paraphrased([WEEK_DAY] * 40, lambda some: [["On which weekday does 2015-03-24 fall?"] for _ in some], 3, report)
    assert len(list(rows)) == report.kept == 3
