"""A judgement as a row of the engine's batch: its tokens, how many the model has read, and their cache.

Follows the written form of `themis.traces`. Token ids are only ever appended, never re-tokenised.
Knows nothing of models, of running tools, or of other rows.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

from themis.inference.engine.cache import KeysAndValues
from themis.inference.judgement import Judgement, Part, Rules
from themis.traces.case import Case
from themis.traces.segments import Kind, Segment, SegmentWriter, token_ids
from themis.traces.trace import Observation

CUT = " [cut]"
"""Ends an observation that was too long to be read whole."""

TRACE_SHARE, CONCLUSION_SHARE = 8, 32
"""One token in so many of the context is kept free: by prompts for the trace, by observations for the conclusion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRules(Rules):
    """What all rows of one judge share."""

    writer: SegmentWriter
    read_text: Callable[[list[int]], str]
    """The text of token ids."""
    context_length: int
    longest_token: int
    """Characters of the longest token. A text of n characters has at least n divided by this many tokens."""
    seed: str = ""
    """Of what rows draw, where tokens are drawn."""


@dataclass(eq=False, slots=True)
class Row(Judgement):
    """One row. It takes up its case as it is made: its prompt and its first token are given, or it is refused."""

    rules: RowRules
    index: int = field(kw_only=True)
    """The case's place in the input."""
    segments: list[Segment] = field(default_factory=list)
    token_ids: list[int] = field(default_factory=list)
    """The segments' tokens, joined."""
    read: int = 0
    """How many of them the model has read."""
    cache: KeysAndValues | None = None
    """The keys and values of what was read, while the row is in no batch."""
    draws: Random | None = None

    def __post_init__(self) -> None:
        self.begin()

    @property
    def unread(self) -> int:
        """How many tokens the model has not read yet."""
        return len(self.token_ids) - self.read

    @property
    def room(self) -> int:
        return self.rules.context_length - len(self.token_ids)

    @property
    def read_tokens(self) -> int:
        return max(0, len(self.token_ids) - self.new_tokens)

    def draw(self) -> float:
        """This judgement's next random number from 0 to 1: it depends on the seed and the case alone."""
        if self.draws is None:
            self.draws = Random(f"{self.rules.seed}/{self.case.question_text}/{self.case.answer}/{self.case.context}")
        return self.draws.random()

    def write(self, token: int, log_probability: float = 0.0) -> None:
        """Take the token that the model chose, and follow what it decides."""
        self.new_tokens += 1
        if self.state == "action":
            self.least_likely = min(self.least_likely or 0.0, log_probability)
        writer = self.rules.writer
        if self.state == "choice" and token == writer.rationale_id:
            self.conclude()
        elif self.state == "choice":
            self.act()
        elif self.state == "action" and token in (writer.observation_id, writer.rationale_id):
            self.close_step()
        elif self.state == "rationale" and token == writer.reward_id:
            self.close_rationale()
        else:
            self._extend([token])
            self.stop_circles(self.segments[-1].token_ids[1:])
        self.check_budget()

    def take_back(self) -> bool:
        """The model goes on after the token that opened the step. What it read of the step is read over.

        Positions behind a row's own are masked, so that keys and values in a batch may stay.
        """
        dropped = len(self.segments[-1].token_ids) - 1
        del self.segments[-1].token_ids[1:]
        del self.token_ids[len(self.token_ids) - dropped :]
        self.read = min(self.read, len(self.token_ids) - 1)
        if self.cache is not None:
            self.cache = [(keys[:, : self.read], values[:, : self.read]) for keys, values in self.cache]
        return True

    def read_case(self) -> bool:
        """A case that is too long to fit is not even tokenised: its number of characters proves it."""
        room = self.rules.context_length - (1 if self.rules.vanilla else max(4, self.rules.context_length // TRACE_SHARE))
        if _characters(self.case) > room * self.rules.longest_token:
            return False
        prompt = self.rules.writer.prompt(self.case)
        if len(token_ids(prompt)) > room:
            return False
        for segment in prompt:
            self._begin(segment.kind, segment.token_ids)
        return True

    def read_observation(self, observation: Observation) -> Observation | None:
        """A text too long for the context is cut, with a mark."""
        room = self.room - max(2, self.rules.context_length // CONCLUSION_SHARE)
        text = observation.text[: max(0, room) * self.rules.longest_token]
        while text or not observation.text:
            mark = "" if len(text) == len(observation.text) else CUT
            fitting = replace(observation, text=text + mark)
            segment = self.rules.writer.observation(fitting)
            if len(segment.token_ids) <= room:
                self._begin(segment.kind, segment.token_ids)
                return fitting
            if not text:
                break
            text = text[: int(len(text) * 0.95 * room / len(segment.token_ids))]
        return None

    def open(self, part: Part) -> None:
        writer = self.rules.writer
        opening = {"action": writer.tool_id, "rationale": writer.rationale_id, "reward": writer.reward_id}
        self._begin(part, [opening[part]])

    def written(self) -> str:
        return self.rules.read_text(self.segments[-1].token_ids[1:])

    def append(self, text: str) -> None:
        self._extend(self.rules.writer.encode_untrusted(text))

    def _begin(self, kind: Kind, ids: list[int]) -> None:
        self.segments.append(Segment(kind, ids))
        self.token_ids += ids

    def _extend(self, ids: list[int]) -> None:
        self.segments[-1].token_ids.extend(ids)
        self.token_ids += ids


def _characters(case: Case) -> int:
    """How many characters the prompt has at least."""
    return len(case.question_text) + len(case.answer) + len(case.context or "")
