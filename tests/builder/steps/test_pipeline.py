"""The four steps end to end, with real agents and tools over a tiny catalogue; and what a killed run leaves."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from tests.builder.steps.tiny import RECIPE, RIVERS, TINY, bytes_of, read_days, write_data
from themis.builder.draft import Draft, Source
from themis.builder.steps import pipeline
from themis.builder.steps.collect import Held, all_drafts, collect
from themis.builder.steps.pipeline import build, made_from
from themis.builder.steps.recipe import BuildRecipe, TaskRecipe
from themis.builder.steps.work import Work, full_disk_told
from themis.errors import ConfigError, DataError
from themis.files import difference
from themis.tools.setup.settings import Settings, ToolSetting
from themis.traces.tara import question_hash, read_tara

ROOT = Path(__file__).parents[3]


def with_task(**changes: TaskRecipe) -> BuildRecipe:
    return replace(RECIPE, tasks={**RECIPE.tasks, **changes})


def test_the_rows_asked_for_are_there_each_with_steps_and_rationale(built: Path) -> None:
    for task, settings in RECIPE.tasks.items():
        for split, count in (("train", settings.train), ("test", settings.test)):
            pairs = read_tara(built / "tara" / task / f"{split}.jsonl").pairs
            assert len(pairs) == count
            for pair in pairs:
                for side in (pair.chosen, pair.rejected):
                    assert side.trace is not None
                    assert side.trace.rationale
                    assert all(step.observation is not None for step in side.trace.steps)


def test_no_group_stands_in_training_and_in_the_test(built: Path) -> None:
    groups = [
        {int(pair.id.split("/")[1]) // 2 for pair in read_tara(built / f"tara/calculator/{split}.jsonl").pairs}
        for split in ("train", "test")
    ]
    assert not groups[0] & groups[1]


def test_rows_that_are_worked_on_at_once_come_out_the_same(built: Path, data: Path, tmp_path: Path) -> None:
    build(RECIPE, tmp_path / "many", TINY, data, at_once=3)
    assert bytes_of(tmp_path / "many") == bytes_of(built)


def test_another_seed_gives_other_rows(data: Path, tmp_path: Path) -> None:
    questions = []
    for seed in (1, 2):
        with Work(tmp_path / str(seed), {"recipe": "x"}) as work:
            collected = collect(work, replace(RECIPE, seed=seed), dict(TINY), data, Held())
        questions.append([draft.question for draft in all_drafts(collected.drafts)])
    assert questions[0] != questions[1]


def test_killed_at_any_moment_it_goes_on_and_ends_with_the_same_bytes(built: Path, data: Path, tmp_path: Path) -> None:
    out, chance, killed = tmp_path / "killed", Random(3), 0
    command = [sys.executable, "-m", "tests.builder.steps.killed", str(data), str(out)]
    while True:
        process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
        # A while after some more files are there: so each run comes further, on slow machines, too.
        enough = len(files_of(out)) + chance.randint(4, 16)
        while process.poll() is None and len(files_of(out)) < enough:
            time.sleep(0.002)
        time.sleep(chance.random() * 0.05)
        if process.poll() is not None:
            break
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        killed += 1
    assert process.returncode == 0
    assert killed >= 2
    assert bytes_of(out) == bytes_of(built)


def files_of(folder: Path) -> list[str]:
    """What lies in a folder while it is being written."""
    return [name for _, _, names in os.walk(folder) for name in names]


def test_the_same_command_on_a_whole_build_does_nothing(built: Path, data: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in built.rglob("*")}
    again = build(RECIPE, built, TINY, data, at_once=1)
    assert not again.is_new
    assert again.report["rows"] == {"train": 54, "test": 17}
    assert {path: path.stat().st_mtime_ns for path in built.rglob("*")} == before


def test_another_recipe_in_the_same_folder_is_refused_unless_it_may_overwrite(built: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(built, out)
    (out / "tara" / "calendar" / "old.jsonl").touch()
    smaller = with_task(wikisearch=TaskRecipe({"rivers": 1.0}, train=3, test=1))
    with pytest.raises(ConfigError, match=r"holds another build \(made_from: tasks was .*--overwrite"):
        build(smaller, out, TINY, data)
    assert (out / "README.md").is_file()
    build(RECIPE, out, TINY, data, at_once=1, overwrite=True)
    assert bytes_of(out) == bytes_of(built)


def test_a_folder_of_something_else_is_left_alone(data: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(ConfigError, match="was not built by Themis"):
            build(RECIPE, tmp_path, TINY, data, overwrite=overwrite)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_two_builds_in_one_folder_at_once_are_refused(tmp_path: Path) -> None:
    with Work(tmp_path / "out", {"recipe": "a"}), pytest.raises(ConfigError, match="another run is at work"):
        Work(tmp_path / "out", {"recipe": "a"})


def test_a_full_disk_is_one_sentence_and_loses_nothing(built: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "full"
    full = out / "work" / "rows" / ".wikisearch-0000.jsonl.part"
    full.parent.mkdir(parents=True)
    full.symlink_to("/dev/full")  # the last task's file cannot be written
    with pytest.raises(DataError, match=r"the disk of .* is full; nothing is lost: make room, and run the same command again"):
        build(RECIPE, out, TINY, data, at_once=1)
    done = out / "work" / "rows" / "calendar-0000.jsonl"
    when = done.stat().st_mtime_ns
    full.unlink(missing_ok=True)
    build(RECIPE, out, TINY, data, at_once=1, progress=(seen := Seen(done)))
    assert seen.mtimes == {when}  # it was not made again
    assert bytes_of(out) == bytes_of(built)


class Seen:
    """Looks at a file whenever it is told of progress."""

    def __init__(self, path: Path) -> None:
        self.path, self.mtimes = path, set[int]()

    def step(self, name: str, total: int) -> pipeline.Advance:
        def advance(count: int) -> None:
            if self.path.exists():
                self.mtimes.add(self.path.stat().st_mtime_ns)

        return advance

    def say(self, text: str) -> None: ...

    def note(self, text: str) -> None: ...


def test_a_full_disk_is_told_by_its_error_alone(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), full_disk_told(tmp_path):
        _ = 1 / 0


def test_held_out_questions_are_dropped_and_what_is_nearly_a_test_question_is_not_trained_on(data: Path, tmp_path: Path) -> None:
    open_ended = replace(RECIPE, tasks={"wikisearch": TaskRecipe({"rivers": 1.0})}, test_share=0.0)
    asked = {river: f"Which town does the river {river} flow through?" for river in RIVERS}
    held = Held(frozenset({question_hash(asked["Avel"])}), (f"{asked['Borm'][:-1]}",))
    with Work(tmp_path / "held", {"recipe": "x"}) as work:
        collected = collect(work, open_ended, dict(TINY), data, held)
    left = {draft.question for draft in all_drafts(collected.drafts)}
    assert left == set(asked.values()) - {asked["Avel"], asked["Borm"]}
    assert collected.left_out == {
        ("wikisearch", "the question is held out"): 1,
        ("wikisearch", "the question is nearly one of the test"): 1,
    }


def test_more_rows_than_the_sources_hold_are_refused_before_any_work(data: Path, tmp_path: Path) -> None:
    greedy = with_task(wikisearch=TaskRecipe({"rivers": 1.0}, train=100, test=10))
    with pytest.raises(DataError, match=r"asks for 110 rows of wikisearch, and its sources hold 12 questions \(rivers 12\)"):
        build(greedy, tmp_path / "out", TINY, data, at_once=1)


def test_rows_that_the_filters_did_not_leave_are_told_by_task_and_reason(data: Path, tmp_path: Path) -> None:
    def read(root: Path, seed: int, wanted: int) -> Iterator[Draft]:
        for draft in read_days(root, seed, wanted):  # half of them say another weekday than the calendar
            right = draft.chosen if int(draft.id.split("/")[1]) % 2 else draft.chosen.rsplit(" ", 1)[0] + " Blueday."
            yield replace(draft, chosen=right)

    catalogue = {"days": Source("days", "calendar", "none", read)}
    recipe = replace(RECIPE, surplus=1.2, tasks={"calendar": TaskRecipe({"days": 1.0}, train=30, test=10)})
    with pytest.raises(
        DataError, match=r"calendar: 30 train rows are asked for, \d+ of \d+ came through \(.*\); lower the counts, or raise"
    ):
        build(recipe, tmp_path / "out", catalogue, data)


def test_a_source_whose_file_is_missing_or_of_another_shape_is_named_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a source's file is missing: sums needs .*sums\.jsonl"):
        build(RECIPE, tmp_path / "out", TINY, tmp_path)
    assert not (tmp_path / "out").exists()
    (tmp_path / "sums.jsonl").write_text('{"number": [1, 2]}\n')
    with pytest.raises(DataError, match=r"sums\.jsonl, line 1: field 'numbers' is missing"):
        build(RECIPE, tmp_path / "out", TINY, tmp_path)


def test_without_the_data_the_setting_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="set THEMIS_DATA"):
        build(RECIPE, tmp_path / "out", TINY, None)


def test_a_build_is_known_by_its_recipe_its_tools_and_the_content_of_its_files(data: Path, tmp_path: Path) -> None:
    once = made_from(RECIPE, TINY, data)
    assert once == made_from(RECIPE, TINY, data)
    assert difference(once, made_from(replace(RECIPE, setting="blind"), TINY, data)) == 'setting was "hindsight", is now "blind"'
    again = write_data(tmp_path)
    assert difference(once, made_from(RECIPE, TINY, again)) is None
    file = again / "sums.jsonl"
    file.write_bytes(file.read_bytes().replace(b"1", b"2"))  # of the same size
    assert str(difference(once, made_from(RECIPE, TINY, again))).startswith("files: sums.jsonl was ")
    held_out = again / "tara" / "calendar" / "dev.jsonl"
    held_out.parent.mkdir(parents=True)
    held_out.write_text("{}")
    assert "tara" in made_from(RECIPE, TINY, again)["files"]
    mine = replace(RECIPE, tools="settings")
    one, two = (Settings({"translate": ToolSetting("apertium", {"deadline": seconds})}) for seconds in (1, 2))
    assert "translate was" in str(difference(made_from(mine, TINY, data, one), made_from(mine, TINY, data, two)))
    assert made_from(RECIPE, TINY, data, one) == made_from(RECIPE, TINY, data, two), "an offline build has no tools of the user"


def test_a_source_that_was_changed_within_its_size_is_refused(built: Path, data: Path, tmp_path: Path) -> None:
    out, changed = tmp_path / "out", tmp_path / "data"
    shutil.copytree(built, out)
    shutil.copytree(data, changed)
    (changed / "sums.jsonl").write_bytes((data / "sums.jsonl").read_bytes().replace(b"1", b"2"))
    with pytest.raises(ConfigError, match=r"holds another build \(made_from: files: sums\.jsonl was .*give another --out"):
        build(RECIPE, out, TINY, changed, at_once=1)
    assert bytes_of(out) == bytes_of(built)


def test_what_one_source_does_not_hold_another_gives(data: Path, tmp_path: Path) -> None:
    def some(count: int, name: str) -> Source:
        def read(root: Path, seed: int, wanted: int) -> Iterator[Draft]:
            for number, draft in enumerate(read_days(root, seed + len(name), min(count, wanted))):
                yield replace(draft, id=f"{name}/{number}", source=name, question=f"{draft.question} ({name})")

        return Source(name, "calendar", "none", read, ("sums.jsonl",))

    catalogue = {"few": some(10, "few"), "plenty": some(400, "plenty")}
    recipe = replace(RECIPE, surplus=1, tasks={"calendar": TaskRecipe({"few": 1.0, "plenty": 1.0}, train=90, test=10)})
    with Work(tmp_path / "out", {"recipe": "x"}) as work:
        drafts = list(all_drafts(collect(work, recipe, catalogue, data, Held()).drafts))
    found = [draft.source for draft in drafts]
    assert (found.count("few"), found.count("plenty")) == (10, 90)


def test_a_source_that_gives_one_id_twice_is_refused(data: Path, tmp_path: Path) -> None:
    def twice(root: Path, seed: int, wanted: int) -> Iterator[Draft]:
        for draft in read_days(root, seed, min(wanted, 20)):
            yield from (draft, draft)

    catalogue = {"days": Source("days", "calendar", "none", twice, ("sums.jsonl",))}
    recipe = replace(RECIPE, tasks={"calendar": TaskRecipe({"days": 1.0}, train=5, test=1)})
    with pytest.raises(DataError, match="gave the id days/0 twice"):
        build(recipe, tmp_path / "out", catalogue, data)


def test_a_chunk_that_was_damaged_is_named(data: Path, tmp_path: Path) -> None:
    with Work(tmp_path / "out", {"recipe": "x"}) as work:
        work.write("rows/a.jsonl", [{"id": "1"}])
        (work.folder / "rows/a.jsonl").write_text('{"id": ')
        with pytest.raises(DataError, match=r"a\.jsonl is not as it was written"):
            work.read("rows/a.jsonl")
