"""Whether an answer is true, by what the tools say: nobody's opinion, and no model's.

The agents that build training data check answers too: each task says which calls settle a question, and compares
their results with the answer. Where an answer's own steps say nothing of its result, as with arithmetic in words, its
last number must also be that of the reference answer. Knows nothing of policies or judges.
"""

from random import Random

from themis.builder.draft import Observe, View
from themis.builder.tasks.registry import all_tasks
from themis.rlhf.prompts import Prompt
from themis.tools.numbers import number
from themis.tools.sums_in_text import last_number

CHECKED = ("calendar", "weather", "multi_tools", "calculator")
"""Tasks whose answers the tools settle without reading programs or passages."""


class Truth:
    """Checks answers with the real tools."""

    def __init__(self, observe: Observe) -> None:
        """`observe` runs a call, such as `Toolbox.call`."""
        self._observe = observe

    def check(self, prompt: Prompt, answer: str) -> bool | None:
        """Is the answer true? None where the tools do not settle it."""
        if prompt.task not in CHECKED:
            return None
        if prompt.task == "calculator":
            return _same_last_number(answer, prompt.case.answer)
        agents = all_tasks()[prompt.task].agents
        view = View(prompt.answered(answer), prompt.task)
        steps = prompt.steps or agents.steps(view, Random(0), self._observe)
        settled = [step for step in steps if step.observation and step.observation.status == "ok"]
        if not settled:
            return None
        return agents.evidence(view, steps).stance == "agrees"


def _same_last_number(answer: str, reference: str) -> bool | None:
    """Do both end with the same number? None where the reference ends with none."""
    wanted, said = last_number(reference), last_number(answer)
    if wanted is None:
        return None
    return said is not None and number(said) == number(wanted)
