"""`themis eval tara`, on a tiny model with random weights."""

import json
from pathlib import Path

from tests.cli.conftest import Themis, sentence
from themis.traces import Action, Observation, Pair, Side, Step, Trace
from themis.traces.tara import write_tara

TUESDAY = Trace((Step("I look.", Action("Calendar.week_day", "2015-03-24"), Observation("Tuesday")),), "So.")
SEARCHED = Trace((Step("I look.", Action("wiki_search", "x"), Observation("y")),), "So.")


def folder(tmp_path: Path) -> Path:
    for task, trace in (("calendar", TUESDAY), ("wikisearch", SEARCHED)):
        write_tara([Pair("1", "q", Side("Tuesday", 1.0, trace), Side("A Monday", 0.0, trace), task=task)], tmp_path / task / "dev.jsonl")
    return tmp_path


def test_the_table_is_printed_and_written_as_json(themis: Themis, tiny: Path, tmp_path: Path) -> None:
    result = themis("eval", "tara", "--data", folder(tmp_path), "--model", tiny, "--json", tmp_path / "dev.json")
    assert result.exit_code == 0
    assert "calendar" in result.stdout
    assert "not run: wikisearch, the toolbox lacks wiki_search" in result.stdout
    written = json.loads((tmp_path / "dev.json").read_text())
    assert {"model", "tasks", "micro", "macro", "baselines"} <= written.keys()
    assert {"n", "correct", "accuracy", "ci95", "unscored", "valid_calls"} <= written["tasks"]["calendar"].keys()
    assert (written["model"], list(written["tasks"])) == (str(tiny), ["calendar"])


def test_only_some_tasks_are_run_where_asked(themis: Themis, tiny: Path, tmp_path: Path) -> None:
    data = folder(tmp_path)
    assert "wikisearch" not in themis("eval", "tara", "--data", data, "--model", tiny, "--tasks", "calendar").stdout
    assert "holds no task 'clock'" in sentence(themis("eval", "tara", "--data", data, "--model", tiny, "--tasks", "calendar, clock"))


def test_what_cannot_be_read_or_written_is_one_sentence(themis: Themis, tiny: Path, tmp_path: Path) -> None:
    assert "holds no TASK/dev.jsonl" in sentence(themis("eval", "tara", "--data", tmp_path / "no", "--model", tiny))
    unwritable = themis("eval", "tara", "--data", folder(tmp_path), "--model", tiny, "--json", tmp_path / "no" / "dev.json")
    assert "cannot be written: No such file" in sentence(unwritable)
