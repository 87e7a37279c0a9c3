"""A judgement in progress: its budget, its state, and how its trace grows. No tokens of a model, no tensors.

An action is closed by an observation or, where it calls no tool, by the rationale; then comes the reward.
A subclass holds what was read and written: as tokens of a local model (`engine.row`), or as messages to a remote one.
It reports what the model wrote, and this module decides what comes next. The caller passes in the time.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, runtime_checkable

from themis.inference.contradiction import contradicts
from themis.inference.evidence import bears_on_case, found_evidence
from themis.traces.case import Case
from themis.traces.text import MalformedStep, parse_rationale
from themis.traces.trace import Action, Observation, Reason, Step, Trace, Usage, Verdict

State = Literal["choice", "action", "rationale", "reward", "waiting", "done"]
"""`choice`: after an observation, between another action and the rationale. `reward`: nothing more is written,
the reward comes next. `waiting`: for a tool."""
Part = Literal["action", "rationale", "reward"]
"""What a judgement consists of after its case, besides observations."""

SECOND_TRY_TOKENS = 96
"""Of a call that is written again: it must not cost the judgement its reward. Few calls are longer."""
WRITING: tuple[State, ...] = ("choice", "action", "rationale")
TIMES, TOKENS, PERIOD = 4, 24, 32
"""A text loops if it ends with one piece of up to `PERIOD` tokens, at least `TIMES` times, and `TOKENS` in all."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that one judgement may cost."""

    tool_calls: int = 3
    """Calls, malformed ones included. After the last observation the model must conclude. 0: no tools."""
    call_tokens: int = 512
    """Of one call. A longer one counts as malformed, and the model must conclude: its reward is marked `budget`.

    A call that goes in circles is ended earlier, and made if it has an argument.
    """
    second_tries: int = 0
    """How often a judgement takes back a call that is refused, cannot be answered here, or does not speak of its case,
    and writes another. The tool that could not answer is not asked again."""
    rationale_tokens: int = 384
    """Of the rationale. One that is longer or goes in circles is cut; the reward is then marked `budget`."""
    new_tokens: int = 1024
    seconds: float = 300.0
    """From the moment the case is taken up, waiting for tools included."""


class Tools(Protocol):
    """What a judge uses of a toolbox."""

    def submit(self, action: Action, case: Case) -> Future[Observation]: ...


@runtime_checkable
class DescribedTools(Tools, Protocol):
    """Tools that a model can be told of which has not learned them."""

    @property
    def names(self) -> tuple[str, ...]: ...

    def schemas(self) -> list[dict[str, Any]]:
        """As chat templates take them."""
        ...


class StepForm(Protocol):
    """How a step is written; `themis.traces.segments` and `chat_form` have two forms."""

    def parse_step(self, text: str) -> Step:
        """Raises `MalformedStep`."""
        ...

    def rest_of_step(self, text: str) -> str | None:
        """The line that a broken step needs next to become a call; None where no line helps."""
        ...


@dataclass(frozen=True, slots=True)
class Scale:
    """How the rewards of a judge are read."""

    mean: float = 0.0
    """The reward of a fair rival."""
    temperature: float = 1.0
    unlikely: float | None = None
    """A call with a token of a lower log-probability is unfamiliar. None: not known of this judge."""

    def probability(self, reward: float) -> float:
        """That an answer of this reward beats a fair rival."""
        return 1 / (1 + math.exp(min(700.0, (self.mean - reward) / self.temperature)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What all judgements of one judge share."""

    writer: StepForm
    budget: Budget
    write_rationale: bool
    vanilla: bool
    """The reward is read right after the case: no trace."""
    strict: bool = False
    """A reward that deserves less trust is not given."""
    scale: Scale | None = None


@dataclass(eq=False, slots=True)
class Judgement(ABC):
    """One judgement in progress. Its subclass calls `begin` once it can read."""

    case: Case
    rules: Rules
    started: float
    state: State = "action"
    steps: list[Step] = field(default_factory=list)
    rationale: str | None = None
    reward: float | None = None
    reason: Reason | None = None
    tool_calls: int = 0
    new_tokens: int = 0
    gave_up: bool = False
    """A call or the rationale did not end, and was cut."""
    taken_back: int = 0
    """Calls that do not stand in the trace."""
    out_of_reach: dict[str, Observation] = field(default_factory=dict)
    """What tools said whose calls were taken back as they are off, down, or without a recording."""
    is_second_try: bool = False
    """The step that is written now takes the place of one that was taken back."""
    least_likely: float | None = None
    """The lowest log-probability of a token of the steps; None for a model that does not say."""
    on_step: Callable[[Step], None] | None = None
    """Gets each step once it is complete: with its observation, where it called a tool."""

    @property
    @abstractmethod
    def room(self) -> int:
        """How many more tokens the context takes."""

    @property
    @abstractmethod
    def read_tokens(self) -> int:
        """How many tokens the model was given: the case and the observations."""

    @abstractmethod
    def read_case(self) -> bool:
        """Let the model read the case; False where that leaves no room for a trace."""

    @abstractmethod
    def read_observation(self, observation: Observation) -> Observation | None:
        """Let the model read as much of an observation as fits: returns that; None where nothing fits."""

    @abstractmethod
    def open(self, part: Part) -> None:
        """What the model writes from now on belongs to this part."""

    @abstractmethod
    def written(self) -> str:
        """What the model wrote in the open part."""

    @abstractmethod
    def append(self, text: str) -> None:
        """Add to the open part, as if the model had written it."""

    def take_back(self) -> bool:
        """Forget what was written of the open step, and write it again; False where that cannot be done."""
        return False

    @property
    def deadline(self) -> float:
        return self.started + self.rules.budget.seconds

    @property
    def call(self) -> Action:
        """The call whose observation this judgement waits for."""
        action = self.steps[-1].action
        assert self.state == "waiting"
        assert action is not None
        return action

    def begin(self) -> None:
        """Take up the case, or refuse it."""
        if not self.case.answer.strip():
            self.end("empty_answer")
        elif not self.read_case():
            self.end("too_long")
        elif self.rules.vanilla:
            self._ask_reward()
        elif self.rules.budget.tool_calls == 0:
            self.conclude()
        else:
            self.act()

    def act(self) -> None:
        """The model writes a step."""
        self.open("action")
        self.state = "action"

    def conclude(self) -> None:
        """The model writes its rationale, or its reward is read without one."""
        self.open("rationale")
        self.state = "rationale" if self.rules.write_rationale else "reward"

    def close_step(self) -> None:
        """The model ended a step. The step's text decides whether a tool is called, so every trace is well-formed."""
        text = self.written()
        try:
            step = self.rules.writer.parse_step(text)
        except MalformedStep as problem:
            if not self._lead_on():
                self._answer_broken_call(str(problem))
            return
        self.steps.append(step)
        if step.action is None:
            self._tell_step()
            self.conclude()
        elif step.action.tool in self.out_of_reach:
            self.observe(self.out_of_reach[step.action.tool])
        else:
            self.tool_calls += 1
            self.state = "waiting"

    def close_rationale(self) -> None:
        """The model ended its rationale."""
        self.rationale = parse_rationale(self.written())
        self._ask_reward()

    def observe(self, observation: Observation) -> None:
        """Take what came back from a tool."""
        if self._tries_again(observation):
            return
        self.is_second_try = False
        fitting = self.read_observation(observation)
        if fitting is None:
            self.end("budget" if self.gave_up else "too_long")
            return
        self.steps[-1] = replace(self.steps[-1], observation=fitting)
        self._tell_step()
        self.state = "choice"
        if len(self.steps) >= self.rules.budget.tool_calls or self.gave_up:
            self.conclude()
        self.check_budget()

    def stop_circles(self, pieces: Sequence[object]) -> None:
        """Cut the open part where its tokens are too many or repeat. A call that repeats gets its next line first."""
        budget = self.rules.budget
        most = min(budget.call_tokens, SECOND_TRY_TOKENS) if self.is_second_try else budget.call_tokens
        if self.state == "action" and len(pieces) >= most:
            self._give_up_call(f"it did not end within {most} tokens")
        elif self.state == "rationale" and len(pieces) >= budget.rationale_tokens:
            self._give_up_rationale()
        elif in_circles(pieces):
            if self.state == "rationale":
                self._give_up_rationale()
            elif not self._lead_on():
                self._give_up_call("it says the same again and again")

    def check_budget(self) -> None:
        """End the judgement where it has no tokens left."""
        if self.state == "done":
            return
        if self.room < 0 or (self.state in WRITING and (self.room == 0 or self.new_tokens >= self.rules.budget.new_tokens)):
            self.end("budget")

    def score(self, reward: float) -> None:
        """Store the reward; NaN or infinity counts as missing."""
        if not math.isfinite(reward):
            self.end("malformed")
            return
        reason = self._doubt()
        self.reward = None if reason and self.rules.strict else reward
        self.end(reason)

    def end(self, reason: Reason | None) -> None:
        """Nothing more is read or written."""
        self.state, self.reason = "done", reason

    def verdict(self, now: float) -> Verdict:
        """The outcome; of a judgement that was ended early, the steps it took."""
        usage = Usage(self.tool_calls, self.read_tokens, self.new_tokens, now - self.started)
        trace, scale = Trace(tuple(self.steps), self.rationale), self.rules.scale
        probability = None if scale is None or self.reward is None else scale.probability(self.reward)
        # Rounded: it depends on the batch in its last digits.
        least = None if self.least_likely is None else round(self.least_likely, 3)
        return Verdict(self.case.id, self.reward, self.reason, trace, usage, probability, self._unfamiliar(), least)

    def _tries_again(self, observation: Observation) -> bool:
        """Take back a call that is refused, out of reach, or answered without a word of the case."""
        budget = self.rules.budget
        refused = observation.status in ("error", "unavailable")
        is_answered = observation.status == "ok" and not observation.is_refusal
        astray = is_answered and not bears_on_case(self.case, self.steps)
        left = min(self.room, budget.new_tokens - self.new_tokens)
        affordable = self.taken_back < budget.second_tries and left > 2 * SECOND_TRY_TOKENS
        if not ((refused or astray) and affordable and self.take_back()):
            return False
        action = self.steps.pop().action
        if observation.status == "unavailable" and action is not None:
            self.out_of_reach[action.tool] = observation
        self.taken_back += 1
        self.state, self.is_second_try, self.gave_up = "action", True, False
        return True

    def _tell_step(self) -> None:
        if self.on_step is not None:
            self.on_step(self.steps[-1])

    def _unfamiliar(self) -> bool | None:
        """Not of a kind that it knows: there it calls a tool that it has, in words that both are sure of."""
        scale = self.rules.scale
        if scale is None or scale.unlikely is None:
            return None
        observed = [step.observation for step in self.steps if step.observation is not None]
        refused = any(observation.is_refusal or observation.origin == "off" for observation in observed)
        unlikely = self.least_likely is not None and self.least_likely < scale.unlikely
        return refused or unlikely or self.taken_back > 0 or self.gave_up or self.reason == "no_evidence"

    def _doubt(self) -> Reason | None:
        """Why the reward deserves less trust; the first of several reasons."""
        observed = [step.observation for step in self.steps if step.observation is not None]
        if self.gave_up:
            return "budget"
        if any(observation.status in ("unavailable", "timeout") for observation in observed):
            return "tool_unavailable"
        if observed and not found_evidence(self.case, self.steps):
            return "tool_unavailable" if self.out_of_reach else "no_evidence"
        return "contradiction" if contradicts(self.rationale or "", self.case, self.steps) else None

    def _lead_on(self) -> bool:
        """Append the line that a broken or circling call needs next; the words stay the model's."""
        rest = self.rules.writer.rest_of_step(self.written())
        if rest is None:
            return False
        self.append(rest)
        if rest == "\n":
            self.close_step()
        return True

    def _give_up_call(self, problem: str) -> None:
        """The model must conclude: one that copies in circles would only do so in its next call."""
        self.gave_up = True
        self._answer_broken_call(f"malformed call: {problem}")

    def _answer_broken_call(self, problem: str) -> None:
        self.steps.append(Step(self.written()))
        self.tool_calls += 1
        self.observe(Observation(problem, "error"))

    def _give_up_rationale(self) -> None:
        """What a rationale says first is the verdict; its repetitions add nothing."""
        self.gave_up = True
        self.close_rationale()

    def _ask_reward(self) -> None:
        self.open("reward")
        self.state = "reward"


def in_circles(pieces: Sequence[object]) -> bool:
    """Does a text end in one piece again and again?"""
    for period in range(1, PERIOD + 1):
        repeats = max(TIMES, -(-TOKENS // period))
        length = period * repeats
        if (
            length <= len(pieces)
            and pieces[-1] == pieces[-1 - period]
            and list(pieces[-length:-period]) == list(pieces[-length + period :])
        ):
            return True
    return False
