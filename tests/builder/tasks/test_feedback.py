"""Human preferences as drafts: who was preferred, and whether the passages settle it."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from themis.builder.draft import View
from themis.builder.tasks.webgpt.agents import evidence
from themis.builder.tasks.webgpt.feedback import FILE, LONGEST, read_feedback, written_passages
from themis.config import data_root
from themis.errors import DataError
from themis.traces import Action, Case, Observation, Step

GOOD = "The Arden mill ground barley until a fire destroyed it in 1877."
BAD = "The Arden mill became a chocolate factory in 1911."
ROW: dict[str, Any] = {
    "question": "What happened to the Arden mill?",
    "passages": [
        ["Arden mill", "Arden mill\n\nThe Arden mill ground barley until a fire destroyed it in 1877.", "It stood beside the Lode."]
    ],
    "gold": "A fire destroyed it.",
    "prediction 1": GOOD,
    "prediction 2": BAD,
    "prediction 3": "A fire destroyed the mill at Arden in 1877.",
    "prediction 4": "The mill moved to Lisbon and then to Porto.",
    "preference": [1, 0, 1, 2, 0, 1],
}


def write(root: Path, rows: object) -> Path:
    (root / "fgrlhf").mkdir()
    with gzip.open(root / FILE, "wt", encoding="utf-8") as file:
        json.dump(rows, file)
    return root


def test_each_preference_that_is_no_tie_gives_a_pair_in_the_order_of_the_file(tmp_path: Path) -> None:
    # 1-2: 1. 1-3: tie. 1-4: 1. 2-3: 2, so the third. 2-4: tie. 3-4: 1, so the third.
    drafts = {draft.id: draft for draft in read_feedback(write(tmp_path, [ROW]), 1, 100)}
    assert set(drafts) == {"fgrlhf/1/1-2", "fgrlhf/1/1-4", "fgrlhf/1/3-2", "fgrlhf/1/3-4"}
    assert (drafts["fgrlhf/1/1-2"].chosen, drafts["fgrlhf/1/1-2"].rejected) == (GOOD, (BAD,))
    assert {draft.group for draft in drafts.values()} == {"fgrlhf/1"}


def test_a_preference_for_what_the_passages_do_not_support_is_left_out(tmp_path: Path) -> None:
    assert not list(read_feedback(write(tmp_path, [{**ROW, "preference": [2, 0, 0, 1, 0, 0]}]), 1, 100))


def test_what_is_offered_is_settled_by_the_search_that_is_recorded(tmp_path: Path) -> None:
    for draft in read_feedback(write(tmp_path, [ROW]), 1, 100):
        ((tool, query, results),) = draft.recorded
        step = Step("", Action(tool, query), Observation(results))
        for answer, stance in ((draft.chosen, "agrees"), (draft.rejected[0], "disagrees")):
            assert evidence(View(Case(draft.question, answer), "webgpt"), (step,)).stance == stance


def test_long_passages_are_cut_to_what_speaks_of_the_question_in_its_order() -> None:
    filler = [f"Sentence {number} tells of other things in many words that nobody asked for." for number in range(100)]
    written = written_passages("What happened to the mill?", [" ".join(filler), "The mill burnt down. It happened at night."])
    assert len(written.split()) <= LONGEST
    assert written.endswith("The mill burnt down. It happened at night.")


def test_the_title_is_no_sentence(tmp_path: Path) -> None:
    draft = next(read_feedback(write(tmp_path, [ROW]), 1, 1))
    assert draft.recorded[0][2].startswith("The Arden mill ground barley")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"preference": [1, 2]}, "'preference' must be six numbers"),
        ({"passages": "text"}, "'passages' must be lists of texts"),
        ({"prediction 3": None}, "'prediction 3' is missing"),
    ],
)
def test_a_row_of_another_shape_is_named(tmp_path: Path, change: dict[str, object], said: str) -> None:
    with pytest.raises(DataError, match=rf"dev_feedback\.json\.gz, row 1: field {said}"):
        list(read_feedback(write(tmp_path, [{**ROW, **change}]), 1, 5))


def test_the_published_preferences_never_go_in_a_ring() -> None:
    """The data do not tell the order of the six pairs: in nearly any other one, people would prefer in a ring."""
    data = data_root()
    if data is None or not (data / FILE).is_file():
        pytest.skip("the data sets are not at hand: set THEMIS_DATA")
    with gzip.open(data / FILE, "rt", encoding="utf-8") as file:
        rows = json.load(file)
    assert sum(_rings(row["preference"]) for row in rows) == 0
    assert sum(_rings(row["preference"][1:] + row["preference"][:1]) for row in rows) > 100
    assert len(list(read_feedback(data, 4, 10_000))) > 350


def _rings(preferences: list[int]) -> int:
    better = dict(zip(((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)), preferences, strict=True))
    rings = ((0, 1, 2), (0, 1, 3), (0, 2, 3), (1, 2, 3))
    return sum((better[a, b], better[b, c], better[a, c]) in ((1, 1, 2), (2, 2, 1)) for a, b, c in rings)
