"""Texts and traces that hypothesis draws: arbitrary ones, and those that the written forms could stumble over."""

from hypothesis import strategies as st

from themis.traces.text import SPECIAL_TOKENS
from themis.traces.trace import STATUSES, Action, Observation, Step, Trace

KEYS = ["Thought: ", "Action: ", "Action Input: ", "Action:", "Finished.", "Observation: ", "Observation [error]: ", "Rationale: "]
MARKS = ["\n", "\r", "\r\n", "\u2028", "\u0085", "\x0b", "\x00", "\\", "\\\\", "<|", "|>", "<", "|", "<\\|", " ", "### ASSISTANT:", "</s>"]
PIECES = [*SPECIAL_TOKENS, *KEYS, *MARKS, "None", "N/A"]


def texts() -> st.SearchStrategy[str]:
    """Arbitrary texts, and texts made of what the written forms give a meaning."""
    return st.one_of(st.text(), st.lists(st.sampled_from(PIECES) | st.text(max_size=2), max_size=8).map("".join))


def traces() -> st.SearchStrategy[Trace]:
    """Arbitrary traces, sensible or not."""
    actions = st.builds(Action, texts(), texts())
    observations = st.builds(Observation, texts(), st.sampled_from(STATUSES))
    steps = st.builds(Step, texts(), st.none() | actions, st.none() | observations)
    return st.builds(Trace, st.lists(steps, max_size=4).map(tuple), st.none() | texts())
