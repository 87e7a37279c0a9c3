"""The published calls, replayed."""

import json
from pathlib import Path

import pytest

from themis.config import data_root
from themis.errors import DataError
from themis.tools.calculator import CORRECT
from themis.tools.recordings.replay_check import Replay, render_text, replay_tara
from themis.tools.weather.record import written_weather
from themis.tools.weather.tool import read_recordings


def folder() -> Path:
    root = data_root()
    if root is None or not (root / "tara").is_dir():
        pytest.skip("the published TARA files are not on this machine (set THEMIS_DATA)")
    return root / "tara"


@pytest.fixture(scope="module")
def replay() -> Replay:
    return replay_tara(folder())


def test_calendar_and_weather_agree_with_every_published_observation(replay: Replay) -> None:
    rows = [row for row in replay.rows if row.task in ("calendar", "weather", "multi_tools")]
    assert len(rows) == 12
    assert [row for row in rows if row.equal != row.calls] == []


def test_the_calculator_agrees_where_it_knows_what_the_published_one_knew(replay: Replay) -> None:
    rows = {(row.split, row.side): row for row in replay.rows if row.task == "calculator"}
    dev = [rows["dev", "chosen"], rows["dev", "rejected"]]
    assert sum(row.equal for row in dev) / sum(row.calls for row in dev) >= 0.97
    assert rows["train", "chosen"].share >= 0.97


def test_the_pass_rates_of_code_agree_where_the_published_program_called_the_check(replay: Replay) -> None:
    rows = [row for row in replay.rows if row.task == "code"]
    for split in ("train", "dev"):
        calls, equal = (sum(getattr(row, of) for row in rows if row.split == split) for of in ("calls", "equal"))
        assert equal / calls >= 0.98
    causes = [found.cause for found in replay.differences if found.tool == "code_run"]
    assert causes == ["the published program defined the check and never called it"] * 11


def test_every_difference_has_a_cause_and_few_are_not_the_reference_answer(replay: Replay) -> None:
    assert [found for found in replay.differences if found.cause == "unknown"] == []
    assert sum(found.cause != "the published observation knew the reference answer" for found in replay.differences) < 81


def test_the_table_and_the_json_hold_every_row(replay: Replay) -> None:
    assert len(render_text(replay).split("\n")) > len(replay.rows)
    assert len(json.loads(json.dumps(replay.to_json()))["rows"]) == len(replay.rows)


def test_each_recording_is_written_again_as_it_was() -> None:
    path = folder() / "recordings" / "weather_history.json"
    assert [written_weather(record) for record in read_recordings(path)] == list(json.loads(path.read_text()).values())


def _pair(number: int, final: str, observation: str) -> dict[str, object]:
    answer = f"<<2+3=5.00>>5.00\n#### {final}"
    actions = {"Thought": "t", "Action": "calculator", "Action Input": "<<2+3=5.00>>5.00", "Observation": observation}
    first = "Thought: a\nAction: Calendar.week_day\nAction Input: 2015-03-24\nObservation: Tuesday\n"
    calls = first + "Thought: b\nAction: wiki_search\nAction Input: x\nObservation: y"
    return {
        "id": f"row_{number}",
        "question": "q",
        "pos_answer": {"answer": answer, "score": 1, "actions": actions},
        "neg_answer": {"answer": "a", "score": 0, "actions": calls},
    }


def test_differences_are_listed_with_their_cause(tmp_path: Path) -> None:
    mismatch = "The calculation process is correct, but the resulting answer 5 does not match the predicted answer {}."
    rows = [
        _pair(1, "5.00", CORRECT),
        _pair(2, "5.00", mismatch.format("500.0")),
        _pair(3, "5", mismatch.format("7.0")),
        _pair(4, "5", "Nonsense."),
    ]
    (tmp_path / "mixed").mkdir()
    (tmp_path / "mixed" / "dev.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    replay = replay_tara(tmp_path)
    assert [(row.task, row.split, row.side, row.calls, row.equal) for row in replay.rows] == [
        ("mixed", "dev", "chosen", 4, 1),
        ("mixed", "dev", "rejected", 4, 4),
    ]
    assert [(found.id, found.cause) for found in replay.differences] == [
        ("row_2/chosen", "a price read as an integer"),
        ("row_3/chosen", "the published observation knew the reference answer"),
        ("row_4/chosen", "unknown"),
    ]
    assert replay.other_tools == {"wiki_search": 4}


def test_a_folder_without_pairs_is_a_data_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no TARA pairs"):
        replay_tara(tmp_path)
