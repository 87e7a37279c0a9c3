"""The translator task by rule: wrong answers that are surely wrong, one call, evidence from the context's sentence."""

from random import Random

import pytest

from themis.builder.draft import Draft, View
from themis.builder.tasks.translator.agents import THOUGHT, evidence, kind_of, negatives, rationale, steps
from themis.traces import Action, Case, Observation

CONTEXT = (
    "The mill at Arden was built in 1821 by Jane Holt. It was sold to Peter Marsh in 1850. It burnt down in 1877 and was never rebuilt. "
    "Arden had 2,400 inhabitants then, of whom 310 worked in the weaving trade."
)
TRANSLATED = {
    "Wer baute die Mühle in Arden?": "Who built the mill at Arden?",
    "Wann brannte die Mühle nieder?": "When did the mill burn down?",
    "Wie viele Einwohner hatte Arden?": "How many inhabitants did Arden have?",
}


def observe(action: Action, case: Case) -> Observation:
    text = TRANSLATED.get(action.argument)
    return Observation(text) if text else Observation("no translation", "unavailable")


def draft(question: str, chosen: str, rejected: tuple[str, ...] = ()) -> Draft:
    return Draft("t/1", "translator", "t", question, chosen, rejected, context=CONTEXT)


def wrong_answers(made: Draft) -> set[str]:
    return {wrong for seed in range(40) for wrong in negatives(made, Random(seed), observe)}


def view(question: str, answer: str, label: bool | None, reference: str = "") -> View:
    return View(Case(question, answer, CONTEXT), "translator", {}, label, (reference,) if reference else ())


def test_wrong_answers_stand_in_the_context_and_share_nothing_with_the_right_one() -> None:
    for question, chosen in (("Wer baute die Mühle in Arden?", "Jane Holt"), ("Wann brannte die Mühle nieder?", "1877")):
        found = wrong_answers(draft(question, chosen))
        assert found
        assert all(wrong in CONTEXT for wrong in found)
        assert not any(set(wrong.split()) & set(chosen.split()) for wrong in found)


def test_a_year_is_met_with_other_years_and_a_number_with_other_numbers() -> None:
    # Every seed that gives no arbitrary cut gives values of the same kind.
    years = wrong_answers(draft("Wann brannte die Mühle nieder?", "1877"))
    assert {"1821", "1850"} <= years
    assert "310" not in {wrong for wrong in years if wrong.isdigit() and kind_of(wrong) == "date"}
    assert "310" in wrong_answers(draft("Wie viele Einwohner hatte Arden?", "2,400"))


def test_answers_of_other_questions_of_the_same_kind_come_first() -> None:
    made = draft("Wer baute die Mühle in Arden?", "Jane Holt", ("1877", "Peter Marsh"))
    firsts = [negatives(made, Random(seed), observe)[:1] for seed in range(40)]
    assert firsts.count(["Peter Marsh"]) > 20


def test_what_may_be_right_is_never_offered() -> None:
    made = draft("Wer baute die Mühle in Arden?", "Jane Holt", ("Holt", "the mill", "Europe", "JH"))
    assert not wrong_answers(made) & {"Holt", "the mill", "Europe", "JH"}


def test_the_question_is_translated_once_in_taras_words() -> None:
    question = "Wer baute die Mühle in Arden?"
    (step,) = steps(view(question, "Jane Holt", None), Random(0), observe)
    assert (step.thought, step.action) == (THOUGHT, Action("translate", question))
    assert step.observation == Observation("Who built the mill at Arden?")


@pytest.mark.parametrize(("answer", "label", "stance"), [("Jane Holt", True, "agrees"), ("Peter Marsh", False, "disagrees")])
def test_in_hindsight_the_sentence_with_the_reference_settles_it(answer: str, label: bool, stance: str) -> None:
    seen = view("Wer baute die Mühle in Arden?", answer, label, "Jane Holt")
    found = evidence(seen, steps(seen, Random(0), observe))
    assert (found.stance, found.claim) == (stance, answer)
    assert found.found == "The mill at Arden was built in 1821 by Jane Holt."


def test_blind_the_sentence_nearest_to_the_translation_settles_it() -> None:
    for answer, stance in (("Jane Holt", "agrees"), ("Peter Marsh", "disagrees")):
        seen = view("Wer baute die Mühle in Arden?", answer, None)
        assert evidence(seen, steps(seen, Random(0), observe)).stance == stance


def test_without_a_translation_nothing_is_settled() -> None:
    seen = view("Was steht dort?", "Jane Holt", True, "Jane Holt")
    assert evidence(seen, steps(seen, Random(0), observe)).stance == "unsettled"


def test_a_rationale_quotes_the_translation_and_the_sentence_and_opens_with_the_verdict() -> None:
    told: set[str] = set()
    for seed in range(300):
        for answer, label in (("Jane Holt", True), ("Peter Marsh", False)):
            seen = view("Wer baute die Mühle in Arden?", answer, label, "Jane Holt")
            taken = steps(seen, Random(0), observe)
            text = rationale(seen, taken, evidence(seen, taken), Random(seed))
            assert text is not None
            assert "Who built the mill at Arden?" in text
            assert "The mill at Arden was built in 1821 by Jane Holt" in text
            assert answer in text
            verdict = text.split(":")[0]
            assert ("not" in verdict or "wrong" in verdict) != label
            told.add(text)
    assert len(told) >= 60


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("1877", "date"),
        ("12 May 1877", "date"),
        ("18%", "percent"),
        ("$5 million", "money"),
        ("2,400", "amount"),
        ("seven", "amount"),
        ("Jane Holt", "name"),
        ("weaving trade", "phrase"),
    ],
)
def test_the_kind_of_an_answer_is_told_by_its_form(answer: str, kind: str) -> None:
    assert kind_of(answer) == kind
