"""One table in Markdown of several evaluations: a row for each, and for each length rule.

    python -m benchmarks.table nano=nano.json "vanilla=a.json,b.json" "one per tool=calendar.json+weather.json" [--all]

Takes the JSON of `themis eval ... --out`. Several files of one name are runs with different seeds. Their row shows the
mean, the standard deviation over the seeds, and the 95 % interval of the first. Files joined by + are of models that
each know some tasks, in one row. `--all` adds the lines that are in no average. Judges nothing.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev

from themis.errors import ConfigError, DataError, ThemisError
from themis.evaluation.page import read_run
from themis.evaluation.results import RULES, Average, Result, Rival, TaskResult, averages_of
from themis.evaluation.tables import NAMES, percent

Named = Mapping[str, Sequence[Result]]
"""For each name the results of its seeds, at least one."""
Figure = TaskResult | Average | Rival

NOTE = (
    "Accuracy in %, in brackets its 95 % interval (Wilson; macro from those of the tasks). With several seeds: mean ± standard deviation "
    "over the seeds, and the interval of the first."
)


def main(words: Sequence[str]) -> None:
    """Print the table."""
    whole = "--all" in words
    print(markdown(read_named([word for word in words if word != "--all"]), whole=whole))


def read_named(words: Sequence[str]) -> dict[str, list[Result]]:
    """The results that `NAME=FILE[,FILE...]` name, all of one bench and split; raises `ConfigError` or `DataError`."""
    if not words:
        raise ConfigError("there are no results: give NAME=FILE.json for each")
    named: dict[str, list[Result]] = {}
    for word in words:
        name, equals, files = word.partition("=")
        if not (name.strip() and equals and files.strip(",")):
            raise ConfigError(f"'{word}' names no result: give NAME=FILE.json, or NAME=FILE.json,FILE.json for several seeds")
        if name.strip() in named:
            raise ConfigError(f"'{name.strip()}' is named twice: give the files of its seeds with commas, {name.strip()}=a.json,b.json")
        named[name.strip()] = [_united([_result(Path(part)) for part in file.split("+")], name) for file in files.split(",") if file]
    benches = dict.fromkeys(" ".join((result["bench"], result["split"])).strip() for results in named.values() for result in results)
    if len(benches) > 1:
        raise DataError(f"the results are of different benches ({', '.join(benches)}): give those of one")
    return named


def _united(parts: list[Result], name: str) -> Result:
    """One result of several models that each know some tasks; the averages are over all tasks."""
    if len(parts) == 1:
        return parts[0]
    tasks = {task: row for part in parts for task, row in part["tasks"].items() if row["averaged"]}
    if len(tasks) < sum(row["averaged"] for part in parts for row in part["tasks"].values()):
        raise DataError(f"{name}: files joined by + must be of different tasks, and two are of the same")
    points = {task: [point for point, _ in part["items"][task].values()] for part in parts for task in part["tasks"]}
    return {**parts[0], "tasks": tasks, "averages": averages_of({"judge": points}, list(tasks))}


def markdown(named: Named, *, whole: bool = False) -> str:
    """The table with its title and its note. A cell with fewer items than its column's head names their number."""
    results = [result for each in named.values() for result in each]
    columns = columns_of(results, whole)
    counts = {column: max(_n(result, column) for result in results) for column in columns}
    lines = [
        _line(["", *(f"{column} (n = {counts[column]})" for column in columns)]),
        _line(["---"] * (len(columns) + 1)),
    ]
    for name, each in named.items():
        label = f"**{name}**" + (f", {len(each)} seeds" if len(each) > 1 else "")
        lines.append(_line([label, *(_cell(each, column, counts[column]) for column in columns)]))
    for rule in RULES:
        lines.append(_line([f"the {rule} answer", *(_rule_cell(results, rule, column, counts[column]) for column in columns)]))
    title = " ".join(word for word in (NAMES.get(results[0]["bench"], results[0]["bench"]), results[0]["split"]) if word)
    return "\n".join([f"{title}. {NOTE}{_empty(results)}", "", *lines])


def columns_of(results: Sequence[Result], whole: bool = False) -> list[str]:
    """The averaged tasks in the order of the files, then with `whole` the other lines, then the averages."""
    tasks = {name: row["averaged"] for result in results for name, row in result["tasks"].items()}
    averaged = [name for name, counts in tasks.items() if counts]
    others = [name for name, counts in tasks.items() if not counts] if whole else []
    return [*averaged, *others, *dict.fromkeys(name for result in results for name in result["averages"])]


def figure(result: Result, column: str) -> TaskResult | Average | None:
    """The line of a task or of an average; None where the run lacks it."""
    return result["tasks"].get(column) or result["averages"].get(column)


def _cell(seeds: Sequence[Result], column: str, count: int) -> str:
    found = [row for result in seeds if (row := figure(result, column)) is not None]
    if not found or len(found) < len(seeds):
        return "-"
    spread = f" ± {percent(stdev(row['accuracy'] for row in found))}" if len(found) > 1 else ""
    fewer = min(row["n"] for row in found)
    short = f", n = {fewer}" if fewer < count else ""
    return f"{percent(fmean(row['accuracy'] for row in found))}{spread} {_interval(found[0])}{short}"


def _rule_cell(results: Sequence[Result], rule: str, column: str, count: int) -> str:
    """A length rule has the same accuracy in each run that has all items."""
    rows = (row for result in results if (row := figure(result, column)) is not None and row["n"] == count)
    row = next((row for row in rows if rule in row["rivals"]), None)
    if row is None:
        return "-"
    return f"{percent(row['rivals'][rule]['accuracy'])} {_interval(row['rivals'][rule])}"


def _interval(row: Figure) -> str:
    low, high = row["ci95"]
    return f"({100 * low:.0f}-{100 * high:.0f})"


def _n(result: Result, column: str) -> int:
    row = figure(result, column)
    return row["n"] if row else 0


def _empty(results: Sequence[Result]) -> str:
    counts = {task: row["empty"] for result in results for task, row in result["tasks"].items() if row["empty"] and row["averaged"]}
    said = ", ".join(f"{count} in {task}" for task, count in counts.items())
    return f" Decided by an empty answer, which stands below every reward: {said}." if said else ""


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"


def _result(file: Path) -> Result:
    run = read_run(file)
    if run.kind != "evaluation":
        raise DataError(f"{file} is no evaluation: give the JSON of `themis eval ... --out`")
    return run.result


def run_script(name: str, usage: str | None, main: Callable[[Sequence[str]], None]) -> None:
    """Run `main` on the command's words, or print the usage; an error is one sentence."""
    try:
        if sys.argv[1:]:
            main(sys.argv[1:])
        else:
            print(usage)
    except ThemisError as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    run_script("benchmarks.table", __doc__, main)
