"""PPO beside TRL's: our side runs, the peer's rows are read, and the comparison says what its numbers say."""

from pathlib import Path

import pytest

from benchmarks.ppo import compare
from benchmarks.ppo.ours import run
from benchmarks.ppo.setting import TINY, Setting, read_setting, start

PEER = """warning: a line that is no row
{"step": 1, "seconds": 5.3, "cpu_seconds": 1.16, "score": 2.0875, "kl": 2.9e-07, "length": 12.125, "tokens": 388}
{"step": 2, "seconds": 2.0, "cpu_seconds": 1.00, "score": 2.5, "kl": 0.2, "length": 12.5, "tokens": 400}
"""


def test_our_side_prints_the_rows_that_the_peer_prints(tmp_path: Path) -> None:
    policy, questions, prompts = start(tmp_path, {**TINY, "hidden_size": 32, "num_hidden_layers": 1}, words=2, epochs=1)
    assert len({len(ids) for ids in prompts}) == 1  # so nobody pads them
    setting = Setting(str(policy), str(questions), prompts[:8], 30, steps=2, new_tokens=4, learning_rate=1e-3, kl=0.02, answers=8, epochs=1)
    rows = run(read_setting(setting.write(tmp_path / "setting.json")))
    assert set(compare.rows_of(PEER)[0]) <= set(rows[0])
    assert [row["step"] for row in rows] == [1, 2]
    # Answers that the limit cuts count as the longest.
    assert rows[0]["length"] <= 4 < setting.most * 10
    assert rows[0]["score"] > 2.0


def test_rows_that_are_not_all_steps_are_refused() -> None:
    rows = compare.rows_of(PEER)
    assert [row["tokens"] for row in rows] == [388, 400]
    for broken in ("", PEER.replace('"step": 2', '"step": 3')):
        with pytest.raises(ValueError, match="printed the steps"):
            compare.rows_of(broken)


def test_speed_leaves_out_the_first_step_and_compares_repeat_by_repeat() -> None:
    theirs = compare.rows_of(PEER)
    ours = [{**row, "seconds": 1.0, "cpu_seconds": 0.5} for row in theirs]
    found = compare.speed_of([ours, ours], [theirs, theirs])
    assert found["seconds"] == {"ours": 400, "theirs": 200, "ratio": 2.0, "ratios": [2.0, 2.0]}
    assert found["cpu_seconds"]["ratio"] == 2.0
    assert "2.00 x (2.00 to 2.00 in 2 repeats; wanted: 1.5)" in compare.speed_text(found)


def test_the_chance_of_a_difference_is_counted_over_all_divisions() -> None:
    assert compare.chance([1, 2], [3, 4]) == pytest.approx(2 / 6)  # these two of six divisions are as far apart
    assert compare.chance([1, 4], [2, 3]) == 1.0
    assert compare.chance([0.0] * 5, [1.0] * 5) == pytest.approx(2 / 252)


def _runs(*levels: float) -> list[list[dict[str, float]]]:
    return [[{"step": step, "score": level * step} for step in (1, 2, 3, 4)] for level in levels]


def test_curves_are_alike_where_the_seeds_differ_more_than_the_sides(tmp_path: Path) -> None:
    alike = compare.curves_of(_runs(1, 2, 3, 4, 5), _runs(1.5, 2.5, 3, 3.5, 4.5))
    assert alike["within noise"] is True
    assert alike["last quarter"]["ours"] == 12.0
    assert alike["steps apart"] == 0
    apart = compare.curves_of(_runs(1, 1.1, 1.2, 1.3, 1.4), _runs(2, 2.1, 2.2, 2.3, 2.4))
    assert apart["within noise"] is False
    assert apart["steps apart"] == 4
    assert compare.curves_text(apart).endswith("NOT within noise: a chance under 0.05")
    compare.plot(alike, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 5000
