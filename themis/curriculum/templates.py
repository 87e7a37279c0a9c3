"""Templates learnt from published rows: their questions and answers with the dates, names and values taken out.

Streams by rule fill them, so that the published sentences appear with names and dates that never repeat.
Only train rows are handed in here.
"""

import re
from collections.abc import Mapping, Sequence

from themis.builder.task import Wordings
from themis.builder.tasks.dates.rules import WORDINGS
from themis.builder.tasks.dates.weather import ATTRIBUTES
from themis.traces.pair import Pair


def learnt_templates(published: Mapping[str, Sequence[Pair]]) -> Wordings:
    """The templates of this package, and beside them those of the published calendar, weather and chain rows."""
    found: dict[str, tuple[set[str], set[str]]] = {kind: (set(), set()) for kind in WORDINGS}
    for task in ("calendar", "weather", "multi_tools"):
        for pair in published.get(task, ()):
            _learn(pair, task, found)
    return {
        kind: ((*own[0], *sorted(questions)), (*own[1], *sorted(answers)))
        for (kind, own), (questions, answers) in zip(WORDINGS.items(), found.values(), strict=True)
    }


def _learn(pair: Pair, task: str, found: dict[str, tuple[set[str], set[str]]]) -> None:
    facts = _facts(pair, task)
    if facts is None:
        return
    kind = facts.pop("kind")
    value = facts.pop("value")
    question = _emptied(pair.question, facts)
    answer = _emptied(pair.chosen.answer, {"value": value, **facts})
    complete = all("{" + name + "}" in question for name in facts if name != "side")
    if complete and "{value}" in answer and not re.search(r"\d", question + answer):
        found[kind][0].add(question)
        found[kind][1].add(answer)


def _facts(pair: Pair, task: str) -> dict[str, str] | None:
    """The values that the row's own calls and observations show."""
    trace = pair.chosen.trace
    calls = [(step.action, step.observation) for step in trace.steps if step.action and step.observation] if trace else []
    if not calls:
        return None
    action, observation = calls[0]
    parts = [part.strip() for part in action.argument.rsplit(", ", 1)]
    if action.tool == "Calendar.week_day":
        return {"kind": "week_day", "day": action.argument, "value": observation.text}
    if action.tool == "Calendar.day_difference" and len(parts) == 2:
        return {"kind": "day_difference", "day": parts[0], "other": parts[1], "value": observation.text}
    if action.tool == "Calendar.target_day" and task == "calendar" and len(parts) == 2:
        side = "before" if parts[1].startswith("-") else "after"
        return {"kind": "target_day", "day": parts[0], "number": parts[1].lstrip("-"), "side": side, "value": observation.text}
    if task not in ("weather", "multi_tools") or calls[-1][0].tool != "history_weather":
        return None
    city, day = (part.strip() for part in calls[-1][0].argument.rsplit(", ", 1))
    attribute = next((name for name in ATTRIBUTES if f" {name} " in pair.question), None)
    value = re.search(rf"{attribute}: ([^;,]*?)(?:[;,]|\.$)", calls[-1][1].text) if attribute else None
    if attribute is None or value is None:
        return None
    facts = {"kind": task, "city": city, "attribute": attribute, "value": value[1]}
    return {**facts, "day": day} if task == "weather" else {**facts, "day": parts[0], "number": parts[1]}


def _emptied(text: str, facts: Mapping[str, str]) -> str:
    # Longer facts first: the number 20 must not be cut out of the date 2023-06-20.
    for name, fact in sorted(facts.items(), key=lambda item: -len(item[1])):
        text = re.sub(rf"(?<![\w]){re.escape(fact)}(?![\d])", "{" + name + "}", text)
    return text
