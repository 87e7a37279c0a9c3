"""`themis tools`."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Themis, sentence
from themis.tools import ObservationStore, default_toolbox
from themis.traces import Action, Case, Observation, Pair, Side, Step, Trace
from themis.traces.tara import write_tara


def test_every_tool_is_listed_with_its_arguments(themis: Themis) -> None:
    lines = themis("tools", "list").stdout.splitlines()
    assert any("Calendar.day_difference" in line and "start, end" in line for line in lines)
    schemas = json.loads(themis("tools", "list", "--json").stdout)
    assert {"calculator", "history_weather", "Calendar.week_day"} <= {schema["name"] for schema in schemas}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("Calendar.week_day", "2015-03-24"), "Tuesday"),
        (("Calendar.week_day", '{"day": "2015-03-24"}'), "Tuesday"),
        (("calculator", "-3+4*2"), "5"),
        (("calculator", "--answer", "2+2=<<2+2=4>>4\n#### 4"), "Both the calculation and the answer are correct."),
    ],
)
def test_a_call_prints_what_the_judge_would_read(themis: Themis, words: tuple[str, ...], said: str) -> None:
    assert themis("tools", "call", *words).stdout.strip() == said
    assert json.loads(themis("tools", "call", *words, "--json").stdout) == {"status": "ok", "text": said}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("Calendar.week_day", "2015-02-31"), "that month has no day 31"),
        (("calculator", "9**9**9"), "9"),
        (("history_weather", "Atlantis, 2024-05-03"), "found 'Atlantis'"),
        (("telephone", "x"), "there is no tool 'telephone'"),
        (("calculator", "\udcff"), "half a character"),
    ],
)
def test_a_call_that_is_refused_says_why_and_exits_with_2(themis: Themis, words: tuple[str, ...], said: str) -> None:
    assert said in sentence(themis("tools", "call", *words))


def test_published_calls_are_replayed_from_a_folder(themis: Themis, tmp_path: Path) -> None:
    trace = Trace((Step("I look.", Action("Calendar.week_day", "2015-03-24"), Observation("Tuesday")),), "So.")
    pair = Pair("1", "q", Side("Tuesday", 1.0, trace), Side("Monday", 0.0, trace), task="calendar")
    write_tara([pair], tmp_path / "calendar" / "dev.jsonl")
    assert "100.00%" in themis("tools", "replay-tara", tmp_path).stdout
    assert [row["equal"] for row in json.loads(themis("tools", "replay-tara", tmp_path, "--json").stdout)["rows"]] == [1, 1]
    assert "is not a folder" in sentence(themis("tools", "replay-tara", tmp_path / "no"))


def test_published_calls_are_recorded_for_judging_offline(themis: Themis, tmp_path: Path) -> None:
    trace = Trace((Step("I search.", Action("google_serper", "capital of Peru"), Observation("Lima is.")),), "So.")
    pair = Pair("1", "q", Side("Lima", 1.0, trace), Side("Rome", 0.0, trace), task="webgpt")
    write_tara([pair], tmp_path / "webgpt" / "dev.jsonl")
    store = tmp_path / "published.db"
    assert "2 published calls" in themis("tools", "record-published", tmp_path, "--store", store).stdout
    with ObservationStore(store) as recordings, default_toolbox("auto", recordings, fuzzy_replay=True) as toolbox:
        same = toolbox.call(Action("google_serper", "capital of Peru"))
        other = toolbox.call(Action("google_serper", "Peru's capital city"), Case("q", "Lima"))
    assert (same.text, same.origin) == ("Lima is.", "")
    assert (other.text, other.origin) == ("Lima is.", "replayed_near")
    few = themis("tools", "record-published", tmp_path, "--store", tmp_path / "few.db", "--tools", "translate", "--json")
    assert json.loads(few.stdout)["calls"] == 0
    assert "there is no tool serper" in sentence(themis("tools", "record-published", tmp_path, "--store", store, "--tools", "serper"))
