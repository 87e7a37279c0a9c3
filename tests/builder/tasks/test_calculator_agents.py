"""Wrong sums that the calculator faults, in the form of the right one."""

import re
from random import Random

import pytest

from themis.builder.draft import Draft, View
from themis.builder.tasks.calculator.agents import RULE
from themis.tools.calculator import CORRECT, calculator, check_answer
from themis.traces import Action, Case, Observation

RIGHT = (
    "Ann picks 12*4 = <<12*4=48>>48 plums.\n"
    "Ben picks 48/2 = <<48/2=24>>24 plums.\n"
    "Together they have 48+24 = <<48+24=72>>72 plums, which is 1,072 with Cleo's <<1000+72=1072>>1,072.\n#### 1072"
)


def observe(action: Action, case: Case) -> Observation:
    return Observation(calculator(action.argument, case))


def wrong_answers(seed: int, chosen: str = RIGHT, rejected: tuple[str, ...] = ()) -> tuple[str, ...]:
    return tuple(RULE.negatives(Draft("d", "calculator", "s", "How many?", chosen, rejected), Random(seed), observe))


@pytest.mark.parametrize("seed", range(30))
def test_no_wrong_answer_passes_the_calculator_and_each_keeps_lines_and_marks(seed: int) -> None:
    found = wrong_answers(seed)
    assert len(found) >= 4
    for wrong in found:
        assert check_answer(wrong) != CORRECT
        assert re.sub(r"[\d,]+", "0", wrong) == re.sub(r"[\d,]+", "0", RIGHT)


def test_a_slip_is_carried_on_so_that_only_one_step_is_wrong() -> None:
    carried = [wrong for seed in range(20) for wrong in wrong_answers(seed) if "<<12*4=48>>" not in wrong]
    assert carried
    for wrong in carried:
        marks = re.findall(r"<<([^=]*)=([\d.]+)>>", wrong)
        faulty = [expression for expression, value in marks if calculator(expression) != value]
        assert faulty == ["12*4"]


def test_real_mistakes_come_along_only_where_arithmetic_finds_them() -> None:
    found = wrong_answers(0, rejected=("2+2 = <<2+2=5>>5\n#### 5", "2*2 = <<2*2=4>>4\n#### 4"))
    assert "2+2 = <<2+2=5>>5\n#### 5" in found
    assert "2*2 = <<2*2=4>>4\n#### 4" not in found


@pytest.mark.parametrize(
    ("answer", "stance", "claim"), [(RIGHT, "agrees", "1072"), (RIGHT.replace("#### 1072", "#### 72"), "disagrees", "72")]
)
def test_the_evidence_is_what_the_calculator_says(answer: str, stance: str, claim: str) -> None:
    view = View(Case("How many?", answer), "calculator")
    (step,) = RULE.steps(view, Random(0), observe)
    assert step.action
    assert step.action.argument.startswith("<<12*4=48>>48, <<48/2=24>>24")
    evidence = RULE.evidence(view, (step,))
    assert step.observation
    assert (evidence.stance, evidence.claim, evidence.found) == (stance, claim, step.observation.text)


def test_an_answer_without_steps_has_no_wrong_form() -> None:
    assert wrong_answers(0, "Forty-two.") == ()


@pytest.mark.parametrize(
    ("answer", "stance", "claim"),
    [
        ("8 * 125 = 1000.", "agrees", "1000"),
        ("8 * 125 = 1,000.", "agrees", "1000"),
        ("8 * 125 = 1’000.", "agrees", "1000"),
        ("8 * 125 = −1000.", "disagrees", "-1000"),
        ("8 * 125 = 100.", "disagrees", "100"),
    ],
)
def test_the_evidence_of_a_plain_sum_reads_numbers_as_the_calculator_does(answer: str, stance: str, claim: str) -> None:
    view = View(Case("What is 8 * 125?", answer), "calculator", {"sum": "8 * 125"})
    evidence = RULE.evidence(view, RULE.steps(view, Random(0), observe))
    assert (evidence.stance, evidence.claim, evidence.found) == (stance, claim, "1000")
