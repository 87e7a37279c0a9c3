"""What the streams of made-up cases observe."""

from themis.builder.tasks.dates.generated import observer
from themis.traces import Action, Case


def test_a_call_that_is_refused_is_an_error_and_ends_nothing() -> None:
    observe, case = observer(), Case("When was it?", "In May.")
    assert observe(Action("Calendar.week_day", "2015-03-24"), case).text == "Tuesday"
    refused = observe(Action("Calendar.target_day", "some day in May"), case)
    assert refused.status == "error"
    assert "found no days" in refused.text
