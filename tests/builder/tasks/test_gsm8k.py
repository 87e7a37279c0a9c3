"""GSM8K's problems and the solutions of models, as drafts."""

from pathlib import Path

import pytest

from tests.builder.tasks.written import gzipped_lines
from themis.builder.tasks.calculator.gsm8k import SOURCES, as_published
from themis.errors import DataError
from themis.tools.calculator import CORRECT, check_answer

PROBLEMS, SOLUTIONS = SOURCES
SOUND = "She has 2+3 = <<2+3=5>>5 hats.\n#### 5"
ROUNDED = "Each gets 10/3 = <<10/3=3.33>>3.33.\n#### 3.33"


def solved(solution: str, is_correct: bool) -> dict[str, object]:
    return {"solution": solution, "is_correct": is_correct}


def solutions(**given: dict[str, object]) -> dict[str, object]:
    none = solved("I do not know.\nA: 0", False)
    models = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
    return {"question": "How many hats?", "ground_truth": "2+3 = <<2+3=5>>5\nA: 5"} | {name: given.get(f"m{name}", none) for name in models}


def test_only_what_the_calculator_passes_is_a_right_answer(tmp_path: Path) -> None:
    gzipped_lines(tmp_path / "gsm8k/train.jsonl.gz", [{"question": "a", "answer": SOUND}, {"question": "b", "answer": ROUNDED}])
    assert [(draft.question, draft.chosen) for draft in PROBLEMS.read(tmp_path, 0, 10)] == [("a", SOUND)]


def test_the_order_is_the_seeds_and_a_limit_cuts_it(tmp_path: Path) -> None:
    gzipped_lines(tmp_path / "gsm8k/train.jsonl.gz", [{"question": str(number), "answer": SOUND} for number in range(30)])
    first = [draft.id for draft in PROBLEMS.read(tmp_path, 1, 30)]
    assert first == [draft.id for draft in PROBLEMS.read(tmp_path, 1, 30)] != [draft.id for draft in PROBLEMS.read(tmp_path, 2, 30)]
    assert [draft.id for draft in PROBLEMS.read(tmp_path, 1, 7)] == first[:7]


def test_the_final_line_of_a_solution_is_written_as_the_training_problems_write_it() -> None:
    assert as_published("There are <<1+1=2>>2 in group\nA: one\nA: 2") == "There are <<1+1=2>>2 in group\nA: one\n#### 2"


def test_a_wrong_solution_is_handed_on_only_where_arithmetic_can_find_its_fault(tmp_path: Path) -> None:
    slip, misread = "2+3 = <<2+3=6>>6\nA: 6", "2*3 = <<2*3=6>>6\nA: 6"
    row = solutions(**{"m6b_finetuning": solved(slip, False), "m6b_verification": solved(misread, False)})
    gzipped_lines(tmp_path / "gsm8k/example_model_solutions.jsonl.gz", [row])
    (draft,) = SOLUTIONS.read(tmp_path, 0, 10)
    assert "2+3 = <<2+3=6>>6\n#### 6" in draft.rejected
    assert all(check_answer(wrong) != CORRECT for wrong in draft.rejected)
    assert check_answer(draft.chosen) == CORRECT


def test_a_field_that_is_missing_is_named_with_file_and_line(tmp_path: Path) -> None:
    file = gzipped_lines(tmp_path / "gsm8k/train.jsonl.gz", [{"question": "a", "answer": SOUND}, {"question": "b"}])
    with pytest.raises(DataError, match=rf"{file}, line 2: field 'answer' is missing"):
        list(PROBLEMS.read(tmp_path, 0, 10))
    bad = gzipped_lines(tmp_path / "gsm8k/example_model_solutions.jsonl.gz", [{"question": "a", "ground_truth": "b"}])
    with pytest.raises(DataError, match=rf"{bad}, line 1, field '6b_finetuning': field 'solution' is missing"):
        list(SOLUTIONS.read(tmp_path, 0, 10))


def test_a_file_that_is_cut_off_is_named(tmp_path: Path) -> None:
    file = gzipped_lines(tmp_path / "gsm8k/train.jsonl.gz", [{"question": "a", "answer": SOUND}] * 50)
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"train.jsonl.gz is cut off"):
        list(PROBLEMS.read(tmp_path, 0, 10))
    file.unlink()
    with pytest.raises(DataError, match=r"train.jsonl.gz cannot be read: No such file"):
        list(PROBLEMS.read(tmp_path, 0, 10))
