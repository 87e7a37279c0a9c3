"""Figures are drawn of real results, at the places that these say; what cannot be drawn is refused."""

import sys
from pathlib import Path
from subprocess import run

import pytest

from benchmarks.figures import DOTS, HEIGHT, WIDTH, Share, _has_all_tasks, draw, share_of
from benchmarks.table import read_named
from tests.benchmarks.conftest import saved
from themis.errors import ConfigError, DataError
from themis.evaluation.statistics import wilson_interval

pytest.importorskip("matplotlib")
SOME, MORE = {"calendar": (2, 4), "code": (1, 4)}, {"calendar": (4, 4), "code": (3, 4)}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    return {"a": saved(tmp_path, "a", SOME), "b": saved(tmp_path, "b", MORE), "none": saved(tmp_path, "none", SOME, averaged=False)}


def test_a_figure_is_drawn_of_real_results(files: dict[str, Path], tmp_path: Path) -> None:
    from matplotlib.image import imread

    out = tmp_path / "figure.png"
    draw([f"calculator={files['a']},{files['b']}", f"all={files['b']}"], out)
    picture = imread(out)
    assert picture.shape[:2] == (round(HEIGHT * DOTS), round(WIDTH * DOTS))
    colours = {tuple(round(255 * part) for part in pixel[:3]) for line in picture[::4] for pixel in line[::4]}
    assert {(0x1C, 0x24, 0x30), (0, 0x72, 0xB2)} <= colours, "the average's ink and the first colour"


def test_a_figure_names_what_it_shows(files: dict[str, Path], tmp_path: Path) -> None:
    from matplotlib import rcParams

    rcParams["svg.fonttype"] = "none"  # letters stay letters
    draw([f"all={files['b']}", f"code_run={files['a']}"], tmp_path / "tools.svg")
    drawn = (tmp_path / "tools.svg").read_text()
    for words in ("Accuracy with one tool switched off", "all tools", "without code_run", "calendar", "micro"):
        assert words in drawn


def test_a_share_is_the_mean_of_its_seeds_with_the_mean_of_their_ends(files: dict[str, Path]) -> None:
    found = share_of(read_named([f"1={files['a']},{files['b']}"]), "1", "calendar")
    ends = [wilson_interval(right, 4) for right in (2, 4)]
    assert isinstance(found, Share)
    assert found.accuracy == 75.0
    assert found.low == pytest.approx(50 * (ends[0][0] + ends[1][0]))
    assert found.bars == pytest.approx((75 - found.low, found.high - 75))
    assert share_of(read_named([f"1={files['a']}"]), "1", "weather") is None


def test_a_run_of_some_tasks_has_no_average_beside_that_of_all(files: dict[str, Path], tmp_path: Path) -> None:
    named = read_named([f"all={files['a']}", f"code_run={saved(tmp_path, 'code', {'code': (1, 4)})}", f"calculator={files['b']}"])
    assert [_has_all_tasks(named, name) for name in named] == [True, False, True]


@pytest.mark.parametrize(
    ("words", "out", "message"),
    [
        (["calculator={a}", "code_run={b}"], "x.png", "give the run with all tools"),
        (["all={a}", "two={none}"], "x.png", "two: its result has no average"),
        (["all={a}", "two={b}"], "x.txt", r"give a file that ends with .png, .svg or .pdf"),
        (["all={a}", "two={b}"], "no/x.png", "x.png cannot be written: No such file"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_sentence(
    words: list[str], out: str, message: str, files: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises((ConfigError, DataError), match=message):
        draw([word.format(**files) for word in words], tmp_path / out)
    assert not (tmp_path / out).exists()


def test_the_scripts_say_one_sentence_and_say_how_they_are_used() -> None:
    refused = run([sys.executable, "-m", "benchmarks.figures", "all=no.json", "--out", "x.png"], capture_output=True, text=True)
    assert (refused.returncode, refused.stdout, len(refused.stderr.splitlines())) == (2, "", 1)
    assert refused.stderr.startswith("benchmarks.figures: no.json is not a run")
    asked = run([sys.executable, "-m", "benchmarks.table"], capture_output=True, text=True)
    assert (asked.returncode, "python -m benchmarks.table nano=nano.json" in asked.stdout) == (0, True)
