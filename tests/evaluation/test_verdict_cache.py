"""A file of verdicts from which an evaluation resumes."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.evaluation.conftest import NumberJudge
from themis.errors import DataError
from themis.evaluation.verdict_cache import VerdictCache
from themis.traces import Case, Verdict

CASES = [Case("q", "1", id="a"), Case("q", "2", id="b"), Case("q", "3", id="c")]
JUDGE = {"model": "m", "rationale": "skip"}


def judge(path: Path, cases: list[Case], inner: NumberJudge, draw: int = 0) -> dict[int, Verdict]:
    with VerdictCache(path, JUDGE) as cache:
        return dict(cache.cached(inner, draw).judge_all(cases))


def test_what_was_judged_is_not_judged_again_in_whatever_order_it_comes(tmp_path: Path) -> None:
    first, second = NumberJudge(), NumberJudge()
    before = judge(tmp_path / "v.jsonl", CASES[:2], first)
    after = judge(tmp_path / "v.jsonl", [CASES[2], replace(CASES[1], id="other"), CASES[0]], second)
    assert (first.judged, second.judged) == (["1", "2"], ["3"])
    assert after[2] == before[0]
    assert after[1] == replace(before[1], id="other")


def test_another_draw_is_another_verdict(tmp_path: Path) -> None:
    judge(tmp_path / "v.jsonl", CASES, NumberJudge(0), draw=0)
    assert judge(tmp_path / "v.jsonl", CASES, NumberJudge(5), draw=1)[0].reward == 6
    assert judge(tmp_path / "v.jsonl", CASES, NumberJudge(9), draw=0)[0].reward == 1


@pytest.mark.parametrize("cut", [1, 40, 200])
def test_a_run_that_was_killed_in_the_middle_of_a_line_resumes(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "v.jsonl"
    judge(path, CASES, NumberJudge())
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    again = NumberJudge()
    judge(path, CASES, again)
    assert again.judged == ["3"]
    assert path.read_bytes() == whole


def test_a_run_that_was_killed_at_once_resumes(tmp_path: Path) -> None:
    (tmp_path / "v.jsonl").write_bytes(b'{"themis_ver')
    judge(tmp_path / "v.jsonl", CASES, NumberJudge())
    assert len((tmp_path / "v.jsonl").read_text().splitlines()) == 4


def test_verdicts_of_another_judge_are_refused_and_left_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "v.jsonl"
    judge(path, CASES, NumberJudge())
    whole = path.read_bytes()
    with pytest.raises(DataError, match=r'another judge \(rationale was "skip", is now "write"\): give another file'):
        VerdictCache(path, JUDGE | {"rationale": "write"})
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    "text", ["a diary\n", "a diary", '{"id": "1"}\n', '{"themis_verdicts": 2, "model": "m", "rationale": "skip"}\n{}\n']
)
def test_another_file_is_refused_and_left_as_it_is(text: str, tmp_path: Path) -> None:
    path = tmp_path / "v.jsonl"
    path.write_text(text)
    with pytest.raises(DataError, match="not a line of a verdict cache"):
        VerdictCache(path, JUDGE)
    assert path.read_text() == text
