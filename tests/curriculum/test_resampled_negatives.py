"""Wrong answers resampled: others each time, none of them right, and what is said of them is true."""

from dataclasses import replace
from random import Random

from themis.builder.tasks.registry import task_named
from themis.builder.tasks.translator.agents import cut
from themis.builder.text.reading import occurs
from themis.curriculum.resampled_negatives import fresh_sources, resampled
from themis.traces import Action, Observation, Pair, Side, Step, Trace

CONTEXT = (
    "The bridge was opened in 1932 by Anna Lindqvist. It spans the river Orla between Hald and Melby. "
    "In 1971 it was painted green, and in 1988 Peter Storm had it closed."
)
TRANSLATOR = task_named("translator")
ENGLISH = "Who opened the bridge?"


def _pair() -> Pair:
    step = Step("I need to translate the question.", Action("translate", "Wer hat die Brücke eröffnet?"), Observation(ENGLISH))
    right = Trace((step,), "The answer is right.")
    wrong = Trace((step,), "The answer is wrong.")
    return Pair(
        "1",
        "Wer hat die Brücke eröffnet?",
        Side("Anna Lindqvist", 1.0, right),
        Side("Peter Storm", -1.0, wrong),
        CONTEXT,
        task="translator",
    )


def test_the_wrong_answers_of_one_row_are_many_and_stand_in_its_context() -> None:
    drawn = [resampled(TRANSLATOR, _pair(), Random(seed)) for seed in range(60)]
    wrong = {pair.rejected.answer for pair in drawn if pair}
    assert len(wrong) > 10
    assert all(answer in CONTEXT and "Anna Lindqvist" not in answer for answer in wrong)


def test_a_short_right_answer_does_not_stand_in_a_wrong_one() -> None:
    # Its words are short, and those of a cut around it need not be.
    pair = replace(_pair(), context=CONTEXT.replace("Anna Lindqvist", "Bo"))
    pair = replace(pair, chosen=replace(pair.chosen, answer="Bo"))
    drawn = [resampled(TRANSLATOR, pair, Random(seed)) for seed in range(400)]
    wrong = {one.rejected.answer for one in drawn if one}
    assert len(wrong) > 3
    assert not [answer for answer in wrong if occurs("Bo", answer)]


def test_what_was_observed_stays_and_the_rationale_speaks_of_the_new_answer() -> None:
    pair = next(
        pair for seed in range(20) if (pair := resampled(TRANSLATOR, _pair(), Random(seed))) and pair.rejected.answer != "Peter Storm"
    )
    assert pair.rejected.trace is not None
    assert pair.chosen == _pair().chosen
    assert pair.rejected.trace.steps == _pair().rejected.trace.steps  # type: ignore[union-attr]
    assert pair.rejected.answer.split()[0] in (pair.rejected.trace.rationale or "")


def test_a_cut_is_some_words_of_the_text() -> None:
    assert all(cut(Random(seed), CONTEXT) in CONTEXT for seed in range(50))


def test_only_tasks_whose_calls_do_not_depend_on_the_answer_become_sources() -> None:
    assert list(fresh_sources({"translator": [_pair()], "code": [_pair()]})) == ["built/translator?negatives=fresh"]
