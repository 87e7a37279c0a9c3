"""Rationales written by program: true, short, verdict first, and of many wordings."""

from dataclasses import replace
from itertools import chain
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.traces.drawn import texts
from themis.builder.agents.rationales import checked, short, written
from themis.builder.draft import Evidence, View
from themis.builder.tasks.registry import task_named
from themis.phrases import phrases
from themis.tools.calculator import CORRECT
from themis.tools.findings import verdict_of
from themis.traces import Action, Case, Observation, Step

OWN = phrases("themis.traces", "rationales.yaml")
AGREEING = (
    *OWN["agrees"],
    *OWN["supported"],
    *OWN["bears_out"],
    *OWN["sound"],
    *OWN["code_passes"],
)
DISAGREEING = (
    *OWN["disagrees"],
    *OWN["not_supported"],
    *OWN["does_not_bear_out"],
    *OWN["faulty"],
    *OWN["code_fails"],
)
UNDECIDED = (*OWN["open"], *OWN["nothing_came_back"], *OWN["no_tool"])
TOOLS = ("Calendar.week_day", "history_weather", "wiki_search", "google_serper", "translate", "calculator", "code_run")
SEEN = (
    "Tuesday",
    "7457",
    "2016-02-29",
    "overall weather: Sunny; temperature: 33.7(C); wind speed: 13.3(kph)",
    "Brentwood | Brentwood is a suburb\nof Nashville, in Williamson County. The mill was built in 1820.",
    CORRECT,
    "The calculation process is correct, but the resulting answer 4 does not match the predicted answer 20.0.",
    "The pass rate is 1.0. All test cases passed.",
    "The pass rate is 0.0. All test cases failed. Failed reason: name 're' is not defined",
    "The pass rate is 0.6666666666666666. 2 test cases passed, and 1 test cases failed.",
)
EXACT = ("Sunday", "Tuesday", "7457", "643", "2016-02-29", "2016-03-01")
CLAIMS = ("Sunday", "Tuesday", "33.7(C)", "20(C)", "7457", "643", "2016-02-29", "2016-03-01", "Davidson County", "{found}", "")


def side_of(rationale: str) -> str:
    """Which wordings the rationale is of, by its words before anything that is filled in."""

    def opens(wording: str) -> bool:
        return rationale.startswith(wording.split("{")[0]) and wording.split("{")[0] != ""

    sides = {"agrees": AGREEING, "disagrees": DISAGREEING, "unsettled": UNDECIDED}
    longest = {
        side: max((len(wording.split("{")[0]) for wording in wordings if opens(wording)), default=0) for side, wordings in sides.items()
    }
    return max(longest, key=lambda side: longest[side])


def one_step(tool: str, seen: str, status: str = "ok") -> tuple[Step, ...]:
    return (Step("I look.", Action(tool, "something"), Observation(seen, "error" if status == "error" else "ok")),)


def view_of(answer: str = "an answer", label: bool | None = None, task: str = "calendar") -> View:
    return View(Case("a question", answer), task, label=label)


evidences = st.builds(
    Evidence,
    st.sampled_from(["agrees", "disagrees", "unsettled"]),
    st.sampled_from(CLAIMS) | texts(),
    st.sampled_from(CLAIMS) | st.sampled_from(SEEN) | texts(),
)


def test_what_wording_a_rationale_is_of_can_be_told() -> None:
    for wordings, side in ((AGREEING, "agrees"), (DISAGREEING, "disagrees"), (UNDECIDED, "unsettled")):
        for wording in wordings:
            assert side_of(wording) == side, wording


@settings(max_examples=300, deadline=None)
@given(
    evidences,
    st.sampled_from(TOOLS),
    st.sampled_from(SEEN) | texts(),
    st.sampled_from(["ok", "error"]),
    st.none() | st.booleans(),
    st.integers(0, 999),
)
def test_agreement_is_never_claimed_where_the_observation_disagrees(
    evidence: Evidence, tool: str, seen: str, status: str, label: bool | None, seed: int
) -> None:
    steps = one_step(tool, seen, status)
    side = side_of(written(view_of(label=label), steps, evidence, Random(seed)))
    assert side == checked(evidence, steps).stance
    if side == "agrees":
        assert status == "ok"
        assert verdict_of(Observation(seen)) is not False
        assert evidence.stance == "agrees" or verdict_of(Observation(seen)) is True
        if verdict_of(Observation(seen)) is None:
            assert " ".join(evidence.found.split()).casefold() in " ".join(seen.split()).casefold()
        if evidence.claim in EXACT and seen in EXACT:
            assert evidence.claim == seen


@settings(max_examples=300, deadline=None)
@given(evidences, st.sampled_from(TOOLS), st.sampled_from(SEEN), st.integers(0, 999))
@example(Evidence("agrees", "Sunday", "A"), "Calendar.week_day", "Tuesday", 0)
def test_what_is_quoted_as_found_stands_in_the_observation(evidence: Evidence, tool: str, seen: str, seed: int) -> None:
    evidence = replace(evidence, claim="CLAIM")
    rationale = written(view_of(), one_step(tool, seen), evidence, Random(seed))
    quoting = [wording for wording in (*AGREEING, *DISAGREEING, *OWN["open"]) if "{found}" in wording]
    for wording in quoting:
        before, after = wording.replace("{tool}", tool).replace("{claim}", "CLAIM").replace("{judged}", "").split("{found}")
        if rationale.startswith(before) and rationale.endswith(after) and "{" not in before + after:
            quoted = rationale.removeprefix(before).removesuffix(after).removeprefix("... ").removesuffix("...").strip()
            assert quoted in " ".join(seen.split())


@settings(max_examples=200, deadline=None)
@given(evidences, st.sampled_from(TOOLS), st.sampled_from(SEEN) | texts(), texts(), st.integers(0, 999))
def test_a_rationale_is_one_line_of_fewer_than_sixty_words(evidence: Evidence, tool: str, seen: str, answer: str, seed: int) -> None:
    rationale = written(view_of(answer, label=True), one_step(tool, seen), evidence, Random(seed))
    assert len(rationale.split()) < 60
    assert "\n" not in rationale


def test_there_are_at_least_thirty_wordings_and_none_stands_twice() -> None:
    every = [*AGREEING, *DISAGREEING, *UNDECIDED]
    assert len(every) == len(set(every))
    assert len(AGREEING) >= 30
    assert len(DISAGREEING) >= 30
    reached = {
        written(view_of(task="calendar"), one_step("Calendar.week_day", "Tuesday"), Evidence("agrees", "Tuesday", "Tuesday"), Random(seed))
        for seed in range(500)
    }
    assert len(reached) == len(OWN["agrees"])


def test_what_no_observation_says_is_not_quoted() -> None:
    for seed in range(50):
        rationale = written(
            view_of(), one_step("wiki_search", SEEN[4]), Evidence("agrees", "Williamson County", "Davidson County"), Random(seed)
        )
        assert "Davidson" not in rationale
        assert "Williamson County" in rationale


def test_the_verdict_comes_before_what_is_quoted_but_where_it_is_the_claim_that_is_said_to_agree() -> None:
    for wording in chain(DISAGREEING, OWN["supported"], OWN["code_passes"], OWN["sound"]):
        assert not wording.startswith("{"), wording


@pytest.mark.parametrize("label", [True, False])
def test_only_in_hindsight_an_open_question_is_judged(label: bool) -> None:
    open_question = Evidence("unsettled", "nine", "")
    steps = one_step("wiki_search", "Nothing of it.")
    for seed in range(20):
        judged = written(view_of(label=label), steps, open_question, Random(seed))
        blind = written(view_of(label=None), steps, open_question, Random(seed))
        assert judged.endswith("the answer is right." if label else "the answer is wrong.")
        assert judged.startswith(blind)


def test_an_answer_without_a_call_is_said_to_need_none() -> None:
    steps = (Step("Do I need to use a tool? No"),)
    assert written(view_of(task="no_tool"), steps, Evidence("agrees", "x", "y"), Random(1)) in OWN["no_tool"]


def test_a_translation_may_be_settled_by_the_context() -> None:
    view = View(Case("¿Quién?", "Tessa", context="The mayor of Orla is Tessa Brill since 1999."), "translator")
    steps, its_own = one_step("translate", "Who is the mayor?"), task_named("translator").rationale
    for seed in range(30):
        rationale = written(view, steps, Evidence("agrees", "Tessa", "The mayor of Orla is Tessa Brill"), Random(seed), its_own)
        assert "The mayor of Orla is Tessa Brill" in rationale
        assert "Who is the mayor?" in rationale
    assert side_of(written(view, steps, Evidence("agrees", "Tessa", "The mayor is another one"), Random(0), its_own)) == "unsettled"


def test_a_long_finding_is_cut_around_the_claim() -> None:
    passage = " ".join(f"w{number}" for number in range(200))
    assert short(passage, 6) == "w0 w1 w2 w3 w4 w5 ..."
    assert short(passage, 6, "w100") == "... w97 w98 w99 w100 w101 w102 ..."
    assert short("Who is it?", 6) == "Who is it?"
    assert short("It is so.", 6) == "It is so"
    assert len(short("字" * 900, 6)) <= 164


def test_the_verdict_of_the_calculator_and_of_tests_counts_more_than_the_evidence() -> None:
    assert checked(Evidence("agrees"), one_step("code_run", "The pass rate is 0.5. x")).stance == "disagrees"
    assert checked(Evidence("disagrees"), one_step("calculator", CORRECT)).stance == "agrees"
    assert checked(Evidence("agrees", "10(km)", "6.2(miles)"), one_step("history_weather", "10.0(km), 6.2(miles)")).stance == "agrees"
    assert checked(Evidence("agrees", "10(km)", "9(km)"), one_step("history_weather", "x")).stance == "disagrees"
