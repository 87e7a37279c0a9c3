"""The table of several evaluations, by hand."""

from pathlib import Path

import pytest

from benchmarks.table import main, markdown, read_named
from tests.benchmarks.conftest import saved
from themis.errors import ConfigError, DataError

TWO = {"calendar": (3, 4), "translator": (2, 2)}


def cells(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("|")]


def test_a_row_for_each_name_and_the_rules_below(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three of four and two of two: micro 5/6, macro (0.75 + 1) / 2. The better answer is always the longer one."""
    main([f"nano={saved(tmp_path, 'a', TWO)}", f"vanilla={saved(tmp_path, 'b', {'calendar': (1, 4), 'translator': (1, 2)})}"])
    printed = capsys.readouterr().out
    assert printed.startswith("TARA dev. Accuracy in %")
    heads, _, nano, vanilla, longer, shorter = cells(printed)
    columns = ["calendar (n = 4)", "translator (n = 2)", "micro (n = 6)", "macro (n = 6)", "micro without translator (n = 4)"]
    assert heads == ["", *columns]
    assert nano == ["**nano**", "75.0 (30-95)", "100.0 (34-100)", "83.3 (44-97)", "87.5 (48-98)", "75.0 (30-95)"]
    assert [cell.split()[0] for cell in vanilla[1:]] == ["25.0", "50.0", "33.3", "37.5", "25.0"]
    assert longer[:3] == ["the longer answer", "100.0 (51-100)", "100.0 (34-100)"]
    assert [cell.split()[0] for cell in shorter] == ["the", "0.0", "0.0", "0.0", "0.0", "0.0"]


def test_seeds_give_their_mean_and_spread_and_the_interval_of_the_first(tmp_path: Path) -> None:
    """75, 50 and 100 %: the mean is 75, the deviation 25."""
    seeds = [saved(tmp_path, str(right), {"calendar": (right, 4)}) for right in (3, 2, 4)]
    row = cells(markdown(read_named([f"nano={','.join(map(str, seeds))}"])))[2]
    assert row == ["**nano**, 3 seeds", *["75.0 ± 25.0 (30-95)"] * 3]


def test_models_with_tasks_of_their_own_stand_in_one_row(tmp_path: Path) -> None:
    """Three of four and two of two, judged by two models: the averages are those of one that did both."""
    parts = "+".join(str(saved(tmp_path, task, {task: counts})) for task, counts in TWO.items())
    each, whole = cells(markdown(read_named([f"each={parts}", f"whole={saved(tmp_path, 'whole', TWO)}"])))[2:4]
    assert each[1:] == whole[1:]
    with pytest.raises(DataError, match=r"each: files joined by \+ must be of different tasks"):
        read_named([f"each={tmp_path}/calendar.json+{tmp_path}/calendar.json"])


def test_a_run_of_fewer_tasks_says_its_n(tmp_path: Path) -> None:
    table = markdown(read_named([f"part={saved(tmp_path, 'a', {'calendar': (4, 4)})}", f"whole={saved(tmp_path, 'b', TWO)}"]))
    assert cells(table)[2] == ["**part**", "100.0 (51-100)", "-", "100.0 (51-100), n = 4", "100.0 (51-100), n = 4", "-"]
    assert cells(table)[3][3] == "83.3 (44-97)"


def test_lines_that_are_in_no_average_are_left_out_but_where_asked(tmp_path: Path) -> None:
    named = read_named([f"a|b={saved(tmp_path, 'a', {'hh_rlhf': (1, 2)}, averaged=False)}"])
    assert cells(markdown(named))[0] == [""]
    assert cells(markdown(named, whole=True))[0] == ["", "hh_rlhf (n = 2)"]
    assert "**a\\|b**" in markdown(named, whole=True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "there are no results"),
        (["a.json"], r"'a.json' names no result: give NAME=FILE.json"),
        (["nano="], "names no result"),
        (["nano=none.json"], "none.json is not a run: give the JSON of `themis eval"),
        (["nano={a}", "nano={a}"], "'nano' is named twice: give the files of its seeds with commas"),
        (["nano={a}", "other={test}"], r"different benches \(tara dev, tara test\)"),
        (["nano={flips}"], "flips.json is no evaluation"),
    ],
)
def test_what_cannot_stand_in_a_table_is_refused_in_a_sentence(words: list[str], message: str, tmp_path: Path) -> None:
    files = {"a": saved(tmp_path, "a", TWO), "test": saved(tmp_path, "test", TWO, split="test"), "flips": tmp_path / "flips.json"}
    files["flips"].write_text('{"model": "m", "file": "f", "tasks": {}, "note": ""}')
    with pytest.raises((ConfigError, DataError), match=message):
        markdown(read_named([word.format(**files) for word in words]))
