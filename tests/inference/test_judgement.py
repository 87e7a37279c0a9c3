"""A judgement of a judge without tokens: what was read and written are texts, as of a model behind an API."""

import json
import math
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest

from themis.inference.judgement import Budget, Judgement, Part, Rules, Scale
from themis.traces import Action, Case, Observation, Step, Trace
from themis.traces.text import parse_step, rest_of_step
from themis.traces.trace import Origin, Status, verdict_from_json

CALL = "Thought: ask\nAction: echo\nAction Input: age\n"
CASE = Case("What age?", "Seven.", id="seven")


@dataclass(eq=False, slots=True)
class Conversation(Judgement):
    """The whole is one list of texts, of which the last is the open part."""

    texts: list[str] = field(default_factory=list)
    most_words: int = 100

    @property
    def room(self) -> int:
        return self.most_words - sum(len(text.split()) for text in self.texts)

    @property
    def read_tokens(self) -> int:
        return len(self.texts)

    def read_case(self) -> bool:
        self.texts.append(f"{self.case.question_text} {self.case.answer}")
        return self.room > 0

    def read_observation(self, observation: Observation) -> Observation | None:
        if len(observation.text.split()) > self.room:
            return None
        self.texts.append(observation.text)
        return observation

    def open(self, part: Part) -> None:
        self.texts.append("")

    def written(self) -> str:
        return self.texts[-1]

    def append(self, text: str) -> None:
        self.texts[-1] += text


def begun(case: Case = CASE, **settings: Any) -> Conversation:
    form: Any = SimpleNamespace(parse_step=parse_step, rest_of_step=rest_of_step)
    budget = settings.pop("budget", Budget())
    rules = Rules(writer=form, budget=budget, write_rationale=settings.pop("write_rationale", True), vanilla=settings.pop("vanilla", False))
    judgement = Conversation(case, rules, 0.0, **settings)
    judgement.begin()
    return judgement


def test_a_trace_grows_by_calls_observations_and_a_rationale() -> None:
    judgement = begun()
    assert judgement.state == "action"
    judgement.append(CALL)
    judgement.close_step()
    assert (judgement.state, judgement.call) == ("waiting", Action("echo", "age"))
    judgement.observe(Observation("seven years"))
    assert judgement.state == "choice"  # type: ignore[comparison-overlap]  # mypy narrows over calls
    judgement.conclude()
    judgement.append("Rationale: It fits.\n")
    judgement.close_rationale()
    assert judgement.state == "reward"
    judgement.score(1.5)
    verdict = judgement.verdict(now=2.0)
    assert verdict.trace == Trace((Step("ask", Action("echo", "age"), Observation("seven years")),), "It fits.")
    assert (verdict.reward, verdict.reason, verdict.usage.tool_calls, verdict.usage.seconds) == (1.5, None, 1, 2.0)


def test_after_the_last_call_of_the_budget_it_must_conclude() -> None:
    judgement = begun(budget=Budget(tool_calls=1))
    judgement.append(CALL)
    judgement.close_step()
    judgement.observe(Observation("seven"))
    assert judgement.state == "rationale"


def test_a_broken_call_is_led_to_its_next_line_or_answered() -> None:
    judgement = begun()
    judgement.append("Thought: ask")
    judgement.close_step()
    assert (judgement.state, judgement.written()) == ("action", "Thought: ask\nAction:")
    judgement = begun()
    judgement.append("I act without a thought.")
    judgement.close_step()
    (step,) = judgement.steps
    assert step.observation is not None
    assert "malformed call" in step.observation.text
    assert judgement.state == "choice"


def test_words_that_repeat_are_cut_and_the_reward_says_so() -> None:
    judgement = begun(budget=Budget(tool_calls=0))
    judgement.append("Rationale: because " + "it is " * 12)
    judgement.stop_circles(judgement.written().split())
    assert judgement.state == "reward"
    judgement.score(1.0)
    assert (judgement.reward, judgement.reason) == (1.0, "budget")


@pytest.mark.parametrize(("most_words", "reason"), [(3, "too_long"), (8, "too_long")])
def test_what_does_not_fit_ends_the_judgement(most_words: int, reason: str) -> None:
    judgement = begun(most_words=most_words)
    if judgement.state != "done":
        judgement.append(CALL)
        judgement.close_step()
        judgement.observe(Observation("a very long answer of a tool"))
    assert (judgement.state, judgement.reason) == ("done", reason)


def test_the_budget_of_tokens_ends_what_is_still_written() -> None:
    judgement = begun(budget=Budget(new_tokens=5))
    judgement.new_tokens = 5
    judgement.check_budget()
    assert (judgement.state, judgement.reason) == ("done", "budget")


def test_an_empty_answer_and_a_vanilla_judge_write_nothing() -> None:
    assert begun(Case("What age?", " ")).reason == "empty_answer"
    assert begun(vanilla=True).state == "reward"


def test_a_reward_on_a_known_scale_is_a_probability() -> None:
    scale = Scale(mean=1.0, temperature=2.0)
    assert scale.probability(1.0) == 0.5
    assert scale.probability(3.0) == pytest.approx(1 / (1 + math.exp(-1)))
    assert scale.probability(-1e9) == pytest.approx(0.0)
    assert scale.probability(1e9) == 1.0


@pytest.mark.parametrize(
    ("unlikely", "least", "status", "origin", "expected"),
    [
        (None, -9.0, "error", "", None),
        (-1.0, -0.5, "ok", "", False),
        (-1.0, -1.5, "ok", "", True),
        (-1.0, -0.5, "error", "", True),
        (-1.0, -0.5, "unavailable", "", False),
        (-1.0, -0.5, "unavailable", "off", True),
        (-1.0, -0.5, "ok", "read_from_case", True),
        (-1.0, None, "ok", "", False),
    ],
)
def test_a_case_is_unfamiliar_where_its_calls_are_unlikely_or_refused(
    unlikely: float | None, least: float | None, status: Status, origin: Origin, expected: bool | None
) -> None:
    judgement = begun(write_rationale=False)
    judgement.rules = replace(judgement.rules, scale=Scale(unlikely=unlikely))
    judgement.append(CALL)
    judgement.close_step()
    judgement.observe(Observation("seven years", status, origin))
    judgement.least_likely = least
    judgement.conclude()
    judgement.score(1.5)
    verdict = judgement.verdict(now=2.0)
    assert verdict.unfamiliar is expected
    assert verdict.probability == pytest.approx(1 / (1 + math.exp(-1.5)))
    assert verdict_from_json(json.loads(json.dumps(verdict.to_json()))) == verdict
