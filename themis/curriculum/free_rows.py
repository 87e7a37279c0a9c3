"""Rows of files in many people's words: programs with and without Markdown, and short answers that are dodged.

For tasks whose questions no rule can make.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from random import Random

from themis.builder.text.answers import DODGE, PHRASES, Values, of
from themis.data.mixture import PairSource
from themis.phrases import filled
from themis.traces import Trace
from themis.traces.pair import Pair, Side

MOST_WORDS = 14
"""Of an answer that is dodged: a longer one is not a single value."""
_READ = ("wikisearch", "webgpt")


def free_rows(built: Mapping[str, Sequence[Pair]]) -> dict[str, PairSource]:
    """`free/code`, `free/wikisearch` and `free/webgpt`, of the rows that are there."""
    sources: dict[str, PairSource] = {}
    if programs := built.get("code"):
        sources["free/code"] = partial(_in_markdown, programs)
    for task in _READ:
        if short := [pair for pair in built.get(task, ()) if len(pair.chosen.answer.split()) <= MOST_WORDS]:
            sources[f"free/{task}"] = partial(_dodged, short)
    return sources


def _in_markdown(pairs: Sequence[Pair], rng: Random) -> Pair:
    """Both programs, each as it is or in one of the forms of a chat. What the tool said of them stays true."""
    pair = rng.choice(pairs)

    def written(side: Side) -> Side:
        code = side.answer.strip("\n")
        return side if "```" in code else replace(side, answer=filled(of(PHRASES["programs"], "{code}", rng), {"code": code}))

    return replace(pair, chosen=written(pair.chosen), rejected=written(pair.rejected))


def _dodged(pairs: Sequence[Pair], rng: Random) -> Pair:
    """A right answer beside one that hedges between it and the wrong one, denies it, echoes it, or refuses."""
    pair = rng.choice(pairs)
    right, wrong = (side.answer.strip().rstrip(".") for side in (pair.chosen, pair.rejected))
    values = Values(["{value}", "{value}."], {}, right, [wrong], lambda value, rng: value)
    answer = DODGE[rng.choice(("hedge", "denial", "echo", "refusal"))](values, rng, PHRASES)
    trace = pair.rejected.trace
    return replace(pair, rejected=Side(answer, pair.rejected.score, Trace(trace.steps, None) if trace else None))
