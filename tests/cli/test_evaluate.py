"""`themis eval tara`, on a tiny model with random weights."""

import json
import math
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Themis, sentence
from tests.fakes import tiny_bert
from themis.model.checkpoint import ModelMeta
from themis.model.encoder import new_encoder, save_encoder
from themis.traces import Action, Observation, Pair, Side, Step, Trace
from themis.traces.tara import write_tara

TUESDAY = Trace((Step("I look.", Action("Calendar.week_day", "2015-03-24"), Observation("Tuesday")),), "So.")
SEARCHED = Trace((Step("I look.", Action("wiki_search", "x"), Observation("y")),), "So.")


def folder(tmp_path: Path) -> Path:
    for task, trace in (("calendar", TUESDAY), ("wikisearch", SEARCHED)):
        write_tara([Pair("1", "q", Side("Tuesday", 1.0, trace), Side("A Monday", 0.0, trace), task=task)], tmp_path / task / "dev.jsonl")
    return tmp_path


def test_the_table_is_printed_and_written_as_json(themis: Themis, tiny: Path, tmp_path: Path) -> None:
    result = themis("eval", "tara", "--data", folder(tmp_path), "--model", tiny, "--out", tmp_path / "dev.json")
    assert result.exit_code == 0
    assert "calendar" in result.stdout
    assert "not run: wikisearch, the toolbox lacks wiki_search" in result.stdout
    written = json.loads((tmp_path / "dev.json").read_text())
    assert {"model", "tasks", "micro", "macro", "baselines"} <= written.keys()
    assert {"n", "correct", "accuracy", "ci95", "unscored", "call_agreement"} <= written["tasks"]["calendar"].keys()
    assert (written["model"], list(written["tasks"])) == (str(tiny), ["calendar"])


def test_only_some_tasks_are_run_where_asked(themis: Themis, tiny: Path, tmp_path: Path) -> None:
    data = folder(tmp_path)
    assert "wikisearch" not in themis("eval", "tara", "--data", data, "--model", tiny, "--tasks", "calendar").stdout
    assert "holds no task 'clock'" in sentence(themis("eval", "tara", "--data", data, "--model", tiny, "--tasks", "calendar, clock"))


def test_what_cannot_be_read_or_written_is_one_sentence(themis: Themis, tiny: Path, tmp_path: Path) -> None:
    assert "holds no TASK/dev.jsonl" in sentence(themis("eval", "tara", "--data", tmp_path / "no", "--model", tiny))
    data = folder(tmp_path)
    unwritable = themis("eval", "tara", "--data", data, "--model", tiny, "--out", data / "calendar" / "dev.jsonl" / "dev.json")
    assert "cannot be written: nothing can be made in" in sentence(unwritable)


def test_a_killed_evaluation_resumes_from_the_verdict_cache_beside_its_result(themis: Themis, tiny: Path, tmp_path: Path) -> None:
    words = ("eval", "tara", "--data", folder(tmp_path), "--model", tiny, "--out", tmp_path / "dev.json")
    themis(*words)
    cache = tmp_path / "dev.verdicts.jsonl"
    lines = cache.read_text().splitlines()
    assert len(lines) == 3
    forged = json.loads(lines[1]) | {"reward": 77.0, "reason": None}
    cache.write_text("\n".join([lines[0], json.dumps(forged)]) + "\n" + lines[2][:50])
    assert themis(*words).exit_code == 0
    margin = json.loads((tmp_path / "dev.json").read_text())["items"]["calendar"]["1"][1]
    assert margin is None or abs(margin) > 10, "a cached verdict was judged again"
    assert cache.read_text().splitlines()[2].split('"usage"')[0] == lines[2].split('"usage"')[0]
    assert "is the verdict cache of another judge (rationale was" in sentence(themis(*words, "--rationale", "skip"))


def test_another_model_is_compared_with_the_judge_on_the_same_pairs(themis: Themis, tiny: Path, tmp_path: Path) -> None:
    words = ("eval", "tara", "--data", folder(tmp_path), "--model", tiny, "--rationale", "skip", "--out", tmp_path / "dev.json")
    result = themis(*words, "--against", tiny)
    assert f"+0.0 points (+0.0 to +0.0) against {tiny}" in " ".join(result.stdout.split())
    written = json.loads((tmp_path / "dev.json").read_text())
    rival = written["tasks"]["calendar"]["rivals"]["against"]
    assert (rival["difference"], written["against"]) == (0, str(tiny))
    assert (tmp_path / "dev.verdicts.against.jsonl").is_file()


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained encoder reward model."""
    directory = tmp_path_factory.mktemp("encoder")
    save_encoder(directory / "model", *new_encoder(tiny_bert(directory / "bert")), ModelMeta(kind="encoder"))
    return directory / "model"


def test_an_encoder_is_measured_as_a_model_without_tools(themis: Themis, tiny: Path, encoder: Path, tmp_path: Path) -> None:
    words = ("eval", "tara", "--data", folder(tmp_path), "--rationale", "skip", "--out", tmp_path / "dev.json")
    result = themis(*words, "--model", encoder, "--against", tiny)
    assert result.exit_code == 0, result.output
    written = json.loads((tmp_path / "dev.json").read_text())
    row = written["tasks"]["calendar"]
    assert (row["n"], row["unscored"], row["call_agreement"]) == (1, 0, None)
    assert row["cost"].items() >= {"judgements": 2, "calls": 0, "new_tokens": 0}.items()
    # [CLS] q [SEP], then Tuesday or A Monday, a letter each, and [SEP].
    assert row["cost"]["read_tokens"] == 3 + 7 + 1
    (tmp_path / "dev.verdicts.jsonl").unlink()
    (tmp_path / "dev.verdicts.against.jsonl").unlink()
    assert themis(*words, "--model", tiny, "--against", encoder).exit_code == 0
    other = json.loads((tmp_path / "dev.json").read_text())
    assert other["tasks"]["calendar"]["rivals"]["against"]["accuracy"] == row["accuracy"]
    assert themis("score", "-q", "q", "-a", "Tuesday", "--model", encoder, "--json").exit_code == 0


def test_a_tool_that_is_switched_off_says_so_and_its_task_is_run(themis: Themis, tiny: Path, tmp_path: Path) -> None:
    words = ("eval", "tara", "--data", folder(tmp_path), "--model", tiny, "--out", tmp_path / "dev.json")
    result = themis(*words, "--without", "Calendar.week_day", "--without", "calculator")
    assert "switched off: Calendar.week_day, calculator" in result.stdout
    written = json.loads((tmp_path / "dev.json").read_text())
    assert written["settings"]["without"] == ["Calendar.week_day", "calculator"]
    assert written["tasks"]["calendar"]["n"] == 1
    assert "is the verdict cache of another judge (without was" in sentence(themis(*words))
    assert "did you mean 'Calendar.week_day'?" in sentence(themis(*words, "--without", "calendar.weekday"))


def test_samples_are_drawn_and_told_apart(themis: Themis, tiny: Path, tmp_path: Path) -> None:
    words = ("eval", "tara", "--data", folder(tmp_path), "--model", tiny, "--rationale", "skip")
    themis(*words, "--samples", 3, "--temperature", 1.5, "--out", tmp_path / "dev.json")
    written = json.loads((tmp_path / "dev.json").read_text())
    assert written["settings"].items() >= {"rationale": "skip", "samples": 3, "temperature": 1.5, "seed": 0}.items()
    assert written["settings"]["budget"]["tool_calls"] == 3
    assert written["cost"]["judgements"] == 6
    assert len(written["coverage"]) == 10


def test_the_benches_of_taras_folder_are_averaged_by_themselves(themis: Themis, tiny: Path, tmp_path: Path) -> None:
    for task, rows in (("hh_rlhf", 2), ("retarded_bar", 3)):
        pairs = [Pair(str(number), "q", Side("yes", 1.0), Side("no", 0.0), task=task) for number in range(rows)]
        write_tara(pairs, tmp_path / task / "dev.jsonl")
    choices = [{"question": "q", "answer": str(number), "label": int(number == 1), "root": 4} for number in range(4)]
    (tmp_path / "truthful_qa").mkdir()
    (tmp_path / "truthful_qa" / "dev.jsonl").write_text("".join(json.dumps(choice) + "\n" for choice in choices))
    counts = {}
    for bench in ("hh", "retarded-bar", "truthfulqa"):
        result = themis("eval", bench, "--data", tmp_path, "--model", tiny, "--rationale", "skip", "--out", tmp_path / "b.json")
        assert result.exit_code == 0, result.output
        counts[bench] = json.loads((tmp_path / "b.json").read_text())["averages"]["micro"]["n"]
        (tmp_path / "b.verdicts.jsonl").unlink()
    assert counts == {"hh": 2, "retarded-bar": 3, "truthfulqa": 1}
    assert "chance level: 25.0" in result.stdout


def test_any_preference_file_is_a_bench(themis: Themis, tiny: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    row = {"id": "tied:1", "prompt": "p", "chosen": ["a", "b"], "rejected": ["c"], "num_correct": 2, "subset": "Ties"}
    file.write_text(json.dumps(row) + "\n")
    result = themis("eval", "bench", file, "--model", tiny, "--rationale", "skip", "--out", tmp_path / "b.json")
    assert result.exit_code == 0, result.output
    assert "Ties" in result.stdout
    written = json.loads((tmp_path / "b.json").read_text())
    assert (written["bench"], set(written["official"])) == ("mine", {"Ties", "score"})
    file.write_text('{"prompt": "p"}\n')
    assert "line 1: field 'answer' (or 'chosen') is missing" in sentence(themis("eval", "bench", file, "--model", tiny))


def test_the_fitted_temperature_is_saved_with_the_model_where_asked(themis: Themis, tiny: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny, model)
    before = json.loads((tiny / "themis.json").read_text())
    data, result = tmp_path / "hh_rlhf" / "dev.jsonl", tmp_path / "b.json"
    words = ("eval", "hh", "--data", tmp_path, "--model", model, "--rationale", "skip", "--out", result, "--tool-calls", 0)
    better, worse = Side("yes", 1.0), Side("no", 0.0)
    write_tara([Pair(str(number), "q", better, worse) for number in range(4)], data)
    assert "no temperature fits a judge that is always right" in themis(*words, "--save-temperature").stderr
    assert json.loads((model / "themis.json").read_text()) == before

    if json.loads(result.read_text())["items"]["hh_rlhf"]["0"][1] < 0:
        better, worse = worse, better
    (model / "themis.json").write_text(json.dumps(before | {"unlikely": -2.5}))
    pairs = [Pair(str(number), "q", *((worse, better) if number == 0 else (better, worse))) for number in range(4)]
    write_tara(pairs, data)
    assert themis(*words, "--save-temperature").exit_code == 0
    after = json.loads((model / "themis.json").read_text())
    margin = json.loads(result.read_text())["items"]["hh_rlhf"]["1"][1]
    assert after["temperature"] == pytest.approx(margin / math.log(3), rel=1e-3), "right in three of four"
    assert after["unlikely"] == -2.5, "these items have no call: what was fitted before stays"
    assert after | {"temperature": 1.0, "unlikely": None} == before
    themis(*words)
    assert json.loads(result.read_text())["calibration"]["stored"]["temperature"] == after["temperature"]


def test_rewardbench_is_judged_into_its_own_files_resumes_and_is_shown_again(themis: Themis, tiny: Path, tmp_path: Path) -> None:
    models = {"chosen_model": "m", "rejected_model": "n"}
    rows = [{"prompt": "p", "chosen": f"a{at}", "rejected": "b" * (not at), "subset": "hep-go", "id": at, **models} for at in range(2)]
    file, results = tmp_path / "rewardbench.jsonl", tmp_path / "results"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ("bench", "rewardbench", file, "--model", tiny, "--rationale", "skip", "--tool-calls", 0, "--results", results)
    result = themis(*words, "--name", "owner/tiny")
    assert result.exit_code == 0, result.output
    figures = json.loads((results / "owner" / "tiny.json").read_text())
    lines = [json.loads(line) for line in (results / "owner" / "tiny_outputs.jsonl").read_text().splitlines()]
    assert (figures["num_prompts"], figures["accuracy"]) == (2, sum(line["results"] for line in lines) / 2)
    assert (lines[1]["scores_rejected"], lines[1]["reason_rejected"], lines[1]["results"]) == (None, "empty_answer", 1)
    cache = results / "owner" / "tiny.verdicts.jsonl"
    judged = cache.read_text()
    cache.write_text("".join(judged.splitlines(keepends=True)[:2]))
    assert themis(*words, "--name", "owner/tiny").exit_code == 0
    assert len(cache.read_text().splitlines()) == len(judged.splitlines())
    shown = themis("bench", "rewardbench", results / "owner" / "tiny_outputs.jsonl", "--out", tmp_path / "shown.json")
    assert shown.exit_code == 0, shown.output
    assert json.loads((tmp_path / "shown.json").read_text())["tasks"]["hep-go"]["accuracy"] == figures["accuracy"]

    assert "need a name such as nano or OWNER/NAME, found '../x'" in sentence(themis(*words, "--name", "../x"))
    (tmp_path / "other.jsonl").write_text(json.dumps({"question": "q", "response_A": "a", "response_B": "b", "label": "A>B"}) + "\n")
    other = themis("bench", "rewardbench", tmp_path / "other.jsonl", "--model", tiny, "--results", results)
    assert "of which RewardBench has no files: `themis eval bench" in sentence(other)
