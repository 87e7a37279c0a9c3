"""The questions that a policy is trained and measured on, each perhaps with a reference answer.

Questions are divided by a hash: a part for the supervised start, one for reward models, one for PPO. Equal questions
are always in the same part. Knows nothing of tokens or models.
Source: arXiv:2310.01045: 20 %, 40 % and 40 % of TARA.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from themis.data.columns import ANSWERS, QUESTIONS, read_answers
from themis.data.published import read_published
from themis.errors import ConfigError, DataError
from themis.files import data_rows
from themis.rlhf.recipe import Prompts
from themis.traces import Case, Step
from themis.traces.case import case_from_json
from themis.traces.pair import Pair
from themis.traces.tara import question_hash, read_tara

Part = Literal["sft", "reward", "ppo"]
_PARTS: tuple[Part, ...] = ("sft", "reward", "ppo")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question with what its source knows."""

    case: Case
    """With the reference answer, empty where there is none."""
    task: str = ""
    steps: tuple[Step, ...] = ()
    """The recorded calls that settled the reference answer."""

    def answered(self, answer: str) -> Case:
        """The case of another answer to it."""
        return replace(self.case, answer=answer)


def read_prompts(data: Prompts, root: Path | None, part: Part, notice: Callable[[str], None] = print) -> list[Prompt]:
    """The questions of one part, in the order of their sources, without the test questions. Raises `DataError`."""
    prompts = [prompt for prompt in _all(data, root, notice) if not data.shares or part_of(prompt.case, data.shares) == part]
    if not prompts:
        raise DataError(f"data: no question is left for {part}: give more of them, or data.shares='[]' to use all for each part")
    return prompts


def read_held(data: Prompts, root: Path | None, most: int = 0) -> list[Prompt]:
    """The held-out questions with reference answers: an even choice of `most`, or all for 0."""
    if data.held_files:
        prompts = [prompt for file in data.held_files for prompt in _of_file(Path(file))]
    elif data.tara:
        folder = _tara(root)
        prompts = [_of_pair(pair) for task in data.tara for pair in read_tara(folder / task / "dev.jsonl").pairs]
    else:
        raise ConfigError("data.held_files: give files to measure on, which the policy does not learn from")
    prompts = [prompt for prompt in prompts if prompt.case.answer]
    if not prompts:
        raise DataError("data.held_files: no row has a question and an answer to measure on")
    return prompts if not most or len(prompts) <= most else [prompts[place * len(prompts) // most] for place in range(most)]


def part_of(case: Case, shares: Sequence[float]) -> Part:
    """The part of a question by its hash."""
    place = int(question_hash(case.question_text)[:8], 16) / 2**32
    return _PARTS[0] if place < shares[0] else _PARTS[1] if place < shares[0] + shares[1] else _PARTS[2]


def _all(data: Prompts, root: Path | None, notice: Callable[[str], None]) -> Iterator[Prompt]:
    most = data.limit or None
    for file in data.files:
        yield from list(_of_file(Path(file)))[:most]
    if data.tara:
        published = read_published(_tara(root).parent, data.tara)
        for task in data.tara:
            if task not in published.pairs:
                raise ConfigError(f"data.tara: there is no {root}/tara/{task}/train.jsonl; leave '{task}' out")
            yield from map(_of_pair, published.pairs[task][:most])
        for reason, count in published.left_out.items():
            if reason.partition(":")[0] not in data.tara:
                continue  # of a data set that is not asked for
            notice(f"left out: {reason}: {count}")


def _tara(root: Path | None) -> Path:
    if root is None:
        raise ConfigError("data.tara: set THEMIS_DATA to the folder that holds tara")
    return root / "tara"


def _of_pair(pair: Pair) -> Prompt:
    steps = pair.chosen.trace.steps if pair.chosen.trace else ()
    return Prompt(replace(pair.chosen_case, id=pair.id), pair.task, steps)


def _of_file(file: Path) -> Iterator[Prompt]:
    rows = list(data_rows(file))
    if rows and not {"pos_answer", "neg_answer"}.isdisjoint(rows[0][2]):
        yield from map(_of_pair, read_tara(file).pairs)
        return
    for number, where, row in rows:
        yield Prompt(_case_of(row, where, f"{file.stem}-{number}"), str(row.get("task") or ""))


def _case_of(row: dict[str, Any], where: str, id: str) -> Case:
    """The question with its better answer; of a row without one, the question alone."""
    if any(row.get(name) for name in (*ANSWERS, "chosen", "messages", "conversations")):
        answers = read_answers(row, where, id)
        return replace(answers.chosen[0], id=answers.id)
    question = next((row[name] for name in QUESTIONS if row.get(name)), None)
    case = case_from_json({**row, "question": question, "answer": ""}, where)
    return replace(case, id=case.id or id)
