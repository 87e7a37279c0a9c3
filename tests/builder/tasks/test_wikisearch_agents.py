"""The agents of wikisearch, with a real index over articles made for the test."""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from themis.builder.draft import Draft, Evidence, Observe, View
from themis.builder.tasks.wikisearch.agents import RULE, query_of
from themis.builder.tasks.wikisearch.kinds import kind_of
from themis.builder.tasks.wikisearch.matching import find, quoted, whole_date
from themis.builder.tasks.wikisearch.negatives import Pool, differs
from themis.tools.toolbox import Toolbox
from themis.tools.wiki.index import PassageIndex, build_index
from themis.tools.wiki.tool import wiki_tool
from themis.traces import Case

ARTICLES = {
    "Ada Voss": "ADA VOSS (3 May 1901 – 4 June 1980) was a Norwegian painter. She was born in Vellby and lived in the U.S. for 12 years.",
    "The Long Night": "The Long Night is a 1987 film directed by Nils Holm. Its music was written by Ada Voss. Karl Berg played the king.",
    "Boats": "A boat is a small ship. Many people like boats, and they build them of wood.",
}


@pytest.fixture
def observe(tmp_path: Path) -> Iterator[Observe]:
    file = tmp_path / "articles.jsonl"
    file.write_text("".join(json.dumps({"title": title, "text": text}) + "\n" for title, text in ARTICLES.items()))
    build_index([file], tmp_path / "index", engine="sqlite")
    with PassageIndex(tmp_path / "index") as index, Toolbox([wiki_tool(index)]) as toolbox:
        yield toolbox.call


@pytest.fixture(autouse=True)
def _without_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other questions hold would be other wrong answers on every machine."""
    monkeypatch.setattr("themis.builder.tasks.wikisearch.negatives.data_root", lambda: None)


def _judged(question: str, answer: str, label: bool | None, observe: Observe, *references: str, **facts: str) -> Evidence:
    view = View(Case(question, answer), "wikisearch", facts, label, references)
    return RULE.evidence(view, RULE.steps(view, Random(0), observe))


def _draft(question: str, chosen: str, **facts: str) -> Draft:
    return Draft("test/1", "wikisearch", "test", question, chosen, facts=facts)


def test_a_query_is_made_of_the_words_of_the_question_that_say_what_it_is_about() -> None:
    assert query_of("What county is Brentwood, Tennessee in?") == "county Brentwood Tennessee"
    assert query_of("who was it?") != ""


def test_a_right_and_a_wrong_answer_have_the_same_search_in_the_words_of_tara(observe: Observe) -> None:
    sides = [View(Case("When was Ada Voss born?", answer), "wikisearch", label=answer == "1901") for answer in ("1901", "1902")]
    right, wrong = (RULE.steps(view, Random(1), observe) for view in sides)
    assert right == wrong
    assert right[0].thought == "I need to invoke the wiki_search tool to search Ada Voss born"
    assert right[0].observation is not None
    assert right[0].observation.text.startswith("Ada Voss | ADA VOSS")


def test_with_the_label_the_right_answer_settles_for_both_sides_and_is_quoted(observe: Observe) -> None:
    question = "When was Ada Voss born?"
    right = _judged(question, "May 3, 1901", True, observe, "3 May 1901")
    wrong = _judged(question, "4 June 1980", False, observe, "3 May 1901")
    assert (right.stance, wrong.stance) == ("agrees", "disagrees")
    assert "3 May 1901" in right.found
    assert right.found == wrong.found
    assert wrong.claim == "4 June 1980"


def test_nothing_is_settled_where_the_passage_is_about_something_else_or_lacks_the_answer(observe: Observe) -> None:
    assert _judged("Who painted the sunflowers of wood?", "Ada Voss", True, observe).stance == "unsettled"
    assert _judged("When did Ada Voss marry?", "1930", True, observe).stance == "unsettled"


def test_a_wrong_answer_that_is_part_of_the_right_one_settles_nothing(observe: Observe) -> None:
    assert _judged("When was Ada Voss born?", "May 1901", False, observe, "3 May 1901").stance == "unsettled"


def test_blind_the_answers_own_words_must_stand_in_the_passage(observe: Observe) -> None:
    assert _judged("Who directed the film The Long Night?", "Nils Holm", None, observe).stance == "agrees"
    wrong = _judged("Who directed the film The Long Night?", "Peter Dahl", None, observe)
    assert wrong.stance == "disagrees"
    assert wrong.found in ARTICLES["The Long Night"]
    assert _judged("Where is the opera of Samarkand?", "Peter Dahl", None, observe).stance == "unsettled"


def test_wrong_answers_are_of_the_kind_and_form_of_the_right_one(observe: Observe) -> None:
    made = [each for n in range(20) for each in RULE.negatives(_draft("When was Ada Voss born?", "3 May 1901"), Random(n), observe)]
    assert "4 June 1980" in made
    assert "3 May 1901" not in made
    assert all((day := whole_date(each)) and day.year and day.day for each in made)


def test_names_of_the_same_passage_are_taken_from_other_sentences_than_the_right_one(
    observe: Observe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("themis.builder.tasks.wikisearch.negatives._first_names", lambda root: frozenset(("karl", "ada", "nils")))
    draft = _draft("Who directed The Long Night?", "Nils Holm")
    made = {each for n in range(30) for each in RULE.negatives(draft, Random(n), observe)}
    assert made == {"Karl Berg", "Ada Voss"}


def test_numbers_are_altered_in_their_own_form_and_words(observe: Observe) -> None:
    for n in range(20):
        for each in RULE.negatives(_draft("how many years did Ada Voss live there", "12,500 years"), Random(n), observe):
            assert each.endswith("00 years")
            assert "," in each or len(each) < len("1,000 years")
            assert each != "12,500 years"
    assert "three" not in RULE.negatives(_draft("how many boats", "three"), Random(0), observe)


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("United States", "US"),
        ("Holm", "Nils Holm"),
        ("the film director Nils Holm", "Nils Holm"),
        ("May 1901", "3 May 1901"),
        ("novelist", "English writer"),
        ("British", "Scottish"),
        ("", "Nils Holm"),
    ],
)
def test_what_is_right_in_other_words_is_no_wrong_answer(answer: str, right: str) -> None:
    assert not differs(answer, (right,))


@pytest.mark.parametrize(("answer", "right"), [("Nils Dahl", "Nils Holm"), ("4 May 1901", "3 May 1901"), ("boxer", "poet"), ("12", "13")])
def test_what_is_something_else_is_wrong(answer: str, right: str) -> None:
    assert differs(answer, (right,))


@pytest.mark.parametrize(
    ("answer", "there"),
    [
        ("May 3, 1901", True),
        ("May 1901", True),
        ("1901", True),
        ("5 May 1901", False),
        ("United States", True),
        ("twelve years", True),
        ("the Norwegian painters", True),
        ("Norway", False),
        ("12 year", True),
        ("2 years", False),
    ],
)
def test_an_answer_is_found_in_any_of_its_forms(answer: str, there: bool) -> None:
    assert (find(answer, ARTICLES["Ada Voss"]) is not None) == there


def test_a_quotation_is_what_stands_there_with_a_few_words_around_it() -> None:
    text = ARTICLES["The Long Night"]
    span = find("nils holm", text)
    assert span is not None
    assert quoted(text, span, 2) == "directed by Nils Holm. Its"


def test_over_all_right_answers_each_comes_up_as_often_as_it_is_right() -> None:
    answers = tuple(sorted(["a"] * 40 + ["b"] * 40 + ["c"] * 20))
    pool = Pool(answers, 40)
    rng = Random(0)
    drawn = [pool.draw(right, rng) for right in answers for _ in range(200)]
    shares = {each: drawn.count(each) / len(drawn) for each in "abc"}
    assert shares == pytest.approx({"a": 0.4, "b": 0.4, "c": 0.2}, abs=0.01)
    assert all(pool.draw("a", rng) != "a" for _ in range(200))


@pytest.mark.parametrize(
    ("question", "answer", "kind"),
    [
        ("who wrote it", "Nils Holm", "person"),
        ("what country is it in", "Norway", "country"),
        ("where is it", "Vellby", "place"),
        ("when was it", "3 May 1901", "date"),
        ("when was it", "in 1901", "year"),
        ("how many are there", "seven", "number"),
        ("how long was it", "1939–1945", "range"),
    ],
)
def test_the_kind_is_seen_from_the_question_and_from_the_form_of_the_answer(question: str, answer: str, kind: str) -> None:
    assert kind_of(question, answer, {}) == kind
