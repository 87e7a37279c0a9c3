"""Questions that only a call is learnt from: real ones, none of them for measuring, with nothing to choose between."""

from random import Random

import pytest

from themis.builder.tasks.wikisearch.agents import query_of
from themis.config import data_root
from themis.curriculum.calls_only import calls_sources
from themis.data.published import measured_questions
from themis.traces.pair import Pair
from themis.traces.tara import question_hash

TOOLS = {"calls/wikisearch": "wiki_search", "calls/webgpt": "google_serper", "calls/translator": "translate"}


def test_without_data_there_are_no_such_sources() -> None:
    assert calls_sources(None) == {}


def _argument(name: str, pair: Pair) -> str:
    assert pair.chosen == pair.rejected
    assert pair.chosen.trace is not None
    (step,) = pair.chosen.trace.steps
    assert step.action is not None
    assert step.action.tool == TOOLS[name]
    return step.action.argument


@pytest.mark.skipif(data_root() is None, reason="needs the question files: set THEMIS_DATA")
def test_a_pair_has_its_tool_and_two_equal_answers_and_is_never_a_question_for_measuring() -> None:
    root = data_root()
    assert root is not None
    draws, measured = calls_sources(root), measured_questions(root)
    assert draws.keys() == TOOLS.keys()
    for name, draw in draws.items():
        for seed in range(200):
            pair = draw(Random(seed))
            assert pair is not None
            argument = _argument(name, pair)
            if name == "calls/wikisearch":
                assert argument == query_of(pair.question)
            elif name == "calls/translator":
                assert argument == pair.question
                assert pair.context
            else:
                assert argument in pair.question
                assert len(pair.chosen.answer) > 40
            assert question_hash(pair.question) not in measured
