"""The page: results, differences between runs, calibration, coverage, cost, flips, training curves, worst mistakes."""

from collections.abc import Sequence
from importlib import resources

from themis.evaluation.page.markup import Markup, element
from themis.evaluation.page.mistakes import mistakes_section
from themis.evaluation.page.runs import Run
from themis.evaluation.page.sections import (
    bench_of,
    calibration_section,
    coverage_section,
    differences_section,
    flips_section,
    overview,
    tasks_section,
)
from themis.evaluation.page.spent import cost_section
from themis.evaluation.page.training import training_section

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""A browser fetches nothing and runs no script."""


def page(runs: Sequence[Run], title: str = "Themis: how well the judge judges") -> str:
    """The whole page, in one file."""
    results = [run for run in runs if run.kind == "evaluation"]
    parts: list[Markup] = []
    if results:
        parts.append(overview(results))
        parts += [
            tasks_section(bench, [run for run in results if bench_of(run) == bench]) for bench in dict.fromkeys(map(bench_of, results))
        ]
        parts += [differences_section(results), calibration_section(results), coverage_section(results), cost_section(results)]
    parts.append(flips_section([run for run in runs if run.kind == "flips"]))
    parts.append(training_section([run for run in runs if run.kind == "training"]))
    parts += [mistakes_section(run) for run in results]
    style = resources.files("themis.evaluation.page").joinpath("style.css").read_text(encoding="utf-8")
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("title", title),
        element("style", Markup(style)),
    )
    names = ", ".join(run.name for run in runs)
    body = element("body", element("main", element("h1", title), element("p", f"Runs: {names}", class_="note"), *parts))
    return "<!DOCTYPE html>\n" + element("html", head, body, lang="en") + "\n"
