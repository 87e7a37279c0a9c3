"""Questions, their parts, and what the tools say of an answer."""

import json
from pathlib import Path

import pytest

from themis.errors import ConfigError, DataError
from themis.rlhf.prompts import Part, Prompt, part_of, read_held, read_prompts
from themis.rlhf.recipe import Prompts
from themis.rlhf.truth import Truth
from themis.tools import Toolbox
from themis.tools.demo import demo_tools
from themis.traces import Action, Case, Observation, Step


def rows(file: Path, *lines: object) -> str:
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(file)


def test_each_question_is_in_one_part_and_equal_ones_are_in_the_same(tmp_path: Path) -> None:
    file = rows(tmp_path / "q.jsonl", *({"question": f"What is {number}?", "answer": "a"} for number in range(400)))
    parts: dict[Part, set[str]] = {
        part: {prompt.case.question_text for prompt in read_prompts(Prompts(files=(file,)), None, part)}
        for part in ("sft", "reward", "ppo")
    }
    assert sum(map(len, parts.values())) == len(set.union(*parts.values())) == 400
    assert [round(len(parts[part]) / 400, 1) for part in ("sft", "reward", "ppo")] == [0.2, 0.4, 0.4]
    assert part_of(Case("What  is 7?", ""), (0.2, 0.4, 0.4)) == part_of(Case("what is 7?", "x"), (0.2, 0.4, 0.4))
    assert len(read_prompts(Prompts(files=(file,), shares=()), None, "ppo")) == 400
    assert len(read_prompts(Prompts(files=(file,), shares=(), limit=3), None, "sft")) == 3


def test_rows_may_be_pairs_answers_or_questions_alone(tmp_path: Path) -> None:
    file = rows(
        tmp_path / "q.jsonl",
        {"prompt": "A?", "chosen": "yes", "rejected": "no"},
        {"question": "B?", "answer": "b", "context": "c", "task": "calendar"},
        {"question": "C?"},
    )
    found = read_prompts(Prompts(files=(file,), shares=()), None, "ppo")
    assert [(prompt.case.question, prompt.case.answer, prompt.task) for prompt in found] == [
        ("A?", "yes", ""),
        ("B?", "b", "calendar"),
        ("C?", "", ""),
    ]
    assert found[1].answered("d") == Case("B?", "d", "c", id="q-2")
    assert len(read_held(Prompts(held_files=(file,)), None)) == 2
    assert len(read_held(Prompts(held_files=(file,)), None, most=1)) == 1


def test_missing_questions_are_one_sentence(tmp_path: Path) -> None:
    file = rows(tmp_path / "q.jsonl", {"question": "A?"})
    with pytest.raises(DataError, match="no question is left for sft"):
        read_prompts(Prompts(files=(file,), shares=(0.0, 1.0, 0.0)), None, "sft")
    with pytest.raises(DataError, match="no row has a question and an answer"):
        read_held(Prompts(held_files=(file,)), None)
    with pytest.raises(ConfigError, match="give files to measure on"):
        read_held(Prompts(files=(file,)), None)
    with pytest.raises(ConfigError, match="set THEMIS_DATA"):
        read_prompts(Prompts(tara=("calendar",)), None, "sft")


@pytest.mark.parametrize(
    ("answer", "true"),
    [("2015-03-24 is a Tuesday.", True), ("It is a Thursday.", False), ("It is a Monday or a Tuesday.", False), ("I do not know.", False)],
)
def test_the_calendar_says_which_answer_is_true(answer: str, true: bool) -> None:
    prompt = Prompt(Case("What day of the week is 2015-03-24?", ""), "calendar")
    with Toolbox(demo_tools()) as toolbox:
        assert Truth(toolbox.call).check(prompt, answer) is true


def test_recorded_calls_settle_an_answer_without_asking_again() -> None:
    def refuse(action: Action, case: Case) -> Observation:
        raise AssertionError(action)

    step = Step("I look.", Action("Calendar.week_day", "2015-03-24"), Observation("Tuesday"))
    prompt = Prompt(Case("What day of the week is 2015-03-24?", ""), "calendar", (step,))
    assert Truth(refuse).check(prompt, "A Tuesday.") is True


def test_a_sum_is_true_by_its_last_number_and_other_tasks_are_not_settled() -> None:
    truth = Truth(lambda action, case: Observation("", "unavailable"))
    prompt = Prompt(Case("How many?", "2 * 3 = <<2*3=6>>6\n#### 6"), "calculator")
    assert [truth.check(prompt, answer) for answer in ("so 6", "#### 6.0", "about 7", "no")] == [True, True, False, False]
    assert truth.check(Prompt(Case("Why?", "So."), "hh_rlhf"), "So.") is None
    assert truth.check(Prompt(Case("What day of the week is 2015-03-24?", ""), "calendar"), "A Tuesday.") is None
