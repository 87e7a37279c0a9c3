"""Questions in running text: the calls hold what question and answer say, and the evidence follows the tools."""

from random import Random

import pytest

from themis.builder.draft import View
from themis.builder.pairs import generated_pair
from themis.builder.tasks.calculator.generated import observe
from themis.builder.tasks.calculator.scenarios import told
from themis.builder.tasks.registry import task_named
from themis.builder.text.claims import FREE
from themis.tools.calculator import CORRECT, calculator, check_answer
from themis.tools.calendar import day_difference, target_day, week_day
from themis.tools.toolbox import Toolbox
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
            if "=" not in step.action.argument:  # a number alone: the call works it out from the question
                assert calculator(step.action.argument) == step.observation.text
                continue
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


def test_a_question_of_the_table_comes_to_what_its_steps_and_its_one_expression_say() -> None:
    asked = set()
    for seed in range(400):
        found = told(Random(seed))
        assert calculator(found.expression) == found.value == found.steps[-1]
        assert check_answer(found.marked) == CORRECT
        assert "{" not in found.question + found.marked
        asked.add(found.question.split()[-1] + str(len(found.steps)) + found.marked.split()[0])
    assert len(asked) > 30


@pytest.mark.parametrize("task", ["calendar", "weather", "multi_tools"])
def test_the_same_seed_gives_the_same_pair_in_many_words(task: str) -> None:
    found = [[generated_pair(task_named(task), Random(seed), {}, task_named(task).prose) for seed in range(60)] for _ in range(2)]
    assert found[0] == found[1]
    assert len({pair.question for pair in found[0]}) == 60


@pytest.mark.parametrize("task", ["calendar", "multi_tools"])
def test_the_real_tools_answer_every_call_as_the_trace_says(task: str) -> None:
    tools = set()
    with Toolbox([week_day, day_difference, target_day, calculator]) as toolbox:
        for seed in range(200):
            pair = generated_pair(task_named(task), Random(seed), {}, task_named(task).prose)
            for side in (pair.chosen, pair.rejected):
                assert side.trace is not None
                for step in side.trace.steps:
                    assert step.action is not None
                    assert step.observation is not None
                    tools.add(step.action.tool)
                    if step.action.tool != "history_weather":
                        assert toolbox.call(step.action, Case(pair.question, side.answer)).text == step.observation.text
    assert tools == {"Calendar.week_day", "Calendar.day_difference", "Calendar.target_day"} | (
        {"calculator", "history_weather"} if task == "multi_tools" else set()
    )


def test_a_chain_ends_in_a_weekday_a_sum_or_the_weather() -> None:
    chains = task_named("multi_tools")
    last = [
        pair.chosen.trace.steps[-1].action.tool  # type: ignore[union-attr]
        for pair in (generated_pair(chains, Random(seed), {}, chains.prose) for seed in range(100))
    ]
    assert {tool: last.count(tool) > 15 for tool in set(last)} == dict.fromkeys(
        ("Calendar.week_day", "calculator", "history_weather"), True
    )
