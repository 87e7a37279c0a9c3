"""The figures of evaluations, a section for each kind."""

from collections.abc import Mapping, Sequence
from typing import Any

from themis.evaluation.calibration import Reliability
from themis.evaluation.page.markup import TEXTS, Markup, element, figure, joined, section, table
from themis.evaluation.page.plots import Axis, Plot, Point, Series, around, draw
from themis.evaluation.page.runs import Run
from themis.evaluation.results import Average, Result, Rival, TaskResult, limited
from themis.evaluation.statistics import paired_bootstrap
from themis.evaluation.tables import NAMES, official_name, percent, temperature_words

NOTHING = Markup("")


def bench_of(run: Run) -> str:
    """The bench and the split of a run, as a heading."""
    return " ".join(word for word in (NAMES.get(run.result["bench"], run.result["bench"]), run.result["split"]) if word)


def overview(runs: Sequence[Run]) -> Markup:
    """A line for each run."""
    averages = list(dict.fromkeys(name for run in runs for name in run.result["averages"]))
    rivals = [name for name in ("longer", "shorter", "against") if any(name in _micro_rivals(run) for run in runs)]
    headings = ["run", "bench", "model", "n", *(f"{name}, %" for name in [*averages, *rivals])]
    rows: list[list[Any]] = []
    for run in runs:
        found = run.result["averages"]
        figures = [interval(found.get(name)) for name in averages] + _rival_cells(_micro_rivals(run), rivals)
        rows.append([run.name, bench_of(run), run.result["model"], found["micro"]["n"] if "micro" in found else "-", *figures])
    return section("Overview", table(headings, rows, texts=3), note=TEXTS["overview"]["note"])


def tasks_section(bench: str, runs: Sequence[Run]) -> Markup:
    """The subsets of one bench: a plot of all runs, and a table for each run."""
    names = list(dict.fromkeys(task for run in runs for task in run.result["tasks"]))
    parts = [figure(_forest(names, runs), "Accuracy with its 95 % interval.")] if names else []
    for run in runs:
        parts += [element("h3", run.name), tasks_table(run.result)]
        if run.result["official"]:
            scores = [[official_name(name), percent(score)] for name, score in run.result["official"].items()]
            parts.append(table(["score", "%"], scores))
        notes = [note for note in (limited(run.result["settings"].get("limit")),) if note]
        notes += [f"Not run: {entry['task']}, {entry['reason']}." for entry in run.result["not_run"]]
        notes += [f"{task}: {why}: {count}." for task, row in run.result["tasks"].items() for why, count in row["dropped"].items()]
        parts += [element("p", " ".join(notes), class_="note")] if notes else []
    return section(bench, *parts)


def tasks_table(result: Result) -> Markup:
    """A line for each subset, then the averages; the rivals' accuracies come with the difference to them."""
    rivals = ["longer", "shorter", *(["against"] if result["against"] is not None else [])]
    headings = ["subset", "n", "accuracy, %", "no reward", "empty", "call agreement, %", *(f"{name}, %" for name in rivals)]
    rows = [_task_row(name, row, rivals) for name, row in result["tasks"].items()]
    rows += [[name, row["n"], interval(row), "", "", "", *_rival_cells(row["rivals"], rivals)] for name, row in result["averages"].items()]
    return table(headings, rows, foot=len(result["averages"]))


def differences_section(runs: Sequence[Run]) -> Markup:
    """Each pair of runs of one bench, on the items that both have."""
    rows = [row for at, first in enumerate(runs) for second in runs[at + 1 :] for row in _difference_rows(first, second)]
    if not rows:
        return NOTHING
    texts = TEXTS["differences"]
    return section("Differences between runs", table(texts["headings"], rows, texts=3), note=texts["note"])


def calibration_section(runs: Sequence[Run]) -> Markup:
    """Reliability plots, and the errors before and after a temperature."""
    with_figures = [(run, found) for run in runs if (found := run.result["calibration"]) is not None]
    if not with_figures:
        return NOTHING
    rows: list[list[Any]] = []
    plots: list[Markup] = []
    for run, found in with_figures:
        after, stored = found["after"], found["stored"]
        fitted = [percent(after["ece"]), temperature_words(after["temperature"])] if after else ["-", "-"]
        surprises = [f"{found['before']['nll']:.3f}", f"{after['nll']:.3f}" if after else "-"]
        rows.append([run.name, found["n"], percent(found["before"]["ece"]), *fitted, *surprises, percent(stored["ece"]) if stored else "-"])
        plots.append(figure(_reliability(found["before"], after), run.name))
    texts = TEXTS["calibration"]
    return section("Calibration", element("div", *plots, class_="plots"), table(texts["headings"], rows), note=texts["note"])


def coverage_section(runs: Sequence[Run]) -> Markup:
    """Accuracy when the most uncertain items are left out, and the spread of the draws."""
    series = [
        Series(
            run.name,
            [Point(100 * at["coverage"], at["accuracy"], at["ci95"], f"{run.name}: n = {at['n']}") for at in run.result["coverage"]],
        )
        for run in runs
        if run.result["coverage"]
    ]
    if not series:
        return NOTHING
    ys = [value for one in series for point in one.points for value in (point.y, *(point.ci95 or ()))]
    plot = draw(Plot(Axis("share of the items, %", 0, 105), around(ys, "accuracy, %", percent=True), series, width=560))
    rows = [
        [
            run.name,
            found["samples"],
            run.result["settings"].get("temperature", "-"),
            percent(found["accuracy_mean"]),
            percent(found["accuracy_deviation"]),
        ]
        + [f"{found['reward_deviation']:.2f}"]
        for run in runs
        if (found := run.result["draws"]) is not None
    ]
    texts = TEXTS["coverage"]
    by_draw = table(texts["headings"], rows) if rows else NOTHING
    return section("Accuracy against coverage", figure(plot, "Accuracy with its 95 % interval."), by_draw, note=texts["note"])


def flips_section(runs: Sequence[Run]) -> Markup:
    """Tables of counterfactual pairs."""
    if not runs:
        return NOTHING
    parts = []
    for run in runs:
        rows = [
            [
                task,
                row["n"],
                joined(percent(row["share"]), " ", _range(row["ci95"])),
                row["ties"],
                row["unscored"],
                percent(row["observed"]),
            ]
            for task, row in run.content["tasks"].items()
        ]
        parts += [
            element("h3", f"{run.name}: {run.content['model']}"),
            table(TEXTS["flips"]["headings"], rows),
            element("p", run.content["note"], class_="note"),
        ]
    return section("Counterfactual pairs", *parts)


def interval(row: Average | TaskResult | None) -> Markup:
    """`97.4 (91.0-99.3)`."""
    return joined("-") if row is None else joined(percent(row["accuracy"]), " ", _range(row["ci95"]))


def difference(rival: Rival | None) -> Markup:
    """`+3.2 (-1.0 to +7.5)`, in points."""
    if rival is None:
        return joined("-")
    return _signed(rival["difference"], rival["difference_ci95"])


def _signed(value: float, ci95: Sequence[float]) -> Markup:
    low, high = ci95
    return joined(f"{100 * value:+.1f} ", element("span", f"({100 * low:+.1f} to {100 * high:+.1f})", class_="ci"))


def _micro_rivals(run: Run) -> Mapping[str, Rival]:
    micro = run.result["averages"].get("micro")
    return micro["rivals"] if micro else {}


def _range(ci95: Sequence[float]) -> Markup:
    return element("span", f"({percent(ci95[0])}-{percent(ci95[1])})", class_="ci")


def _task_row(name: str, row: TaskResult, rivals: Sequence[str]) -> list[Any]:
    label = name if row["averaged"] else f"{name} (in no average)"
    figures = [row["n"], interval(row), row["unscored"], row["empty"], percent(row["call_agreement"])]
    return [label, *figures, *_rival_cells(row["rivals"], rivals)]


def _rival_cells(found: Mapping[str, Rival], names: Sequence[str]) -> list[Any]:
    """Each rival's accuracy, and the difference to it."""
    return [joined(percent(found[name]["accuracy"]), element("small", difference(found[name]))) if name in found else "-" for name in names]


def _forest(names: Sequence[str], runs: Sequence[Run]) -> Markup:
    """A row for each subset, a colour for each run."""
    series = []
    for at, run in enumerate(runs):
        shift = (at - (len(runs) - 1) / 2) * 0.7 / max(1, len(runs))
        rows = [(place, run.result["tasks"][name]) for place, name in enumerate(names) if name in run.result["tasks"]]
        points = [
            Point(row["accuracy"], -place - shift, row["ci95"], f"{run.name}: {percent(row['accuracy'])} %, n = {row['n']}")
            for place, row in rows
        ]
        series.append(Series(run.name, points, line=False))
    height = 70 + (18 + 6 * len(runs)) * len(names)
    return draw(
        Plot(Axis("accuracy, %", 0, 1, percent=True), Axis("", -len(names) + 0.4, 0.6), series, width=640, height=height, names=names)
    )


def _difference_rows(first: Run, second: Run) -> list[list[Any]]:
    if (first.result["bench"], first.result["split"]) != (second.result["bench"], second.result["split"]):
        return []
    ours, theirs = first.result["items"], second.result["items"]
    averaged = [task for task in ours if task in theirs and first.result["tasks"][task]["averaged"]]
    gaps = [ours[task][id][0] - theirs[task][id][0] for task in averaged for id in ours[task] if id in theirs[task]]
    if not gaps:
        return []
    return [[first.name, second.name, bench_of(first), len(gaps), _signed(sum(gaps) / len(gaps), paired_bootstrap([gaps]))]]


def _reliability(before: Reliability, after: Reliability | None) -> Markup:
    series = [
        Series(name, [Point(bin["confidence"], bin["accuracy"], bin["ci95"], f"{name}: n = {bin['n']}") for bin in found["bins"]])
        for name, found in (("before", before), ("after", after))
        if found is not None
    ]
    x, y = (
        Axis("probability given to the preferred answer, %", 0.5, 1.0, percent=True),
        Axis("preferred answer is the better, %", 0.0, 1.0, percent=True),
    )
    return draw(Plot(x, y, series, diagonal=True))
