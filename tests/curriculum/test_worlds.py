"""One answer in two worlds, to train on: what differs is what was observed, and no question of it is for measuring."""

from pathlib import Path
from random import Random

import pytest

from tests.builder.tasks.written import reading_folder
from themis.builder.reserved import reserved
from themis.builder.tasks.translator import xquad
from themis.builder.text.reading import occurs
from themis.config import data_root
from themis.curriculum.worlds import WORLDS, worlds_sources
from themis.data.published import measured_questions
from themis.traces import Pair
from themis.traces.tara import question_hash


def _observed(pair: Pair) -> tuple[str, str]:
    """What either side was told; all else is the same."""
    assert pair.chosen.answer == pair.rejected.answer
    assert pair.chosen.score > pair.rejected.score
    told = []
    for side in (pair.chosen, pair.rejected):
        assert side.trace is not None
        (step,) = side.trace.steps
        assert step.observation is not None
        told.append((step.thought, step.action, step.observation.text))
    assert told[0][:2] == told[1][:2]
    return told[0][2], told[1][2]


def test_without_files_there_are_no_such_sources(tmp_path: Path) -> None:
    assert worlds_sources(None) == worlds_sources(tmp_path) == {}


def test_a_passage_with_another_name_in_it_makes_an_answer_wrong(tmp_path: Path) -> None:
    sources = worlds_sources(reading_folder(tmp_path))
    assert sources.keys() == {"worlds/wikisearch"}
    pairs = [pair for seed in range(300) if (pair := sources["worlds/wikisearch"](Random(seed)))]
    assert len(pairs) > 10
    for pair in pairs:
        right, wrong = _observed(pair)
        assert occurs(pair.chosen.answer, right)
        assert not occurs(pair.chosen.answer, wrong)
    # Of half of them the answer is that of the edited passage.
    asked = {pair.question: set[str]() for pair in pairs}
    for pair in pairs:
        asked[pair.question].add(pair.chosen.answer)
    assert max(map(len, asked.values())) > 1


@pytest.mark.skipif(data_root() is None, reason="needs XQuAD and the question files: set THEMIS_DATA")
def test_of_the_published_files_none_is_for_measuring() -> None:
    root = data_root()
    assert root is not None
    sources, measured = worlds_sources(root), measured_questions(root)
    assert sources.keys() == set(WORLDS)
    kept = {draft.question for draft in xquad.SOURCES[0].read(root, 0, 10**6) if reserved(draft)}
    assert kept
    for name, draw in sources.items():
        pairs = [pair for seed in range(200) if (pair := draw(Random(seed)))]
        assert len(pairs) > (150 if name == "worlds/translator" else 10)
        for pair in pairs:
            right, wrong = _observed(pair)
            assert right != wrong
            assert question_hash(pair.question) not in measured
            assert pair.question not in kept
            if name == "worlds/translator":
                assert occurs(pair.chosen.answer, pair.context or "")
