"""What a model reads, piece by piece: each segment's kind and the token ids it adds.

Only this module adds the four special tokens. Every other text (question, answer, context, observation, and the
model's earlier words) is tokenised by itself with special tokens disabled, so no text can open a segment. Generated
tokens are never re-tokenised: ids are appended.

Knows nothing of models; a tokenizer is whatever `TextTokenizer` says.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from themis.errors import ModelError
from themis.traces.case import Case
from themis.traces.text import (
    OBSERVATION,
    RATIONALE,
    REWARD,
    SPECIAL_TOKENS,
    TOOL,
    observation_text,
    parse_step,
    rationale_text,
    rest_of_step,
    step_text,
)
from themis.traces.trace import Observation, Step, Trace

Kind = Literal["prompt", "answer", "action", "observation", "rationale", "reward"]
"""`action` holds the thought too: both are the model's own words before a tool is called."""


class TextTokenizer(Protocol):
    """What of a Hugging Face tokenizer is used here."""

    def __call__(self, text: str, *, add_special_tokens: bool, split_special_tokens: bool) -> Any: ...
    def get_added_vocab(self) -> dict[str, int]: ...


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of tokens of one kind."""

    kind: Kind
    token_ids: list[int]
    """Only the tokens this segment adds: joined in order, they are exactly what the model read."""


class SegmentWriter:
    """Turns cases and traces into segments with one tokenizer."""

    call_ids: tuple[int, ...] = ()
    """Added tokens that a model may write within an action; `chat_form` has some."""

    def __init__(self, tokenizer: TextTokenizer) -> None:
        self._tokenizer = tokenizer
        added = tokenizer.get_added_vocab()
        missing = [token for token in SPECIAL_TOKENS if token not in added]
        if missing:
            raise ModelError(f"the tokenizer lacks the special tokens {' '.join(missing)}; add them with `prepare_tokenizer`")
        self.tool_id, self.observation_id, self.rationale_id, self.reward_id = (added[token] for token in SPECIAL_TOKENS)
        # Some backbones add white space and single letters as tokens of their own: these are text like any other.
        self.opening = _opening(tokenizer)
        self._forbidden = frozenset(number for token, number in added.items() if len(token.strip(" \t\r\n\u2581")) > 1)

    def encode_untrusted(self, text: str) -> list[int]:
        """Token ids of `text`, among them never a special or added token, whatever the text says."""
        # A tokenizer cannot read a lone surrogate, such as comes from a command line that is not UTF-8.
        return self._encode(text.encode("utf-8", "replace").decode("utf-8"))

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        if self._forbidden.isdisjoint(ids):
            return ids
        # Some backbones register added tokens that are not 'special' (such as `<tool_call>`), which the
        # flag does not split. Halving the text until none is left cuts through each of them.
        middle = len(text) // 2
        return [*self._encode(text[:middle]), *self._encode(text[middle:])] if middle else []

    def prompt(self, case: Case) -> list[Segment]:
        """The case, up to where the judge begins: prompt, answer, prompt."""
        context = f"Context: {case.context}\n" if case.context else ""
        return [
            Segment("prompt", [*self.opening, *self.encode_untrusted(f"### USER:\n{context}Question: {case.question_text}\nAnswer:")]),
            Segment("answer", self.encode_untrusted(" " + case.answer)),
            Segment("prompt", self.encode_untrusted("\n### ASSISTANT:\n")),
        ]

    def action(self, step: Step) -> Segment:
        """A thought, and its call."""
        return Segment("action", [self.tool_id, *self.encode_untrusted(step_text(step))])

    def parse_step(self, text: str) -> Step:
        """The step that a model wrote after the opening token; raises `MalformedStep`."""
        return parse_step(text)

    def rest_of_step(self, text: str) -> str | None:
        """What such a text needs next to become a call; None where there is no such thing."""
        return rest_of_step(text)

    def observation(self, observation: Observation) -> Segment:
        """What came back."""
        return Segment("observation", [self.observation_id, *self.encode_untrusted(observation_text(observation))])

    def rationale(self, rationale: str | None) -> Segment:
        """The conclusion; only its opening token, where none is written, since the early reward is read there."""
        words = [] if rationale is None else self.encode_untrusted(rationale_text(rationale))
        return Segment("rationale", [self.rationale_id, *words])

    def reward(self) -> Segment:
        """The place where the reward is read."""
        return Segment("reward", [self.reward_id])

    def trace(self, trace: Trace) -> list[Segment]:
        """All that follows the prompt."""
        segments: list[Segment] = []
        for step in trace.steps:
            segments.append(self.action(step))
            if step.observation is not None:
                segments.append(self.observation(step.observation))
        return [*segments, self.rationale(trace.rationale), self.reward()]

    def judgement(self, case: Case, trace: Trace) -> list[Segment]:
        """A whole judgement: the case and its trace."""
        return [*self.prompt(case), *self.trace(trace)]


def _opening(tokenizer: TextTokenizer) -> list[int]:
    """The tokens with which a tokenizer opens every text, such as `<s>`; Llama and Gemma fail without theirs."""
    text: list[int] = tokenizer("a", add_special_tokens=False, split_special_tokens=True)["input_ids"]
    whole: list[int] = tokenizer("a", add_special_tokens=True, split_special_tokens=True)["input_ids"]
    places = [place for place in range(len(whole)) if whole[place : place + len(text)] == text]
    return whole[: places[0]] if places else []


def token_ids(segments: Sequence[Segment]) -> list[int]:
    """All tokens in order: exactly what the model reads."""
    return [token for segment in segments for token in segment.token_ids]


def loss_kinds(segments: Sequence[Segment]) -> list[Kind]:
    """For each token, the kind of loss it is a target of.

    The token that opens an observation, a rationale or the reward is the judge's own decision to stop. So it belongs
    to what was written before it: a model with β = 0 must still learn to stop.
    """
    kinds: list[Kind] = []
    writing: Kind = "action"
    for segment in segments:
        opening: Kind = writing if segment.kind in ("observation", "rationale", "reward") else segment.kind
        kinds += [opening, *[segment.kind] * (len(segment.token_ids) - 1)] if segment.token_ids else []
        if segment.kind in ("action", "rationale"):
            writing = segment.kind
    return kinds


__all__ = [
    "OBSERVATION",
    "RATIONALE",
    "REWARD",
    "TOOL",
    "Kind",
    "Segment",
    "SegmentWriter",
    "TextTokenizer",
    "loss_kinds",
    "token_ids",
]
