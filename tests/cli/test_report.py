"""`themis report`."""

import json
from pathlib import Path

from tests.cli.conftest import Themis, sentence
from themis.traces import Pair, Side
from themis.traces.tara import write_tara


def test_what_an_evaluation_wrote_becomes_a_page(themis: Themis, tiny: Path, tmp_path: Path) -> None:
    write_tara([Pair("1", "Why <b>?", Side("yes", 1.0), Side("no", 0.0))], tmp_path / "hh_rlhf" / "dev.jsonl")
    result, out = tmp_path / "hh.json", tmp_path / "page.html"
    assert themis("eval", "hh", "--data", tmp_path, "--model", tiny, "--rationale", "skip", "--out", result).exit_code == 0
    written = themis("report", result, "--out", out, "--title", "Mine")
    assert (written.exit_code, written.stdout) == (0, f"{out}: 1 runs\n")
    assert "<h1>Mine</h1>" in out.read_text()
    assert "<b>" not in out.read_text()


def test_what_is_no_run_and_what_cannot_be_written_is_one_sentence(themis: Themis, tmp_path: Path) -> None:
    (tmp_path / "log.json").write_text(json.dumps([{"step": 1, "loss": 1.0}]))
    (tmp_path / "empty.json").write_text("[]")
    assert "empty.json is an empty log or result" in sentence(themis("report", tmp_path / "empty.json"))
    assert "none.json is not a run: give the JSON of" in sentence(themis("report", tmp_path / "none.json"))
    assert "cannot be written" in sentence(themis("report", tmp_path, "--out", tmp_path / "log.json" / "page.html"))
    assert "is a file that this command reads" in sentence(themis("report", tmp_path / "log.json", "--out", tmp_path / "log.json"))
    assert json.loads((tmp_path / "log.json").read_text()) == [{"step": 1, "loss": 1.0}]


def test_a_run_in_stages_is_one_run_a_stage(themis: Themis, tmp_path: Path) -> None:
    for stage in ("first", "all"):
        (tmp_path / "run" / "stages" / stage).mkdir(parents=True)
        (tmp_path / "run" / "stages" / stage / "log.json").write_text(json.dumps([{"step": 1, "loss": 1.0}]))
    out = tmp_path / "page.html"
    assert themis("report", tmp_path / "run", "--out", out).stdout == f"{out}: 2 runs\n"
    page = out.read_text()
    assert "first" in page
    assert "all" in page
