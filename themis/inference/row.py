"""One judgement in progress: what it has read and written, and what it may do next.

Follows the written form of `themis.traces`: an action is closed by an observation or, where it calls no
tool, by the rationale; then comes the reward. Token ids are only ever appended, never re-tokenised.
Knows nothing of models, of running tools, or of other rows; the clock's time is told to it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Literal

from themis.inference.cache import KeysAndValues
from themis.traces.case import Case
from themis.traces.segments import Kind, Segment, SegmentWriter, token_ids
from themis.traces.text import MalformedStep, parse_rationale
from themis.traces.trace import Action, Observation, Reason, Step, Trace, Usage, Verdict

State = Literal["choice", "action", "rationale", "reward", "waiting", "done"]
"""`choice`: after an observation, between another action and the rationale. `reward`: nothing more is
written, the reward is read at the last token. `waiting`: for a tool."""

WRITING: tuple[State, ...] = ("choice", "action", "rationale")
TIMES, TOKENS, PERIOD = 4, 24, 32
"""A text goes in circles where its end says the same `TIMES` times over, `TOKENS` of it in all, up to `PERIOD` tokens a time."""
CUT = " [cut]"
"""Stands where an observation was too long to be read whole."""

TRACE_SHARE, CONCLUSION_SHARE = 8, 32
"""One token in so many of the context is kept free: by prompts for the trace, by observations for the conclusion."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that one judgement may cost."""

    tool_calls: int = 3
    """Calls, malformed ones included; after the last observation the model must conclude. 0: no tools."""
    call_tokens: int = 512
    """Of one call. What has not ended by then is answered as malformed, and the model must conclude: its reward is marked `budget`.

    One that goes in circles is ended before, and called if it has an argument.
    """
    rationale_tokens: int = 384
    """Of the rationale. One that has not ended by then, or goes in circles, is cut, and the reward read all the same, marked `budget`."""
    new_tokens: int = 1024
    seconds: float = 300.0
    """From the moment the case is taken up, waiting for tools included."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What all rows of one judge share."""

    writer: SegmentWriter
    read_text: Callable[[list[int]], str]
    """The text of token ids."""
    budget: Budget
    context_length: int
    longest_token: int
    """Characters of the longest token: no tokenizer makes fewer tokens of a text than its characters divided by this."""
    write_rationale: bool
    vanilla: bool
    """The reward is read right after the case: no trace."""
    seed: str = ""
    """Of what rows draw, where tokens are drawn."""


@dataclass(eq=False, slots=True)
class Row:
    """One judgement in progress."""

    index: int
    """The case's place in the input."""
    case: Case
    rules: Rules
    started: float
    state: State = "action"
    segments: list[Segment] = field(default_factory=list)
    token_ids: list[int] = field(default_factory=list)
    """The segments' tokens, joined."""
    read: int = 0
    """How many of them the model has read."""
    kept: KeysAndValues | None = None
    """The keys and values of what was read, while the row is in no batch."""
    steps: list[Step] = field(default_factory=list)
    rationale: str | None = None
    reward: float | None = None
    reason: Reason | None = None
    tool_calls: int = 0
    new_tokens: int = 0
    gave_up: bool = False
    """A call or the rationale did not end, and was cut."""
    draws: Random | None = None

    def __post_init__(self) -> None:
        """Take up the case: its prompt and the first token are given; or it is refused."""
        if not self.case.answer.strip():
            self.end("empty_answer")
        elif (prompt := self._prompt()) is None:
            self.end("too_long")
        else:
            self._open(prompt)

    @property
    def deadline(self) -> float:
        return self.started + self.rules.budget.seconds

    @property
    def unread(self) -> int:
        """How many tokens the model has not read yet."""
        return len(self.token_ids) - self.read

    @property
    def call(self) -> Action:
        """What the row waits for."""
        action = self.steps[-1].action
        assert self.state == "waiting"
        assert action is not None
        return action

    def draw(self) -> float:
        """The next number from 0 to 1 of this judgement's own: they depend on the seed and the case alone."""
        if self.draws is None:
            self.draws = Random(f"{self.rules.seed}/{self.case.question_text}/{self.case.answer}/{self.case.context}")
        return self.draws.random()

    def write(self, token: int) -> None:
        """Take the token that the model chose, and follow what it decides."""
        self.new_tokens += 1
        writer = self.rules.writer
        if self.state == "choice":
            self._choose(token)
        elif self.state == "action" and token in (writer.observation_id, writer.rationale_id):
            self._close_action()
        elif self.state == "rationale" and token == writer.reward_id:
            self._close_rationale()
        else:
            self.segments[-1].token_ids.append(token)
            self.token_ids.append(token)
            self._stop_circles()
        self._check_budget()

    def observe(self, observation: Observation) -> None:
        """Read what came back. A text too long for the context is cut, with a mark."""
        room = self.rules.context_length - len(self.token_ids) - max(2, self.rules.context_length // CONCLUSION_SHARE)
        fitting = self._fit(observation, room)
        if fitting is None:
            self.end("budget" if self.gave_up else "too_long")
            return
        observation, segment = fitting
        self.steps[-1] = replace(self.steps[-1], observation=observation)
        self._begin(segment.kind, segment.token_ids)
        self.state = "choice"
        if self.tool_calls >= self.rules.budget.tool_calls or self.gave_up:
            self._conclude()
        self._check_budget()

    def score(self, reward: float) -> None:
        """Take the reward; one that is no number is none."""
        if not math.isfinite(reward):
            self.end("malformed")
            return
        self.reward = reward
        if self.gave_up:
            self.end("budget")
            return
        world_failed = any(step.observation and step.observation.status in ("unavailable", "timeout") for step in self.steps)
        self.end("tool_unavailable" if world_failed else None)

    def end(self, reason: Reason | None) -> None:
        """Nothing more is read or written."""
        self.state, self.reason, self.kept = "done", reason, None

    def verdict(self, now: float) -> Verdict:
        """What came of it; of a judgement that was ended early, the steps it took."""
        usage = Usage(self.tool_calls, max(0, len(self.token_ids) - self.new_tokens), self.new_tokens, now - self.started)
        return Verdict(self.case.id, self.reward, self.reason, Trace(tuple(self.steps), self.rationale), usage)

    def _prompt(self) -> list[Segment] | None:
        """The case's segments; None where they leave no room, which the number of characters alone may prove."""
        room = self.rules.context_length - (1 if self.rules.vanilla else max(4, self.rules.context_length // TRACE_SHARE))
        if _characters(self.case) > room * self.rules.longest_token:
            return None
        prompt = self.rules.writer.prompt(self.case)
        return prompt if len(token_ids(prompt)) <= room else None

    def _open(self, prompt: list[Segment]) -> None:
        for segment in prompt:
            self._begin(segment.kind, segment.token_ids)
        if self.rules.vanilla:
            self._ask_reward()
        elif self.rules.budget.tool_calls == 0:
            self._conclude()
        else:
            self._begin("action", [self.rules.writer.tool_id])

    def _begin(self, kind: Kind, ids: list[int]) -> None:
        self.segments.append(Segment(kind, ids))
        self.token_ids += ids

    def _choose(self, token: int) -> None:
        if token == self.rules.writer.rationale_id:
            self._conclude()
        else:
            self.state = "action"
            self._begin("action", [token])

    def _stop_circles(self) -> None:
        """What is too long is given up; a call that repeats itself is led to its next line, a rationale that does is cut."""
        written = self.segments[-1].token_ids[1:]
        budget = self.rules.budget
        if self.state == "action" and len(written) >= budget.call_tokens:
            self._give_up_call(f"it did not end within {budget.call_tokens} tokens")
        elif self.state == "rationale" and len(written) >= budget.rationale_tokens:
            self._give_up_rationale()
        elif in_circles(written):
            if self.state == "rationale":
                self._give_up_rationale()
            elif not self._led_on():
                self._give_up_call("it says the same again and again")

    def _led_on(self) -> bool:
        """Write the next line that the form wants, where the model broke a call off or went in circles; the words stay the model's."""
        rest = self.rules.writer.rest_of_step(self._written_text())
        if rest is None:
            return False
        ids = self.rules.writer.encode_untrusted(rest)
        self.segments[-1].token_ids.extend(ids)
        self.token_ids += ids
        if rest == "\n":
            self._close_action()
        return True

    def _close_action(self) -> None:
        """The step's text, not the token after it, says whether a tool is called: so every trace is well-formed."""
        text = self._written_text()
        try:
            step = self.rules.writer.parse_step(text)
        except MalformedStep as problem:
            if self._led_on():
                return
            self.steps.append(Step(text))
            self.tool_calls += 1
            self.observe(Observation(str(problem), "error"))
            return
        self.steps.append(step)
        if step.action is None:
            self._conclude()
        else:
            self.tool_calls += 1
            self.state = "waiting"

    def _give_up_call(self, problem: str) -> None:
        """A model that copies in circles does not find out by calling again."""
        self.gave_up = True
        self.steps.append(Step(self._written_text()))
        self.tool_calls += 1
        self.observe(Observation(f"malformed call: {problem}", "error"))

    def _close_rationale(self) -> None:
        self.rationale = parse_rationale(self._written_text())
        self._ask_reward()

    def _give_up_rationale(self) -> None:
        """What it says first is the verdict; what goes round in circles after that adds nothing."""
        self.gave_up = True
        self._close_rationale()

    def _conclude(self) -> None:
        self._begin("rationale", [self.rules.writer.rationale_id])
        self.state = "rationale" if self.rules.write_rationale else "reward"

    def _ask_reward(self) -> None:
        self._begin("reward", [self.rules.writer.reward_id])
        self.state = "reward"

    def _written_text(self) -> str:
        """What the model wrote in the last segment, after its opening token."""
        return self.rules.read_text(self.segments[-1].token_ids[1:])

    def _check_budget(self) -> None:
        if self.state == "done":
            return
        left = self.rules.context_length - len(self.token_ids)
        if left < 0 or (self.state in WRITING and (left == 0 or self.new_tokens >= self.rules.budget.new_tokens)):
            self.end("budget")

    def _fit(self, observation: Observation, room: int) -> tuple[Observation, Segment] | None:
        """The observation in at most `room` tokens, and its segment; None where nothing of it fits."""
        text = observation.text[: max(0, room) * self.rules.longest_token]
        while text or not observation.text:
            mark = "" if len(text) == len(observation.text) else CUT
            fitting = replace(observation, text=text + mark)
            segment = self.rules.writer.observation(fitting)
            if len(segment.token_ids) <= room:
                return fitting, segment
            if not text:
                break
            text = text[: int(len(text) * 0.95 * room / len(segment.token_ids))]
        return None


def in_circles(ids: Sequence[int]) -> bool:
    """Does a text end in one piece again and again?"""
    for period in range(1, PERIOD + 1):
        repeats = max(TIMES, -(-TOKENS // period))
        length = period * repeats
        if length <= len(ids) and ids[-1] == ids[-1 - period] and list(ids[-length:-period]) == list(ids[-length + period :]):
            return True
    return False


def _characters(case: Case) -> int:
    """How many characters the prompt has at least."""
    return len(case.question_text) + len(case.answer) + len(case.context or "")
