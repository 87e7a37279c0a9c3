"""Rationales that contradict what was found: a table of cases, and that no true rationale of ours is marked."""

from random import Random

import pytest

from themis.builder.agents.rationales import written
from themis.builder.draft import Evidence, View
from themis.curriculum.registry import Curriculum
from themis.inference.contradiction import contradicts
from themis.phrases import phrases
from themis.tools.calculator import CORRECT
from themis.traces import Action, Case, Observation, Step

PASSED, FAILED = "The pass rate is 1.0. All test cases passed.", "The pass rate is 0.0. All test cases failed."
WEATHER = "overall weather: Sunny; temperature: 33.7(C); wind speed: 13.3(kph)"


def steps(seen: str) -> list[Step]:
    return [Step("t", Action("a_tool", "x"), Observation(seen))]


@pytest.mark.parametrize(
    ("answer", "seen", "rationale", "marked"),
    [
        # equal values that are said to differ, and the other way round
        ("156", "156", "The answer is wrong: it says 156, but the tool says 156. They differ.", True),
        ("156", "156", "it says 156, but the tool says 156. They differ.", True),
        ("156", "156.0", "The two disagree. Claimed: 156. Observed: 156.0.", True),
        ("Sunny", WEATHER, "The answer is false. It states sunny, and checking with a_tool gives Sunny.", True),
        ("156", "156", "The answer is right: it says 156, and the tool says 156. They agree.", False),
        ("156", "157", "The answer is wrong: it says 156, but the tool says 157. They differ.", False),
        ("156", "157", "The answer is wrong: it says 156, and the tool says 157. They differ.", False),
        ("18", "12", "The answer is right: it says 18., but the tool says 12. They agree.", True),
        ("18", "12", "it says 18., but the tool says 12. They agree.", True),
        ("A Tuesday.", "Friday", "Confirmed. The answer's Tuesday is what the tool observed: Friday.", True),
        ("Sunny", "overall weather: Heavy rain", "The two agree. Claimed: Sunny. Observed: Heavy rain.", True),
        ("rain", "overall weather: Heavy rain", "The two agree. Claimed: rain. Observed: Heavy rain.", False),
        ("10(km)", "visibility: 10.0(km), 6.2(miles)", "The two agree. Claimed: 10(km). Observed: 6.2(miles).", False),
        ("It's Wed.", "Wednesday", "The two agree. Claimed: Wed. Observed: Wednesday.", False),
        ("It's Wed.", "Wednesday", "The two disagree. Claimed: Wed. Observed: Wednesday.", True),
        ("It's Wed.", "Thursday", "The two agree. Claimed: Wed. Observed: Thursday.", True),
        # right and wrong at once
        ("18", "18", "The answer is wrong: it says 18, and the tool says 18. They agree.", True),
        ("x", PASSED, f"It works. The a_tool tool reports: {FAILED}", True),
        # a verdict of the calculator, of the tests
        ("x", CORRECT, "It does not hold. The a_tool tool says: Both the calculation and the answer are correct.", True),
        ("x", CORRECT, "The answer is right: each step was recomputed and holds, and the last one gives the final number.", False),
        ("x", FAILED, f"The program is right, as a run of its tests shows: {FAILED}", True),
        ("x", FAILED, f"The program is wrong, as a run of its tests shows: {FAILED}", False),
        # quotations
        ("17.9(C)", WEATHER, "The answer is incorrect: it gives 17.9(C), which is not what a_tool returned, 17.0.", True),
        ("17.9(C)", WEATHER, "The answer is incorrect: it gives 17.9(C), which is not what a_tool returned, 3.7(C).", True),
        ("17.9(C)", WEATHER, "The answer is incorrect: it gives 17.9(C), which is not what a_tool returned, 33.7(C).", False),
        ("It was cold.", WEATHER, "Not supported by what was observed. The answer says warm, and a_tool returned no such thing.", True),
        ("a b c d", "A  b\nc", "The two agree. Claimed: a b c ... Observed: A b c.", False),
        # weekdays and dates, in any words
        ("A Thursday.", "Tuesday", "The answer states that it is a Wednesday, and the tool says Tuesday.", True),
        ("A Thursday.", "Tuesday", "The answer states that it is a Thursday, and the tool says Tuesday.", False),
        ("2015-03-24 is Wendesday", "Tuesday", "It is not a Wednesday.", False),
        ("Ein Dienstag.", "Friday", "The answer says Tuesday.", False),
        ("24 March 2015", "2015-03-25", "The answer gives 2015-03-24, the tool 2015-03-25.", False),
        ("24 March 2015", "2015-03-25", "The answer gives 2015-03-24, the tool 2015-03-27.", True),
        # other words
        ("18", "12", "18 is the same as 12.", False),
        ("18", "12", "", False),
    ],
)
def test_what_contradicts_is_marked(answer: str, seen: str, rationale: str, marked: bool) -> None:
    assert contradicts(rationale, Case("q", answer), steps(seen)) == marked


def test_each_sentence_of_agreement_is_marked_where_values_differ_and_each_of_disagreement_where_they_are_equal() -> None:
    lists = phrases("themis.traces", "rationales.yaml")
    for agrees, disagrees in zip(lists["agrees"], lists["disagrees"], strict=True):
        for sentence, found, marked in ((agrees, "Friday", True), (agrees, "Tuesday", False), (disagrees, "Tuesday", True)):
            said = sentence.format(claim="Tuesday", found=found, tool="a_tool")
            assert contradicts(said, Case("q", "A Tuesday."), steps(found)) == marked, said


@pytest.mark.parametrize("name", Curriculum().streams({}, {}))
def test_the_rationales_that_are_trained_on_are_not(name: str) -> None:
    stream, rng = Curriculum().streams({}, {})[name], Random(5)
    for pair in (pair for _ in range(40) if (pair := stream(rng))):
        for side, case in ((pair.chosen, pair.chosen_case), (pair.rejected, pair.rejected_case)):
            assert side.trace is not None
            assert not contradicts(side.trace.rationale or "", case, side.trace.steps), side


def test_a_search_that_finds_it_is_not() -> None:
    seen = "Brentwood | Brentwood is a suburb\nof Nashville, in Williamson County. The mill was built in 1820."
    taken = [Step("t", Action("wiki_search", "Brentwood"), Observation(seen))]
    for stance, answer in (("agrees", "Williamson County"), ("disagrees", "Davidson County")):
        view = View(Case("q", answer), "calendar")
        for seed in range(30):
            said = written(view, taken, Evidence(stance, answer, "in Williamson County. The mill"), Random(seed))  # type: ignore[arg-type]
            assert not contradicts(said, view.case, taken), said
