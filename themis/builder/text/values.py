"""Values in answers and observations: dates, results; and putting another value in place of one."""

import re
from collections.abc import Iterable, Sequence

from themis.traces import Step

DATE = re.compile(r"(?<![\w-])\d{4}-\d\d-\d\d(?![\w-])", re.ASCII)


def with_value(answer: str, right: str, wrong: str) -> str | None:
    """The answer with `wrong` in place of the last `right`; None if it does not contain `right`."""
    pattern = re.compile(rf"(?<![\w.-]){re.escape(right)}(?![\w-]|\.\d)")
    found = list(pattern.finditer(answer))
    if not found:
        return None
    last = found[-1]
    return answer[: last.start()] + wrong + answer[last.end() :]


def with_values(answer: str, right: str, wrong: Iterable[str], most: int) -> tuple[str, ...]:
    """One answer for each different wrong value."""
    answers = [with_value(answer, right, value) for value in dict.fromkeys(wrong) if value != right]
    return tuple(found for found in answers if found is not None)[:most]


def last_result(steps: Sequence[Step]) -> tuple[str, str] | None:
    """Tool and text of the last call, if it gave a result."""
    step = steps[-1] if steps else None
    if step is None or step.action is None or step.observation is None or step.observation.status != "ok":
        return None
    return step.action.tool, step.observation.text
