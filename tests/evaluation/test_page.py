"""The page of a report: what stands on it, and that nothing in a run can become more than text."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.evaluation.conftest import NumberJudge, item, judged
from themis.errors import DataError
from themis.evaluation.items import Item
from themis.evaluation.page import page, read_run
from themis.evaluation.page.markup import Markup, element, visible
from themis.evaluation.page.plots import Axis, Plot, Point, Series, around, draw
from themis.evaluation.results import About, Subset, result_of
from themis.traces import Action, Case, Observation, Step, Trace

EVIL = "</div><script>alert(1)</script><img src=x onerror=alert(2)>\" ' & <b>"
EVIL_TRACE = Trace((Step(EVIL, Action(EVIL, EVIL), Observation(EVIL, "error")),), EVIL)


class Elements(HTMLParser):
    """All elements of a page, and whether each that is opened is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self._open: list[str] = []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs
        self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag


def saved(tmp_path: Path, name: str, *items: Item, judges: tuple[NumberJudge, ...] = (NumberJudge(),), **about: Any) -> Path:
    entries = {"calendar": judged(*items, judges=judges)}
    about = {"bench": "tara", "model": "nano", "split": "dev", "against": "other"} | about
    rival = {"calendar": judged(*items, judges=[NumberJudge()])}
    result = result_of(About(**about), {"calendar": Subset(items)}, entries, rival, {"score": 0.5})
    path = tmp_path / f"{name}.json"
    path.write_text(json.dumps(result))
    return path


def log(tmp_path: Path) -> Path:
    directory = tmp_path / "run"
    directory.mkdir()
    lines = [{"step": step, "loss": 3.0 / step, "action": 1.0 / step} for step in (1, 2, 3)]
    (directory / "log.json").write_text(json.dumps([*lines, {"step": 3, "eval_held_accuracy": 0.75}]))
    (directory / "themis.json").write_text(json.dumps({"training": {"seconds": 77}}))
    return directory


ITEMS = (item("a", [3], [1]), item("b", [1], [4]), item("c", ["?"], [1]))


def words(html: str) -> str:
    """The text of a page, one blank between its pieces."""
    return " ".join(re.sub("<[^>]*>", " ", re.sub("<style>.*?</style>", "", html, flags=re.DOTALL)).split())


def test_a_page_holds_the_figures_of_every_run(tmp_path: Path) -> None:
    runs = [saved(tmp_path, "first", *ITEMS), saved(tmp_path, "second", *ITEMS, judges=(NumberJudge(0), NumberJudge(4))), log(tmp_path)]
    html = page([read_run(path) for path in runs])
    text = words(html)
    for heading in ("Overview", "TARA dev", "Calibration", "Accuracy against coverage", "Cost", "Training", "Worst mistakes: first"):
        assert heading in text
    assert "33.3 (6.1-79.2)" in text
    assert "Differences between runs" in text
    assert "first second TARA dev 3 +0.0 (+0.0 to +0.0)" in text
    assert "run 3 1.000 77 held accuracy 75.0" in text
    assert "Thought t Action Calendar.week_day(2015-03-24) Observation Tuesday Rationale r Reward +1.000" in text
    assert text.index("-3.000") < text.index("none (budget)")
    assert html.count("<svg") >= 8
    Elements(html)


def test_an_answer_costs_all_of_its_draws(tmp_path: Path) -> None:
    one, three = saved(tmp_path, "one", *ITEMS), saved(tmp_path, "three", *ITEMS, judges=(NumberJudge(),) * 3)
    pages = [page([read_run(path)]) for path in (one, three)]
    places = [re.findall(r'cx="([\d.]+)"', html.split("Accuracy against tokens")[0].split("Cost</h2>")[1]) for html in pages]
    assert float(places[0][0]) == float(places[0][1]), "the other model reads and writes as much"
    # 56 is where the axis begins: three times as many tokens, three times as far.
    assert float(places[1][0]) - 56 == pytest.approx(3 * (float(places[1][1]) - 56), abs=0.3)


def test_nothing_in_a_run_becomes_more_than_text(tmp_path: Path) -> None:
    evil = Item(EVIL, (Case(EVIL, f"1 {EVIL}", EVIL),), (Case(EVIL, f"4 {EVIL}"),))
    path = saved(tmp_path, "evil", evil, judges=(NumberJudge(trace=EVIL_TRACE),), model=EVIL, bench=EVIL, against=EVIL)
    found = Elements(page([read_run(path)], title=EVIL))
    harmless = Elements(page([read_run(saved(tmp_path, "tame", item("a", [1], [4])))]))
    assert set(found.names) <= set(harmless.names) | {"p"}
    assert "script" not in found.names
    assert not [name for name, _ in found.attributes if name.startswith("on") or name in ("src", "href")]


def test_a_page_needs_no_network_and_runs_nothing(tmp_path: Path) -> None:
    html = page([read_run(saved(tmp_path, "first", *ITEMS))])
    assert "default-src &#x27;none&#x27;" in html
    assert not re.search(r"<(script|link|img|iframe)|url\(|@import|https?://", html)


def test_what_cannot_be_seen_is_spelled_out() -> None:
    assert visible("a\u202eb\x1b[31mc\u200dd\n") == "a\\u202eb\\u001b[31mc\u200dd\n"
    assert element("td", "a<b", Markup("<i>x</i>"), class_='"') == '<td class="&quot;">a&lt;b<i>x</i></td>'


@pytest.mark.parametrize(
    "content",
    ['{"model": "nano"}', "[1, 2]", "{", "null", '"text"', '{"model": "m", "file": "f", "tasks": {"a": {"n": "many"}}, "note": ""}'],
)
def test_another_file_is_refused_in_one_sentence(content: str, tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_text(content)
    with pytest.raises(DataError, match="is no"):
        read_run(file)
    with pytest.raises(DataError, match="is not a run"):
        read_run(tmp_path)


def test_a_result_with_a_figure_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, "first", *ITEMS)
    result = json.loads(path.read_text())
    result["tasks"]["calendar"]["ci95"] = ["<script>", 1]
    path.write_text(json.dumps(result))
    with pytest.raises(DataError, match="is not a run"):
        read_run(path)


@pytest.mark.parametrize("figure", ["empty", "call_agreement"])
def test_a_result_without_a_figure_of_this_version_is_refused_with_the_way_out(figure: str, tmp_path: Path) -> None:
    path = saved(tmp_path, "first", *ITEMS)
    result = json.loads(path.read_text())
    del result["tasks"]["calendar"][figure]
    path.write_text(json.dumps(result))
    with pytest.raises(DataError, match=r"first.json was written by another version of Themis: run its command again"):
        read_run(path)


def test_items_that_an_empty_answer_decides_stand_in_a_column(tmp_path: Path) -> None:
    text = words(page([read_run(saved(tmp_path, "first", *ITEMS, item("d", [1], [""])))]))
    assert "no reward empty call agreement, %" in text
    assert "calendar 4 50.0 (15.0-85.0) 1 1 -" in text


def test_flips_stand_in_a_table_of_their_own(tmp_path: Path) -> None:
    row = {"n": 4, "flips": 3, "share": 0.75, "ci95": [0.3, 0.95], "ties": 1, "unscored": 0, "observed": 1.0}
    (tmp_path / "flips.json").write_text(json.dumps({"model": "nano", "file": "f", "tasks": {"calendar": row}, "note": "n"}))
    text = words(page([read_run(tmp_path / "flips.json")]))
    assert "Counterfactual pairs flips: nano" in text
    assert "calendar 4 75.0 (30.0-95.0) 1 0 100.0" in text


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-0.02, 1.02), (0, 6480), (0.31, 0.32), (0, 1e-7)])
def test_an_axis_has_a_few_round_ticks_within_its_ends(low: float, high: float) -> None:
    ticks = Axis("x", low, high).ticks()
    assert 3 <= len(ticks) <= 9
    assert all(low - 1e-9 <= tick <= high * (1 + 1e-9) for tick in ticks)


def test_points_stand_where_their_values_say_and_beyond_the_ends_at_the_ends() -> None:
    series = Series("s", [Point(0, 0), Point(5, 5), Point(99, 10)], line=False)
    svg = draw(Plot(Axis("x", 0, 10), Axis("y", 0, 10), [series], width=170, height=156))
    assert re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', svg) == [("56.0", "112.0"), ("106.0", "62.0"), ("156.0", "12.0")]
    assert around([], "x") == Axis("x", 0.0, 1.08)
    assert around([5.0, 5.0], "x").low < 5.0 < around([5.0, 5.0], "x").high
