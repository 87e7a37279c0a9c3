"""The worst mistakes of a run, the two traces side by side."""

from typing import Any

from themis.evaluation.page.markup import Markup, element, joined, section
from themis.evaluation.page.runs import Run
from themis.evaluation.results import Answer, Mistake
from themis.traces import Step, Verdict, verdict_from_json

_CUT = 4_000
"""The most characters of one text, so that a page of twenty mistakes opens quickly."""


def mistakes_section(run: Run) -> Markup:
    """Each mistake folded, except the first."""
    mistakes = run.result["mistakes"]
    if not mistakes:
        return Markup("")
    note = "The largest margins by which a worse answer won come first. Items without a reward come last."
    if run.result["settings"].get("samples", 1) != 1:
        note += " Each answer was sampled several times. The trace is that of the first draw, the margin that of the mean rewards."
    blocks = [_mistake(entry, opened=at == 0) for at, entry in enumerate(mistakes)]
    return section(f"Worst mistakes: {run.name}", *blocks, note=note)


def _mistake(entry: Mistake, opened: bool) -> Markup:
    margin = "no reward" if entry["margin"] is None else f"{entry['margin']:+.3f}"
    title = joined(element("span", margin, class_="margin"), f"{entry['task']}, {entry['id']}: {_first(entry['question'])}")
    context = [_label("Context"), _text(entry["context"])] if entry["context"] else []
    sides = element("div", _side("Better answer", entry["chosen"]), _side("Worse answer", entry["rejected"]), class_="sides")
    question = element("div", *context, _label("Question"), _text(entry["question"]), class_="question")
    return element("details", element("summary", title), question, sides, open="" if opened else None)


def _side(label: str, answer: Answer) -> Markup:
    try:
        verdict = verdict_from_json(answer["verdict"])
    except (KeyError, TypeError, ValueError, AttributeError):
        verdict = Verdict("", None, None)  # the file was not written by Themis
    pieces = [_label(label, "better" if label.startswith("Better") else "worse"), _text(answer["answer"], "answer")]
    for step in verdict.trace.steps:
        pieces += _step(step)
    if verdict.trace.rationale is not None:
        pieces += [_label("Rationale"), _text(verdict.trace.rationale)]
    reward = (
        f"none ({verdict.reason})"
        if verdict.reward is None
        else f"{verdict.reward:+.3f}" + (f" ({verdict.reason})" if verdict.reason else "")
    )
    usage = verdict.usage
    cost = f"{usage.tool_calls} calls, {usage.read_tokens} tokens read, {usage.new_tokens} written, {usage.seconds:.2f} s"
    pieces += [_label("Reward"), element("div", reward, class_="reward"), element("div", cost, class_="note")]
    return element("div", *pieces)


def _step(step: Step) -> list[Markup]:
    pieces = [_label("Thought"), _text(step.thought)]
    if step.action is not None:
        pieces += [_label("Action"), _text(f"{step.action.tool}({step.action.argument})", "call")]
    if step.observation is not None:
        failed = step.observation.status != "ok"
        mark = f"[{step.observation.status}] " if failed else ""
        pieces += [_label("Observation"), _text(mark + step.observation.text, "seen failed" if failed else "seen")]
    return pieces


def _label(text: str, kind: str = "") -> Markup:
    return element("div", text, class_=f"label {kind}".strip())


def _text(text: Any, kind: str = "") -> Markup:
    whole = str(text).rstrip()
    shown = whole if len(whole) <= _CUT else f"{whole[:_CUT]} […]"
    return element("div", shown, class_=f"text {kind}".strip(), dir="auto")


def _first(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 120 else f"{line[:120]}…"
