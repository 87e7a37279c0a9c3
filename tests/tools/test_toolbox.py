"""The toolbox: statuses, deadline, cap, memory, modes, plug-ins."""

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from themis import plugins
from themis.errors import ConfigError, DataError, ToolError, ToolTimeout, ToolUnavailable
from themis.tools import ObservationStore, Toolbox, default_toolbox, tool
from themis.tools import toolbox as toolbox_module
from themis.tools.calculator import calculator
from themis.tools.calendar import target_day, week_day
from themis.tools.demo import demo_tools
from themis.tools.recordings.store import Call, case_digest
from themis.tools.setup.registry import backends
from themis.tools.toolbox import MAX_LATE
from themis.traces import Action, Case, Observation

SANDBOX = ("code_run",) if backends("code_run")[0].missing({}) is None else ()
CALENDAR = tuple(f"Calendar.{name}" for name in ("week_day", "day_difference", "target_day", "business_days", "today"))
NAMES = (*CALENDAR, "calculator", "history_weather", *SANDBOX)
released = threading.Event()


@tool(name="echo", output_cap=20)
def echo(text: str) -> str:
    """Says it again."""
    return text


@tool(name="fail")
def fail(how: str) -> str:
    """Fails in the way asked for."""
    errors = {
        "error": ToolError,
        "unavailable": ToolUnavailable,
        "timeout": ToolTimeout,
        "own timeout": TimeoutError,
        "bug": ZeroDivisionError,
    }
    raise errors[how](f"failed by {how}")


@tool(name="hang", deadline=0.03)
def hang(number: int) -> str:
    """Does not return before it is released."""
    released.wait(10)
    return str(number)


@tool(name="answer")
def answer(case: Case | None = None) -> str:
    """The answer under judgement."""
    return case.answer if case else "no case"


class Counting:
    """A tool that counts its calls, and takes its time, so that equal calls meet."""

    def __init__(self) -> None:
        self.calls = 0

        @tool(name="count")
        def count(number: int) -> str:
            """Counts."""
            self.calls += 1
            time.sleep(0.02)
            return f"{number} at call {self.calls}"

        self.tool = count


def call(name: str, argument: str, case: Case | None = None) -> Observation:
    with Toolbox([echo, fail, hang, answer]) as toolbox:
        return toolbox.call(Action(name, argument), case)


def test_a_tool_s_text_is_observed() -> None:
    assert call("echo", "hello") == Observation("hello", "ok")


def test_each_failure_has_its_status() -> None:
    assert call("fail", "error") == Observation("failed by error", "error")
    assert call("fail", "unavailable") == Observation("failed by unavailable", "unavailable")
    assert call("fail", "timeout") == Observation("failed by timeout", "timeout")


def test_a_bad_argument_is_an_error_that_the_judge_reads() -> None:
    assert call("hang", "many") == Observation("expected a whole number for number, found 'many'", "error")


@pytest.mark.parametrize(
    ("action", "question", "answer", "says"),
    [
        (Action("Calendar.week_day", "grandma"), "my grandma was born 3 May 1947, what weekday was that?", "A Sunday.", "Saturday"),
        (Action("Calendar.target_day", "42, 2026"), "What is the date 42 days after 3 May 2026?", "14 June 2026", "2026-06-14"),
        (Action("Calendar.week_day", "it"), "14 July 1998 was a Friday. Right?", "Yes.", "Tuesday. Friday is wrong"),
        (Action("calculator", "3 shirts"), "What do 3 shirts at 12 dollars cost?", "3*12 = 39 dollars", "3*12=39 is wrong: 3*12 is 36"),
        (Action("calculator", "3 shirts"), "What do 3 shirts cost?", "3*12=<<3*12=36>>36\n#### 36", "Both the calculation"),
    ],
)
def test_a_refused_call_of_a_judge_reads_the_case(action: Action, question: str, answer: str, says: str) -> None:
    with Toolbox([week_day, target_day, calculator]) as toolbox:
        observation = toolbox.submit(action, Case(question, answer)).result()
        assert (observation.text[: len(says)], observation.status, observation.origin) == (says, "ok", "read_from_case")
        assert toolbox.submit(action, Case(question, answer), literally=True).result().status == "error"
        assert toolbox.call(action, Case(question, answer)).status == "error"


@pytest.mark.parametrize("question", ["What weekday was it?", "Was it the 3rd or the 4th of May 2021?", "30 days after 3 May 2021?"])
def test_a_refused_call_stays_refused_where_the_case_leaves_it_in_doubt(question: str) -> None:
    with Toolbox([week_day]) as toolbox:
        assert toolbox.answer(Action("Calendar.week_day", "?"), Case(question, "No idea.")).status == "error"


def test_an_answer_does_not_choose_the_date_that_it_is_checked_on() -> None:
    with Toolbox([week_day]) as toolbox:
        case = Case("On which day of the week did she leave?", "14 July 1998 was a Tuesday.")
        assert toolbox.answer(Action("Calendar.week_day", "she"), case).status == "error"


def test_a_valid_call_is_answered_as_it_stands() -> None:
    case = Case("What weekday was 3 May 1947?", "A Sunday.")
    with Toolbox([week_day]) as toolbox:
        assert toolbox.answer(Action("Calendar.week_day", "2020-01-01"), case) == Observation("Wednesday")
        assert toolbox.answer(Action("Calendar.week_day", "2020-01-01"), case).origin == ""


def test_an_unknown_tool_is_an_error_that_lists_the_tools() -> None:
    assert call("google", "Lima") == Observation("there is no tool 'google'; the tools are echo, fail, hang, answer", "error")


def test_a_bug_in_our_own_tool_surfaces() -> None:
    with pytest.raises(ZeroDivisionError, match="failed by bug"):
        call("fail", "bug")
    with pytest.raises(TimeoutError, match="failed by own timeout"):
        call("fail", "own timeout")


def test_a_tool_that_is_switched_off_stays_in_the_list_and_does_not_answer() -> None:
    with default_toolbox(without=["Calendar", "calculator"]) as toolbox:
        assert toolbox.names == NAMES
        assert toolbox.switched_off == tuple(sorted((*CALENDAR, "calculator")))
        assert toolbox.call(Action("Calendar.week_day", "2015-03-24")) == Observation("Calendar.week_day is switched off", "unavailable")
        assert toolbox.call(Action("history_weather", "nowhere, 2015-03-24")).text != "history_weather is switched off"


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ("ecko", "there is no tool 'ecko'; did you mean 'echo'?"),
        ("Kalender", "there is no tool 'Kalender'; did you mean 'Calendar'?"),
        ("zzz", "there is no tool 'zzz'; the tools are echo, Calendar.week_day"),
        ("translate", "there is no tool 'translate'; it has no backend"),
    ],
)
def test_a_tool_to_be_switched_off_that_is_not_there_is_one_sentence(wanted: str, says: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        Toolbox([echo, week_day], off={"translate": "it has no backend"}, without=[wanted])
    assert str(refusal.value) == f"without: {says}"


def test_a_bug_in_a_plug_in_is_logged_and_observed_as_unavailable(caplog: pytest.LogCaptureFixture) -> None:
    with Toolbox([replace(fail, plugin="themis-extra")]) as toolbox, caplog.at_level(logging.ERROR):
        assert toolbox.call(Action("fail", "bug")) == Observation("fail failed: ZeroDivisionError", "unavailable")
    assert "themis-extra" in caplog.text
    assert "Traceback" in caplog.text


def test_a_late_tool_is_a_timeout_at_its_deadline() -> None:
    released.clear()
    start = time.perf_counter()
    assert call("hang", "1") == Observation("hang did not answer within 0.03 seconds", "timeout")
    assert time.perf_counter() - start < 0.5
    released.set()


def test_a_tool_that_hangs_again_and_again_is_called_no_more_until_it_returns() -> None:
    released.clear()
    with Toolbox([hang]) as toolbox:
        statuses = [toolbox.call(Action("hang", str(number))).status for number in range(MAX_LATE + 1)]
        assert statuses == ["timeout"] * MAX_LATE + ["unavailable"]
        released.set()
        deadline = time.perf_counter() + 5
        while toolbox.call(Action("hang", "99")).status != "ok":
            assert time.perf_counter() < deadline
            time.sleep(0.01)


def test_a_long_observation_is_cut_with_a_visible_mark() -> None:
    assert call("echo", "x" * 30).text == "x" * 20 + " [cut off after 20 of 30 characters]"


def test_a_tool_may_see_the_case() -> None:
    assert call("answer", "", Case("q", "Lima")).text == "Lima"


def test_equal_calls_are_made_once_however_they_are_written() -> None:
    counting = Counting()
    with Toolbox([counting.tool]) as toolbox:
        texts = {toolbox.call(Action("count", argument)).text for argument in ("7", " +7", '{"number": 7}')}
    assert texts == {"7 at call 1"}


def test_what_changes_from_day_to_day_is_not_remembered() -> None:
    counting = Counting()
    with Toolbox([replace(counting.tool, changes=True)]) as toolbox:
        assert [toolbox.call(Action("count", "1")).text for _ in range(2)] == ["1 at call 1", "1 at call 2"]
    assert [tool.name for tool in demo_tools() if tool.changes] == ["Calendar.today"]


def test_what_comes_near_for_one_case_is_no_answer_for_another() -> None:
    lima, rome = Case("Where is Lima?", "In Peru"), Case("Where is Rome?", "In Italy")
    with ObservationStore(":memory:") as store, Toolbox([echo], "replay", store, fuzzy_replay=True) as toolbox:
        for case, said in ((lima, "Peru"), (rome, "Italy")):
            store.put(Call("echo", f'{{"text": "{case.question_text}"}}', case_digest(case)), Observation(said))
        found = [toolbox.call(Action("echo", "the capital"), case) for case in (lima, rome, lima)]
    assert [observation.text for observation in found] == ["Peru", "Italy", "Peru"]
    assert {observation.origin for observation in found} == {"replayed_near"}


def test_equal_calls_at_the_same_time_are_made_once() -> None:
    counting = Counting()
    with Toolbox([counting.tool]) as toolbox:
        futures = [toolbox.submit(Action("count", "7")) for _ in range(12)]
        assert {future.result().text for future in futures} == {"7 at call 1"}


def test_calls_that_see_different_cases_are_different_calls() -> None:
    with Toolbox([answer]) as toolbox, ThreadPoolExecutor(4) as threads:
        texts = [str(number) for number in range(20)]
        assert [seen.text for seen in threads.map(lambda text: toolbox.call(Action("answer", ""), Case("q", text)), texts)] == texts


def test_failures_of_the_world_are_tried_again() -> None:
    outcomes = iter([ToolUnavailable("down"), None])

    @tool(name="flaky")
    def flaky() -> str:
        """Fails once."""
        if error := next(outcomes):
            raise error
        return "up"

    with Toolbox([flaky]) as toolbox:
        assert [toolbox.call(Action("flaky", "")).text for _ in range(3)] == ["down", "up", "up"]


def test_a_waiting_call_holds_up_no_other() -> None:
    released.clear()
    with Toolbox([replace(hang, deadline=2.0), echo]) as toolbox:
        slow = toolbox.submit(Action("hang", "1"))
        assert toolbox.submit(Action("echo", "quick")).result(timeout=1).text == "quick"
        assert not slow.done()
        released.set()
        assert slow.result(timeout=1).text == "1"


def test_what_was_recorded_is_replayed_and_what_was_not_is_a_data_error(tmp_path: Path) -> None:
    case = Case("q", "<<1+1=2>>2\n#### 2")
    with ObservationStore(tmp_path / "observations.db") as store:
        with Toolbox(demo_tools(), "record", store) as toolbox:
            recorded = toolbox.call(Action("calculator", ""), case)
        with Toolbox(demo_tools(), "replay", store) as toolbox:
            assert toolbox.call(Action("calculator", ""), case) == recorded
            for attempt in (toolbox.call, lambda *given: toolbox.submit(*given).result()):
                with pytest.raises(DataError, match="no recording of calculator"):
                    attempt(Action("calculator", ""), Case("q", "another answer"))


def test_the_default_toolbox_works_without_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("THEMIS_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    with default_toolbox() as toolbox:
        assert toolbox.names == NAMES
        assert toolbox.call(Action("Calendar.target_day", "2015-03-24, 12")) == Observation("2015-04-05")
        assert toolbox.call(Action("history_weather", "Lisbon, 2024-05-03")).text.startswith(
            "The weather for Lisbon on 2024-05-03 is: \noverall"
        )


def test_schemas_are_what_chat_templates_take() -> None:
    with Toolbox([echo]) as toolbox:
        parameters = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"], "additionalProperties": False}
        function = {"name": "echo", "description": "Says it again.", "parameters": parameters}
        assert toolbox.schemas() == [{"type": "function", "function": function}]


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="two tools are named 'echo'"):
        Toolbox([echo, echo])


extra_tools = [echo, fail]
not_tools = "echo"


def test_plug_ins_join_by_their_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    def offering(value: str) -> None:
        entry = EntryPoint("extra", value, toolbox_module.ENTRY_POINTS)
        monkeypatch.setattr(plugins, "entry_points", lambda group: [entry])

    offering("tests.tools.test_toolbox:extra_tools")
    with default_toolbox() as toolbox:
        assert toolbox.names == (*NAMES, "echo", "fail")
        assert toolbox.call(Action("fail", "bug")).status == "unavailable"
    for value, sentence in (("tests.tools.test_toolbox:not_tools", "is not a tool"), ("tests.no_such_module:x", "cannot be loaded")):
        offering(value)
        with pytest.raises(ConfigError, match=sentence):
            default_toolbox()
