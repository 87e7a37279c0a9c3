"""The webgpt task by rule: one search, and whether its results support an answer."""

from random import Random

import pytest

from themis.builder.draft import Draft, View
from themis.builder.tasks.webgpt.agents import evidence, negatives, query_of, rationale, statements, steps
from themis.traces import Action, Case, Observation

RESULTS = "The Arden mill was built in 1821 for Jane Holt. It ground barley until a fire destroyed it in 1877. Nobody rebuilt it."
QUESTION = "What happened to the Arden mill?"
SUPPORTED = "The Arden mill ground barley. A fire destroyed it in 1877."
UNSUPPORTED = "The Arden mill ground barley. It was turned into a chocolate factory in 1911."


def observe(action: Action, case: Case) -> Observation:
    return Observation(RESULTS)


def view(answer: str, label: bool | None = None) -> View:
    return View(Case(QUESTION, answer), "webgpt", {}, label, ())


def judged(seen: View) -> tuple[str, str, str]:
    found = evidence(seen, steps(seen, Random(0), observe))
    return found.stance, found.claim, found.found


def test_an_answer_is_supported_where_the_results_hold_its_words() -> None:
    stance, claim, found = judged(view(SUPPORTED))
    assert stance == "agrees"
    assert claim in SUPPORTED
    assert found in RESULTS


def test_one_statement_without_support_is_enough_to_disagree() -> None:
    stance, claim, found = judged(view(UNSUPPORTED))
    assert (stance, claim) == ("disagrees", "It was turned into a chocolate factory in 1911.")
    assert found in RESULTS


def test_the_label_does_not_sway_what_the_results_say() -> None:
    for answer in (SUPPORTED, UNSUPPORTED):
        assert len({judged(view(answer, label)) for label in (True, False, None)}) == 1


def test_a_search_that_failed_settles_nothing() -> None:
    seen = view(SUPPORTED)
    failed = steps(seen, Random(0), lambda action, case: Observation("no answer", "unavailable"))
    assert evidence(seen, failed).stance == "unsettled"


def test_a_verdict_is_no_statement() -> None:
    assert statements("No, that is not true. The mill burnt down.") == ["The mill burnt down."]
    assert statements("That is true. The mill burnt down.") == ["The mill burnt down."]
    assert statements("Right angles have ninety degrees.") == ["Right angles have ninety degrees."]


@pytest.mark.parametrize(
    ("question", "answer", "facts", "query"),
    [
        ("Is it true that the mill burnt down?", "Yes.", {"subject": "mill", "claim": "The mill burnt down."}, "The mill burnt down"),
        ("What is true of the mill?", "The mill ground barley.", {"subject": "mill"}, "The mill ground barley"),
        ("I saw a mill. Who built it?", "Jane Holt did.", {}, "Who built it?"),
    ],
)
def test_what_is_searched_for(question: str, answer: str, facts: dict[str, str], query: str) -> None:
    assert query_of(question, answer, facts) == query
    (step,) = steps(View(Case(question, answer), "webgpt", facts), Random(0), observe)
    assert step.action == Action("google_serper", query)


def test_thoughts_name_a_subject_only_where_there_is_one() -> None:
    no_facts: dict[str, str] = {}
    for facts in (no_facts, {"subject": "the mill"}):
        seen = View(Case(QUESTION, SUPPORTED), "webgpt", facts)
        thoughts = {steps(seen, Random(seed), observe)[0].thought for seed in range(200)}
        assert len(thoughts) >= 8
        assert not any("{" in thought or "about ." in thought or "  " in thought for thought in thoughts)


def test_negatives_are_those_of_the_source_alone() -> None:
    made = Draft("w/1", "webgpt", "w", QUESTION, SUPPORTED, ("a", "b", "c"))
    assert sorted(negatives(made, Random(0), observe)) == ["a", "b", "c"]


def test_a_rationale_names_words_that_are_missing_indeed() -> None:
    told: set[str] = set()
    for seed in range(300):
        for answer in (SUPPORTED, UNSUPPORTED):
            seen = view(answer)
            taken = steps(seen, Random(0), observe)
            text = rationale(seen, taken, evidence(seen, taken), Random(seed))
            told.add(text)
            verdict = text.split(":")[0]
            if answer == UNSUPPORTED:
                assert "not" in verdict
                assert '"1911"' in text
                assert "chocolate" in text
                assert "1911" not in RESULTS
            else:
                assert "not" not in verdict
    assert len(told) >= 40
