"""Pairs made by rule: what they say is what the tools say."""

import re
from random import Random

import pytest

from themis.builder.tasks.calculator import marks as arithmetic
from themis.builder.text import wordings as words
from themis.curriculum.rules import OWN, STREAM
from themis.curriculum.templates import learnt_wordings
from themis.data.mixture import forged
from themis.tools import default_toolbox
from themis.tools.calculator import check_answer
from themis.traces import Action, Observation, Side, Step, Trace
from themis.traces.pair import Pair

EACH = 60


@pytest.mark.parametrize("name", STREAM)
def test_a_pair_depends_on_its_random_source_alone(name: str) -> None:
    for seed in range(EACH):
        assert STREAM[name](Random(seed), OWN) == STREAM[name](Random(seed), OWN)


@pytest.mark.parametrize("name", STREAM)
def test_the_two_answers_of_a_pair_differ(name: str) -> None:
    for seed in range(EACH):
        pair = STREAM[name](Random(seed), OWN)
        assert pair.chosen.answer != pair.rejected.answer


@pytest.mark.parametrize("name", ["calendar", "arithmetic"])
def test_each_observation_is_what_the_live_tool_says(name: str) -> None:
    with default_toolbox() as toolbox:
        for seed in range(EACH):
            pair = STREAM[name](Random(seed), OWN)
            for case, side in ((pair.chosen_case, pair.chosen), (pair.rejected_case, pair.rejected)):
                assert side.trace is not None
                for step in side.trace.steps:
                    assert step.action is not None
                    assert toolbox.call(step.action, case) == step.observation


def _matches(rationale: str, templates: tuple[str, ...]) -> bool:
    patterns = (
        re.escape(template).replace(r"\{tool\}", ".+").replace(r"\{found\}", ".+").replace(r"\{claim\}", ".+") for template in templates
    )
    return any(re.fullmatch(pattern, rationale) for pattern in patterns)


@pytest.mark.parametrize("name", ["calendar", "weather", "multi_tools"])
def test_a_rationale_claims_agreement_just_where_the_observation_agrees(name: str) -> None:
    assert not any(_matches(template, words.DISAGREES) for template in words.AGREES)
    for seed in range(EACH):
        pair = STREAM[name](Random(seed), OWN)
        assert pair.chosen.trace is not None
        assert pair.rejected.trace is not None
        assert _matches(pair.chosen.trace.rationale or "", words.AGREES)
        assert _matches(pair.rejected.trace.rationale or "", words.DISAGREES)


def test_every_broken_answer_has_a_fault_that_the_calculator_finds() -> None:
    kinds = set()
    for seed in range(200):
        rng = Random(seed)
        pair = arithmetic.faulted_pair(rng, *arithmetic.story(rng))
        if pair is not None:
            assert check_answer(pair.chosen.answer) == arithmetic.SOUND
            assert check_answer(pair.rejected.answer) != arithmetic.SOUND
            kinds.add(check_answer(pair.rejected.answer)[:38])
    assert len(kinds) >= 3


def test_a_forged_answer_keeps_the_true_trace() -> None:
    pair = STREAM["calendar"](Random(1), OWN)
    forgery = forged(Random(1), pair)
    assert forgery.rejected.trace == pair.rejected.trace
    assert forgery.rejected.answer.startswith(pair.rejected.answer)
    assert "bservation" in forgery.rejected.answer or "ationale" in forgery.rejected.answer


def test_wordings_are_learnt_with_dates_and_names_taken_out() -> None:
    trace = Trace((Step("", Action("history_weather", "Bern, 2020-01-02"), Observation("... temperature: 3.0(C); ...")),))
    pair = Pair("1", "Say the temperature in Bern for 2020-01-02!", Side("Bern had 3.0(C) on 2020-01-02.", 1, trace), Side("", -1))
    wordings = learnt_wordings({"weather": [pair]})
    assert wordings.weather[0][-1] == "Say the {attribute} in {city} for {day}!"
    assert wordings.weather[1][-1] == "{city} had {value} on {day}."


def test_each_kind_of_question_has_at_least_twenty_wordings() -> None:
    for kind in ("week_day", "day_difference", "target_day", "weather", "multi_tools"):
        assert len(set(getattr(OWN, kind)[0])) >= 20
