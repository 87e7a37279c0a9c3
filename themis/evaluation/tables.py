"""A result as tables for a terminal of 80 columns: accuracies in percent with 95 % intervals, and what was not run."""

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from themis.evaluation.calibration import COLDEST, HOTTEST, Calibration
from themis.evaluation.costs import Cost
from themis.evaluation.familiarity import Familiarity
from themis.evaluation.results import Result, Rival, limited
from themis.evaluation.truthfulqa import CHANCE

NAMES = {"tara": "TARA", "hh": "HH", "truthfulqa": "TruthfulQA MC1", "retarded-bar": "Retarded-bar"}


def render(result: Result) -> RenderableType:
    """The table, and the lines below it."""
    return Group(render_table(result), escape("\n".join(summary(result))))


def render_table(result: Result) -> Table:
    """A line for each task, then the averages."""
    title = " ".join(word for word in (NAMES.get(result["bench"], result["bench"]), result["split"]) if word)
    table = Table(
        title=escape(f"{title}, {result['model']}"),
        caption=_caption(result),
        caption_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 0, 0, 0 if result["against"] is not None else 1),
        pad_edge=False,
    )
    against = result["against"] is not None
    shows_calls = any(row["call_agreement"] is not None for row in result["tasks"].values())
    headings = ["task", "n", "accuracy", "no reward", *(["call agreement"] if shows_calls else []), "longer", "shorter"]
    for heading in headings + (["against"] if against else []):
        table.add_column(
            heading,
            justify="left" if heading == "task" else "right",
            no_wrap=heading not in ("task", "no reward", "call agreement"),
            min_width=11 if heading == "task" else None,
        )
    for task, row in sorted(result["tasks"].items(), key=lambda entry: not entry[1]["averaged"]):
        name = task if row["averaged"] else f"{task} *"
        calls = [percent(row["call_agreement"])] if shows_calls else []
        figures = [str(row["n"]), with_interval(row["accuracy"], row["ci95"]), str(row["unscored"]), *calls]
        table.add_row(escape(name), *figures, *_rivals(row["rivals"], against))
    table.add_section()
    # The averages of a single task would repeat its line.
    averages = result["averages"] if len(result["tasks"]) > 1 else {}
    for name, average in averages.items():
        figures = [str(average["n"]), with_interval(average["accuracy"], average["ci95"]), "", *([""] if shows_calls else [])]
        table.add_row(name, *figures, *_rivals(average["rivals"], against))
    return table


def summary(result: Result) -> list[str]:
    """The lines below the table."""
    lines = [f"{official_name(name)}: {percent(score)} %" for name, score in result["official"].items()]
    lines += [difference_line(name, rival, result) for name, rival in result["averages"].get("micro", {"rivals": {}})["rivals"].items()]
    if result["calibration"] is not None:
        lines.append(calibration_line(result["calibration"]))
    if found := result.get("familiarity"):
        lines.append(familiarity_line(found))
    if result["draws"] is not None:
        draws = result["draws"]
        each = f"{percent(draws['accuracy_mean'])} ± {percent(draws['accuracy_deviation'])}"
        lines.append(f"{draws['samples']} draws: each alone {each}, an answer's rewards vary by {draws['reward_deviation']:.2f}")
        half = next(entry for entry in result["coverage"] if entry["coverage"] == 0.5)
        lines.append(f"the surest half (n = {half['n']}): {with_interval(half['accuracy'], half['ci95'])}")
    if result["cost"] is not None:
        lines.append(cost_line(result["cost"]))
        if reasons := result["cost"]["reasons"]:
            lines.append(f"rewards that are missing or degraded: {', '.join(f'{reason} {count}' for reason, count in reasons.items())}")
    return lines


def difference_line(name: str, rival: Rival, result: Result) -> str:
    """The judge's accuracy less another's."""
    who = {"longer": "the longer-answer rule", "shorter": "the shorter-answer rule"}.get(name, str(result["against"]))
    low, high = rival["difference_ci95"]
    return f"{100 * rival['difference']:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f}) against {who}"


def official_name(name: str) -> str:
    """How an official score is labelled."""
    return "chance level" if name == CHANCE else f"{name}, as the bench's authors count"


def temperature_words(temperature: float) -> str:
    """A fitted temperature; at the ends of the search no temperature fits."""
    if temperature > HOTTEST * 0.99:
        return "no temperature fits, the rewards are at chance level"
    return "no temperature fits, the judge is always right" if temperature < COLDEST * 1.01 else f"{temperature:.3g}"


def calibration_line(found: Calibration) -> str:
    """The expected calibration error before and after."""
    line = f"calibration error {percent(found['before']['ece'])} %"
    if found["after"] is not None:
        after = found["after"]
        line += f", {percent(after['ece'])} % at a temperature fitted on the other half (all: {temperature_words(after['temperature'])})"
    if found["stored"] is not None:
        line += f", {percent(found['stored']['ece'])} % at the stored {found['stored']['temperature']:.3g}"
    return line


def familiarity_line(found: Familiarity) -> str:
    """How often `unfamiliar` is right."""
    wrong, right = (f"{found[f'{kind}_marked']} of {found[kind]} {kind}" for kind in ("wrong", "right"))  # type: ignore[literal-required]
    return f"unfamiliar: marked are {wrong} items, {right} ones"


def cost_line(cost: Cost) -> str:
    """The mean cost of a judgement."""
    answered = "" if cost["valid"] is None else f" ({percent(cost['valid'])} % valid, {percent(cost['answered'])} % answered)"
    tokens = f"{cost['read_tokens']:.0f} tokens read and {cost['new_tokens']:.0f} written"
    return f"a judgement: {cost['calls']:.2f} calls{answered}, {tokens}, {cost['seconds']:.2f} s"


def with_interval(accuracy: float, ci95: tuple[float, float]) -> str:
    """`97.4 (91.0-99.3)`, in percent."""
    return f"{percent(accuracy)} ({percent(ci95[0])}-{percent(ci95[1])})"


def percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _rivals(rivals: dict[str, Rival], against: bool) -> list[str]:
    return [percent(rivals[name]["accuracy"]) for name in ("longer", "shorter", *(["against"] if against else []))]


def _caption(result: Result) -> str:
    lines = ["accuracy in % (95 % interval)"]
    if not all(row["averaged"] for row in result["tasks"].values()):
        lines.append("* in no average: it needs no tool, or repeats another line without tests")
    if empty := {task: row["empty"] for task, row in result["tasks"].items() if row["empty"]}:
        counts = ", ".join(f"{count} in {task}" for task, count in empty.items())
        lines.append(f"decided by an empty answer, which counts as below every reward: {counts}")
    if result["against"] is not None:
        lines.append(f"against: {result['against']}")
    if note := limited(result["settings"].get("limit")):
        lines.append(note.rstrip())
    if without := result["settings"].get("without"):
        lines.append(f"switched off: {', '.join(without)}")
    lines += [f"{task}: {reason}: {count}" for task, row in result["tasks"].items() for reason, count in row["dropped"].items()]
    return escape("\n".join(lines + [f"not run: {entry['task']}, {entry['reason']}" for entry in result["not_run"]]))
