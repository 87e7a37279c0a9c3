"""`themis score --ray`: each case once, although a judge dies; and what is refused, in one sentence."""

import json
import socket
import sys
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="the extra 'ray' is not installed")

import pyarrow
import pyarrow.parquet

from tests.cli.conftest import Themis, sentence, themis  # noqa: F401
from tests.cluster.processes import below, command, listening_beyond_loopback, needs_nano, wait_until, weekdays, write_lines


def rows_of(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.read_text().splitlines()]


@needs_nano
def test_each_case_has_one_row_although_its_judge_is_killed_midway(tmp_path: Path) -> None:
    data, out = write_lines(tmp_path / "in.jsonl", weekdays(40)), tmp_path / "out.jsonl"
    with command("score", "--data", data, "--out", out, "--batch-size", 4, "--json", "--ray", "--workers", 1) as run:
        wait_until(lambda: out.exists() and rows_of(out), run)
        (judge,) = below(run, "ray::MapWorker")
        beyond = listening_beyond_loopback(run)
        judge.kill()
        before = len(rows_of(out))
        stdout, stderr = run.communicate()
    assert run.returncode == 0, stderr
    assert before < 40
    assert beyond == []
    assert sorted(str(row["id"]) for row in rows_of(out)) == sorted(map(str, range(1, 41)))
    assert json.loads(stdout) == json.loads(stdout) | {"cases": 40, "already_there": 0, "judged": 40}


@needs_nano
def test_a_run_that_was_stopped_goes_on_with_ray_over_lines_and_parquet(
    themis: Themis,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("THEMIS_DATA", "")
    write_lines(tmp_path / "parts" / "a.jsonl", weekdays(6))
    (tmp_path / "parts" / "deep").mkdir()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(weekdays(6, first=6)), tmp_path / "parts" / "deep" / "b.parquet")
    out = tmp_path / "out.jsonl"
    given = ("score", "--data", tmp_path / "parts" / "**" / "*.*", "--out", out, "--json")
    ids = [f"a.jsonl:{number}" for number in range(1, 7)] + [f"deep/b.parquet:{number}" for number in range(1, 7)]

    assert themis(*given).exit_code == 0
    here = {row["id"]: row for row in rows_of(out)}
    assert sorted(map(str, here)) == ids
    lines = out.read_bytes().splitlines(keepends=True)
    out.write_bytes(b"".join(lines[:7]) + lines[7][:50])
    with command(*given, "--ray", "--workers", 1) as run:
        stdout, stderr = run.communicate()
    assert run.returncode == 0, stderr
    assert (json.loads(stdout)["already_there"], json.loads(stdout)["judged"]) == (7, 5)
    by_ray = {row["id"]: row for row in rows_of(out)}
    assert len(rows_of(out)) == len(by_ray) == 12
    for id, row in by_ray.items():
        assert row["reward"] == pytest.approx(here[id]["reward"], abs=1e-4)
        assert (row["trace"], row["key"], row["judge"]) == (here[id]["trace"], here[id]["key"], here[id]["judge"])


@needs_nano
def test_a_worker_says_in_one_sentence_what_the_user_can_mend(tmp_path: Path) -> None:
    data, out = write_lines(tmp_path / "in.jsonl", weekdays(1)), tmp_path / "out.jsonl"
    wanted = ("score", "--data", data, "--out", out, "--ray", "--tool", "translate.backend=nobody")
    with command(*wanted) as run:
        stdout, stderr = run.communicate()
    assert (run.returncode, stdout, len(stderr.splitlines())) == (2, "", 1), stderr
    assert "translate.backend" in stderr


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("127.0.0.1:{port}", "no Ray cluster answers at '127.0.0.1:{port}': Connection refused"),
        ("ray://127.0.0.1:{port}", "no Ray cluster answers at 'ray://127.0.0.1:{port}': Connection refused"),
        ("http://127.0.0.1:{port}", "--ray must be auto, HOST:PORT or ray://HOST:PORT"),
        ("somewhere", "--ray must be auto, HOST:PORT or ray://HOST:PORT"),
    ],
)
def test_a_cluster_that_does_not_answer_is_one_sentence(themis: Themis, tmp_path: Path, address: str, problem: str) -> None:  # noqa: F811
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = write_lines(tmp_path / "in.jsonl", weekdays(1))
    said = sentence(themis("score", "--data", data, "--out", tmp_path / "out.jsonl", "--ray", address.format(port=port)))
    assert said.startswith(problem.format(port=port))
    assert not (tmp_path / "out.jsonl").exists()


def test_without_ray_its_extra_is_named(themis: Themis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setitem(sys.modules, "ray", None)
    data = write_lines(tmp_path / "in.jsonl", weekdays(1))
    said = sentence(themis("score", "--data", data, "--out", tmp_path / "out.jsonl", "--ray"))
    assert said == "--ray needs the extra 'ray' (ray is missing): pip install 'themis-rm[ray]'"


def test_ray_judges_files_alone(themis: Themis, tmp_path: Path) -> None:  # noqa: F811
    assert sentence(themis("score", "-q", "q", "-a", "a", "--ray")) == "--ray judges files of cases: give --cases and --out"
    assert "which only this process can read" in sentence(themis("score", "--cases", "-", "--out", tmp_path / "out", "--ray"))
    data = write_lines(tmp_path / "in.jsonl", weekdays(1))
    said = sentence(themis("score", "--cases", data, "--out", tmp_path / "out", "--workers", 2))
    assert said == "--workers counts the judges of --ray: leave it out, or give --ray"
