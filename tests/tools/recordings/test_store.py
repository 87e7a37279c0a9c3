"""The store of observations and its modes."""

import json
import multiprocessing
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from themis.errors import ConfigError, DataError
from themis.tools.recordings.store import Call, Mode, ObservationStore, Recorder, case_digest
from themis.traces import Case, Observation

CALL = Call("search", '{"query": "Lima"}')


class World:
    """Answers with a number that grows, so that a replayed answer shows."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> Observation:
        self.calls += 1
        return Observation(f"answer {self.calls}")


def test_live_keeps_nothing_and_needs_no_store() -> None:
    world = World()
    assert [Recorder().observe(CALL, world).text for _ in range(2)] == ["answer 1", "answer 2"]


@pytest.mark.parametrize(
    ("mode", "texts", "kept"),
    [("live", ["answer 1", "answer 2"], 0), ("record", ["answer 1", "answer 2"], 1), ("auto", ["answer 1", "answer 1"], 1)],
)
def test_each_mode_calls_and_keeps_what_it_should(mode: Mode, texts: list[str], kept: int) -> None:
    with ObservationStore(":memory:") as store:
        world = World()
        recorder = Recorder(mode, store)
        assert [recorder.observe(CALL, world).text for _ in range(2)] == texts
        assert len(store) == kept


def test_replay_answers_from_the_store_alone() -> None:
    with ObservationStore(":memory:") as store:
        store.put(CALL, Observation("no such page", "error"))
        world = World()
        assert Recorder("replay", store).observe(CALL, world) == Observation("no such page", "error")
        with pytest.raises(DataError, match="no recording of calculator"):
            Recorder("replay", store).observe(Call("calculator", "{}"), world)
        assert world.calls == 0


def test_failures_of_the_world_are_not_recorded() -> None:
    with ObservationStore(":memory:") as store:
        Recorder("auto", store).observe(CALL, lambda: Observation("no network", "unavailable"))
        Recorder("record", store).observe(CALL, lambda: Observation("too late", "timeout"))
        assert len(store) == 0


def test_a_mode_that_needs_a_store_says_so() -> None:
    with pytest.raises(ConfigError, match="'replay' needs a store"):
        Recorder("replay")
    with pytest.raises(ConfigError, match="not 'reply'"):
        Recorder("reply")  # type: ignore[arg-type]


def test_the_digest_of_a_case_changes_with_its_answer_but_not_with_its_id() -> None:
    assert case_digest(Case("q", "a", id="1")) == case_digest(Case("q", "a", id="2"))
    assert len({case_digest(None), case_digest(Case("q", "a")), case_digest(Case("q", "b"))}) == 3


def test_an_export_reads_back_and_is_sorted(tmp_path: Path) -> None:
    calls = [Call("b", "{}"), Call("a", '{"x": "é\u2028"}', "f00"), Call("a", "{}")]
    with ObservationStore(tmp_path / "one.db") as store, ObservationStore(tmp_path / "two.db") as other:
        for call in calls:
            store.put(call, Observation(f"text\nof {call.argument}"))
        assert store.export_jsonl(tmp_path / "one.jsonl") == 3
        assert other.import_jsonl(tmp_path / "one.jsonl") == 3
        assert other.export_jsonl(tmp_path / "two.jsonl") == 3
        assert [other.get(call) for call in calls] == [store.get(call) for call in calls]
    text = (tmp_path / "one.jsonl").read_text(encoding="utf-8")
    assert text == (tmp_path / "two.jsonl").read_text(encoding="utf-8")
    assert [line.split('"')[3] for line in text.strip().split("\n")] == ["a", "a", "b"]


def test_a_file_that_is_no_store_is_a_data_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a database, " * 100)
    with pytest.raises(DataError, match="cannot be opened as a store"):
        ObservationStore(tmp_path / "notes.txt")


def test_a_call_in_other_words_is_answered_by_the_same_case_and_tool_and_marked() -> None:
    case = case_digest(Case("Where is Lima?", "In Peru"))
    with ObservationStore(":memory:") as store:
        store.put_all(
            [
                (Call("search", '{"query": "Lima"}', case), Observation("a city")),
                (Call("search", '{"query": "Peru"}', case), Observation("a country")),
                (Call("search", '{"query": "capital of Peru"}', "another case"), Observation("of another case")),
                (Call("calculator", '{"expression": "1"}', case), Observation("of another tool")),
            ]
        )
        world = World()
        near = Recorder("replay", store, fuzzy_replay=True)
        found = near.observe(Call("search", '{"query": "capital Lima"}'), world, case)
        assert (found.text, found.status, found.origin) == ("a city", "ok", "replayed_near")
        assert near.observe(Call("search", '{"query": "of Peru"}'), world, case).text == "a country"
        store.put(Call("search", '{"query": "capital Lima"}'), Observation("exactly"))
        found = near.observe(Call("search", '{"query": "capital Lima"}'), world, case)
        assert (found.text, found.origin) == ("exactly", "")
        for recorder, digest in ((near, ""), (near, "no such case"), (Recorder("replay", store), case)):
            with pytest.raises(DataError, match="no recording of search"):
                recorder.observe(Call("search", '{"query": "of Peru"}'), world, digest)
        assert world.calls == 0


def test_in_the_mode_auto_a_call_that_nothing_comes_near_to_is_made() -> None:
    case = case_digest(Case("Where is Lima?", "In Peru"))
    with ObservationStore(":memory:") as store:
        store.put(Call("search", '{"query": "Lima"}', case), Observation("a city"))
        recorder, world = Recorder("auto", store, fuzzy_replay=True), World()
        assert recorder.observe(Call("search", '{"query": "capital Lima"}'), world, case).origin == "replayed_near"
        assert world.calls == 0
        assert recorder.observe(Call("search", '{"query": "Rome"}'), world, "another case").origin == ""
        assert world.calls == 1


def test_nothing_is_near_where_nothing_is_read_back() -> None:
    with ObservationStore(":memory:") as store, pytest.raises(ConfigError, match="in the modes replay and auto only, not 'record'"):
        Recorder("record", store, fuzzy_replay=True)


def test_what_changes_from_day_to_day_is_read_back_by_a_replay_alone() -> None:
    call = Call("today", "{}")
    with ObservationStore(":memory:") as store:
        world = World()
        store.put(call, Observation("yesterday"))
        assert Recorder("auto", store).observe(call, world, changes=True).text != "yesterday"
        store.put(call, Observation("that day"))
        assert Recorder("replay", store).observe(call, world, changes=True).text == "that day"


def test_what_cannot_be_recorded_or_written_is_a_data_error_and_the_store_goes_on(tmp_path: Path) -> None:
    with ObservationStore(tmp_path / "one.db") as store:
        with pytest.raises(DataError, match="nothing can be recorded there"):
            store.put_all([(CALL, Observation("first")), (Call("search", "{}"), Observation(None))])  # type: ignore[arg-type]
        assert store.get(CALL) is None
        store.put(CALL, Observation("second"))
        assert store.get(CALL) == Observation("second")
        with pytest.raises(DataError, match="cannot be written"):
            store.export_jsonl(tmp_path / "one.db" / "one.jsonl")
        with pytest.raises(DataError, match="cannot be read: No such file"):
            store.import_jsonl(tmp_path / "nowhere.jsonl")


def test_a_tool_that_was_set_otherwise_is_refused_and_what_is_recorded_stays(tmp_path: Path) -> None:
    with ObservationStore(tmp_path / "new" / "one.db") as store:
        store.claim({"search": "serper 1", "calculator": "built in"})
        store.claim({"search": "serper 2"})  # nothing was recorded of it
        store.put(CALL, Observation("first"))
        store.claim({"search": "serper 2", "other.": "MCP 1"})
        for changed in ("serper 1", "brave 2"):
            with pytest.raises(ConfigError, match=rf"recordings of search that was set otherwise \(serper 2, and now {changed}\)"):
                store.claim({"calculator": "other", "search": changed})
        store.put(Call("other.find", "{}"), Observation("found"))
        with pytest.raises(ConfigError, match=r"recordings of other\. that was set otherwise"):
            store.claim({"other.": "MCP 2"})
        assert store.get(CALL) == Observation("first")


def test_recordings_of_which_no_setting_is_noted_answer_for_any(tmp_path: Path) -> None:
    with ObservationStore(tmp_path / "one.db") as store:
        store.put(CALL, Observation("imported"))
        store.claim({"search": "serper 1"})
        store.claim({"search": "serper 2"})


def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "photos.db") as photos:
        photos.execute("CREATE TABLE photos (name TEXT)")
    before = (tmp_path / "photos.db").read_bytes()
    with pytest.raises(DataError, match="it is a database of something else"):
        ObservationStore(tmp_path / "photos.db")
    assert (tmp_path / "photos.db").read_bytes() == before


_RECORDING = """
import sys
from themis.tools.recordings.store import Call, ObservationStore
from themis.traces import Observation

with ObservationStore(sys.argv[1]) as store:
    for number in range(100_000):
        store.put(Call("tool", str(number)), Observation(str(number)))
        print(number, flush=True)
"""


def test_killed_in_the_middle_nothing_recorded_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "killed.db"
    recorder = subprocess.Popen([sys.executable, "-c", _RECORDING, str(path)], stdout=subprocess.PIPE, text=True)
    assert recorder.stdout is not None
    for line in recorder.stdout:
        if int(line) == 200:
            recorder.kill()
            break
    last = int(([line, *recorder.stdout.read().split("\n")[:-1]])[-1])
    recorder.wait()
    with ObservationStore(path) as store:
        assert all(store.get(Call("tool", str(number))) == Observation(str(number)) for number in range(last + 1))
        store.put(CALL, Observation("it goes on"))


def _write(path: str, writer: int) -> None:
    with ObservationStore(path) as store:
        for number in range(100):
            store.put(Call("tool", f"{writer} {number}"), Observation(f"{writer} {number}"))
            store.put(Call("tool", "shared"), Observation("the same"))


def test_four_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    path = str(tmp_path / "shared.db")
    spawning = multiprocessing.get_context("spawn")
    writers = [spawning.Process(target=_write, args=(path, writer)) for writer in range(4)]
    for process in writers:
        process.start()
    for process in writers:
        process.join()
    assert [process.exitcode for process in writers] == [0, 0, 0, 0]
    with ObservationStore(path) as store:
        assert len(store) == 401
        assert store.get(Call("tool", "3 99")) == Observation("3 99")


GOOD = {"tool": "t", "argument": "a", "case_digest": "", "status": "ok", "text": ""}


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ("{", "not valid JSON"),
        ("[]", "expected a JSON object, found a list"),
        ('{"tool": "t"}', "field 'argument' is missing"),
        (json.dumps(GOOD | {"status": "unavailable"}), "field 'status' is 'unavailable', a failure of the world"),
        (json.dumps(GOOD | {"status": "timeout"}), "field 'status' is 'timeout', a failure of the world"),
        (json.dumps(GOOD | {"status": "fine"}), "field 'status' is 'fine'"),
        (json.dumps(GOOD | {"text": 3}), "field 'text' must be text"),
    ],
)
def test_a_line_that_cannot_be_imported_costs_itself(tmp_path: Path, caplog: pytest.LogCaptureFixture, bad: str, named: str) -> None:
    path = tmp_path / "seen.jsonl"
    with ObservationStore(tmp_path / "seen.db") as store:
        path.write_text(bad)
        with pytest.raises(DataError, match=f"seen.jsonl, line 1: {named}"):
            store.import_jsonl(path)
        path.write_text(f"{json.dumps(GOOD)}\n{bad}\n")
        assert store.import_jsonl(path) == 1
        assert store.get(Call("t", "a")) == Observation("")
        assert f"seen.jsonl, line 2: {named}" in caplog.text
