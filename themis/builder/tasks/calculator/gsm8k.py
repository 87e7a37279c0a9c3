"""Word problems: GSM8K's training problems, and the solutions that models wrote for its other problems.

A right answer is used only if the calculator accepts each of its steps. Arithmetic cannot tell some right solutions
from wrong ones: those that round midway, and those of models that reach the right number without marked steps. For the
same reason, a model's wrong solution is used only if the calculator rejects it.

Source: Training Verifiers to Solve Math Word Problems, arXiv:2110.14168.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from themis.builder.draft import Draft, Source
from themis.files import json_lines, text_field
from themis.tools.calculator import CORRECT, check_answer

LICENCE = "MIT, (c) 2021 OpenAI: GSM8K (Cobbe et al., arXiv:2110.14168)"
_TRAIN, _SOLUTIONS = "gsm8k/train.jsonl.gz", "gsm8k/example_model_solutions.jsonl.gz"
_MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
_FINAL_LINE = re.compile(r"^A: ?(?=\S[^\n]*\Z)", re.MULTILINE)


def _problems(root: Path, seed: int, count: int) -> Iterator[Draft]:
    """The training problems with their human solutions, in an order drawn by the seed."""
    file = root / _TRAIN
    drafts = []
    for number, row in json_lines(file):
        where = f"{file}, line {number}"
        question, answer = text_field(row, "question", where), text_field(row, "answer", where)
        if check_answer(answer) == CORRECT:
            drafts.append(Draft(f"gsm8k/train/{number}", "calculator", "gsm8k", question, answer))
    Random(f"{seed}/gsm8k").shuffle(drafts)
    yield from drafts[:count]


def _solutions(root: Path, seed: int, count: int) -> Iterator[Draft]:
    """A problem's right solution, by a person or a model, beside the models' wrong ones."""
    file = root / _SOLUTIONS
    rng = Random(f"{seed}/gsm8k_solutions")
    drafts = []
    for number, row in json_lines(file):
        where = f"{file}, line {number}"
        question = text_field(row, "question", where)
        human = as_published(text_field(row, "ground_truth", where))
        written = {model: _solution(row, model, where) for model in _MODELS}
        right = [human, *(text for text, is_correct in written.values() if is_correct)]
        right = list(dict.fromkeys(text for text in right if check_answer(text) == CORRECT))
        wrong = [text for text, is_correct in written.values() if not is_correct]
        wrong = list(dict.fromkeys(text for text in wrong if check_answer(text) != CORRECT))
        if not right:
            continue
        chosen = rng.choice(right)
        others = tuple(text for text in right if text != chosen)
        drafts.append(Draft(f"gsm8k/solutions/{number}", "calculator", "gsm8k_solutions", question, chosen, tuple(wrong), others))
    rng.shuffle(drafts)
    drafts.sort(key=lambda draft: not draft.rejected)  # real mistakes first
    yield from drafts[:count]


def as_published(solution: str) -> str:
    """A model's solution whose last line `A: 18` becomes `#### 18`, as in the training problems."""
    return _FINAL_LINE.sub("#### ", solution.strip())


def _solution(row: dict[str, Any], model: str, where: str) -> tuple[str, bool]:
    entry = row.get(model)
    text = text_field(entry if isinstance(entry, dict) else {}, "solution", f"{where}, field '{model}'")
    return as_published(text), bool(entry and entry.get("is_correct"))


SOURCES = (
    Source("gsm8k", "calculator", LICENCE, _problems, (_TRAIN,)),
    Source("gsm8k_solutions", "calculator", f"{LICENCE}, with solutions of models", _solutions, (_SOLUTIONS,)),
)
