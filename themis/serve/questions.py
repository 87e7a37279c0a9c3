"""Questions about a text, as decision endpoints ask them: the cases that a judge reads, and what its rewards answer.

A judge knows one thing: how good an answer is to a question. So each question becomes answers to judge:

- A predicate about a text that holds a question and an answer: that answer. The predicate is a line of the question.
- A predicate with criteria, or one that ends with `?`: the criteria, or "Yes" and "No", as answers to it.
- Any other predicate is a claim: an answer to the text.
- A choice or a score: each option or level, as an answer to the instructions.

Answers to one question are judged side by side, and the text is their context.

Knows nothing of HTTP, or of the form of any protocol. Everything in a text and in a question is untrusted.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import exp
from typing import Any, Literal

from themis.inference.judgement import Scale
from themis.serve.serving import Serving
from themis.traces import Case, Message, Verdict

ReadAs = Literal["answer", "claim", "yes_or_no", "options"]
WHICH = "Which answer is right?"
"""The question where none is asked: options without instructions, a claim about nothing."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What all questions of a request are about."""

    text: str
    question: str | tuple[Message, ...] | None = None
    """Where the text holds a question and an answer to it. Else None."""
    answer: str = ""
    rest: str = ""
    """What else it holds beside them: context."""


@dataclass(frozen=True, slots=True)
class Question:
    """The cases that answer one question."""

    read_as: ReadAs
    cases: tuple[Case, ...]

    def probabilities(self, rewards: Sequence[float], scale: Scale) -> list[float]:
        """Of each case to be the right one. Of a single case: that it is right, and that it is not."""
        if len(rewards) == 1:
            right = scale.probability(rewards[0])
            return [right, 1 - right]
        return shares([reward / scale.temperature for reward in rewards])


@dataclass(frozen=True, slots=True)
class Judged:
    """A question with the verdicts of its cases."""

    question: Question
    verdicts: tuple[Verdict, ...]

    @property
    def missing(self) -> Verdict | None:
        """The first verdict without a reward: such a question has no answer."""
        return next((verdict for verdict in self.verdicts if verdict.reward is None), None)

    def extras(self) -> dict[str, Any]:
        """What the protocols have no field for: how the question was read, the status, and every verdict."""
        doubtful = self.missing or next((verdict for verdict in self.verdicts if verdict.reason), self.verdicts[0])
        told = zip(self.question.cases, self.verdicts, strict=True)
        return {
            "x_read_as": self.question.read_as,
            "x_status": doubtful.status,
            "x_reason": doubtful.reason,
            "x_verdicts": [{"answer": case.answer, **verdict.to_json()} for case, verdict in told],
        }


async def judged(serving: Serving, questions: Sequence[Question]) -> list[Judged]:
    """All cases of all questions in one batch. Raises `Refusal`."""
    verdicts = iter(await serving.judge([case for question in questions for case in question.cases]))
    return [Judged(question, tuple(islice(verdicts, len(question.cases)))) for question in questions]


def tokens_of(answers: Sequence[Judged]) -> tuple[int, int]:
    """How many tokens the judge read, and how many it wrote."""
    used = [verdict.usage for answer in answers for verdict in answer.verdicts]
    return sum(usage.read_tokens for usage in used), sum(usage.new_tokens for usage in used)


# --- from questions to cases -------------------------------------------------------------------------


def predicate(subject: Subject, claim: str, yes: str = "", no: str = "", name: str = "") -> Question:
    """Is it true? The first case of two is that it is. `yes` and `no` say what each means."""
    if subject.question is not None:
        question = _lines(Case(subject.question, "").question_text, claim, yes and f"Yes: {yes}", no and f"No: {no}")
        return Question("answer", (Case(question, subject.answer, subject.rest or None, id=name),))
    if yes or no or claim.rstrip().endswith(("?", "？")):
        return _side_by_side("yes_or_no", subject, claim, (yes or "Yes", no or "No"), name)
    return Question("claim", (Case(subject.text or WHICH, claim, id=name),))


def options(subject: Subject, instructions: str, answers: Sequence[str], name: str = "") -> Question:
    """Which of the answers is right?"""
    return _side_by_side("options", subject, instructions, answers, name)


def _side_by_side(read_as: ReadAs, subject: Subject, instructions: str, answers: Sequence[str], name: str) -> Question:
    return Question(read_as, tuple(Case(instructions or WHICH, answer, subject.text or None, id=name) for answer in answers))


def _lines(*parts: str) -> str:
    return "\n".join(part for part in parts if part)


# --- from JSON to text -------------------------------------------------------------------------------


def readable(value: Any) -> str:
    """Any JSON value as text: an object as `name: value` lines, a list as lines, what is inside them as JSON."""
    return "\n".join(_read_lines(value))


def _read_lines(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from (f"{name}: {_inner(inner)}" for name, inner in value.items())
    elif isinstance(value, list):
        yield from map(_inner, value)
    elif value is not None:
        yield _inner(value)


def _inner(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def labelled(name: str, description: str) -> str:
    """An option as an answer."""
    return f"{name}: {description}" if description else name


# --- what probabilities say --------------------------------------------------------------------------


def shares(log_odds: Sequence[float]) -> list[float]:
    """Softmax: by Bradley and Terry's model, of each answer to be better than all others."""
    highest = max(log_odds)
    weights = [exp(value - highest) for value in log_odds]
    return [weight / sum(weights) for weight in weights]


def expected_level(probabilities: Sequence[float]) -> float:
    """The mean of the levels, counted from 0."""
    return sum(level * share for level, share in enumerate(probabilities))


def choice_confidence(probabilities: Sequence[float]) -> float:
    """How far the best of at least two lies above chance: (p - 1/n) / (1 - 1/n), from 0 to 1.

    Source: the reference formula of System One.
    """
    chance = 1 / len(probabilities)
    return max(0.0, (max(probabilities) - chance) / (1 - chance))


def score_confidence(probabilities: Sequence[float]) -> float:
    """1 less the mean distance from the likeliest level, over that of equal shares from their middle; from 0 to 1.

    Source: the reference formula of System One.
    """
    levels = range(len(probabilities))
    likeliest = probabilities.index(max(probabilities))
    spread = sum(share * abs(level - likeliest) for level, share in enumerate(probabilities))
    middle = (len(levels) - 1) / 2
    return max(0.0, 1 - spread * len(levels) / sum(abs(level - middle) for level in levels))
