"""Word problems in sentences: the call holds the sums of the answer, and the evidence follows what the tool says."""

from random import Random

import pytest

from themis.builder.draft import View
from themis.builder.pairs import generated_pair
from themis.builder.tasks.calculator.generated import observe
from themis.builder.tasks.registry import task_named
from themis.builder.text.claims import FREE
from themis.traces import Case

TASK = task_named("calculator")


def test_the_call_holds_the_sums_of_the_answer_and_the_tool_tells_right_from_wrong() -> None:
    for seed in range(60):
        pair = generated_pair(TASK, Random(seed), {}, TASK.prose)
        for side in (pair.chosen, pair.rejected):
            assert side.trace is not None
            (step,) = side.trace.steps
            assert step.action is not None
            assert step.observation is not None
            assert "<<" not in side.answer
            assert step.action.argument.count("=") == step.observation.text.count(" is right") + step.observation.text.count(" is wrong")
        assert "is wrong" not in pair.chosen.trace.steps[0].observation.text  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("answer", "stance", "claim"),
    [
        ("14*3 = 42. So it is 42.", "agrees", "42"),
        ("14*3 = 45. So it is 45.", "disagrees", "14*3 = 45"),
        ("14*3 = 42. So it is 45.", "disagrees", "45"),
        ("Half of 30 is 15. The answer is 15.", "agrees", "15"),
    ],
)
def test_an_answer_in_sentences_is_checked_sum_by_sum(answer: str, stance: str, claim: str) -> None:
    view = View(Case("How much?", answer), "calculator", FREE)
    evidence = TASK.agents.evidence(view, TASK.agents.steps(view, Random(0), observe))
    assert (evidence.stance, evidence.claim) == (stance, claim)


def test_elsewhere_an_answer_without_marks_is_wrong_as_in_tara() -> None:
    view = View(Case("How much?", "14*3 = 42\n#### 42"), "calculator")
    assert TASK.agents.evidence(view, TASK.agents.steps(view, Random(0), observe)).stance == "disagrees"
