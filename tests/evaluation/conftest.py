"""Items that are judged by what their answers say."""

from collections.abc import Iterable, Iterator

from themis.evaluation.items import Item, JudgedItem, Rule, judge_items
from themis.traces import Action, Case, Judge, Observation, Step, Trace, Usage, Verdict
from themis.traces.trace import Reason

LOOK = Trace((Step("t", Action("Calendar.week_day", "2015-03-24"), Observation("Tuesday")),), "r")


class NumberJudge(Judge):
    """The reward of an answer is its first number, plus `drift`; '?' gets none, nor does an empty one."""

    def __init__(self, drift: float = 0.0, trace: Trace = LOOK) -> None:
        self.drift, self.trace = drift, trace
        self.judged: list[str] = []

    def judge_all(self, cases: Iterable[Case]) -> Iterator[tuple[int, Verdict]]:
        for place, case in enumerate(cases):
            self.judged.append(case.answer)
            reason: Reason | None = "budget" if case.answer.startswith("?") else "empty_answer" if not case.answer else None
            reward = None if reason else float(case.answer.split()[0]) + self.drift
            yield place, Verdict(case.id, reward, reason, self.trace, Usage(1, 30, 20, 0.5))


def item(id: str, chosen: Iterable[object], rejected: Iterable[object], rule: Rule = "best") -> Item:
    """Answers that ask for these rewards."""
    sides = [tuple(Case("q", str(reward)) for reward in side) for side in (chosen, rejected)]
    return Item(id, sides[0], sides[1], rule=rule)


def judged(*items: Item, judges: Iterable[NumberJudge] = (NumberJudge(),)) -> list[JudgedItem]:
    return judge_items("t", items, list(judges), lambda *_: None)
