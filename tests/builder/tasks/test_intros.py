"""Questions made from introductions: what the patterns read, and what they leave alone."""

import lzma
from collections import Counter
from pathlib import Path

import pytest

from tests.builder.tasks.written import introductions
from themis.builder.tasks.wikisearch.first_sentences import sayings
from themis.builder.tasks.wikisearch.intros import INTROS, OF_AN_ARTICLE, SOURCES, WORDINGS, read
from themis.config import data_root
from themis.errors import DataError


def _said(text: str) -> dict[str, str]:
    return {saying.relation: saying.answer for saying in sayings(text)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "ADA VOSS (born 3 May 1901 in Vellby, Norland – 4 June 1980) was a Norwegian chess player and author. She won.",
            {"born": "3 May 1901", "died": "4 June 1980", "nationality": "Norwegian", "occupation": "chess player"},
        ),
        (
            "MILO TARN (1849–1906) was a Swedish painter from Gällivare. He painted.",
            {"born": "1849", "died": "1906", "nationality": "Swedish", "occupation": "painter"},
        ),
        (
            "JO KARR (born 1 May 1990) is an Irish footballer who plays for Vell United as a goalkeeper.",
            {"born": "1 May 1990", "nationality": "Irish", "occupation": "footballer", "club": "Vell United", "position": "goalkeeper"},
        ),
        (
            "_THE LONG NIGHT_ is a 1987 Danish drama film directed by Nils K. Holm and starring Ada Voss.",
            {"director": "Nils K. Holm", "film year": "1987"},
        ),
        (
            "TARNVILLE is an unincorporated community in Vell County, in the U.S. state of Ohio.",
            {"county": "Vell County", "state": "Ohio"},
        ),
        (
            "_VELLIA TARNI_ is a species of beetle in the family Cerambycidae. It was described by Nils Holm in 1902.",
            {"family": "Cerambycidae", "describer": "Nils Holm", "described": "1902"},
        ),
        ("_NIGHTS_ is the third album by English rock band Vell and the Tarns, released in 1999.", {"performer": "Vell and the Tarns"}),
    ],
)
def test_a_first_sentence_says_what_it_says(text: str, expected: dict[str, str]) -> None:
    said = _said(text)
    assert {relation: said.get(relation) for relation in expected} == expected


@pytest.mark.parametrize(
    ("text", "relation"),
    [
        ("THE NIGHT is a 2001 film directed by Ada Voss, Milo Tarn and Nils Holm, and nothing more.", "director"),
        ("ADA VOSS (born 3 May 1901) was a Danish painter. He had a school that was founded in 1950.", "founded"),
        ("_VELL_ is a novel about a club that was founded in 1950 somewhere in the north.", "founded"),
    ],
)
def test_what_is_one_of_several_or_said_of_something_else_is_left_alone(text: str, relation: str) -> None:
    assert relation not in _said(text)


def _folder(root: Path, articles: list[tuple[str, str]]) -> Path:
    return introductions(root, dict(articles))


def test_an_article_gives_two_questions_at_most_and_those_of_one_name_give_none(tmp_path: Path) -> None:
    life = "(born 3 May 1901 – 4 June 1980) was a Norwegian painter who painted boats."
    articles = [("Ada Voss", f"ADA VOSS {life}"), ("Milo Tarn (painter)", f"MILO TARN {life}"), ("Milo Tarn (poet)", f"MILO TARN {life}")]
    drafts = list(read(_folder(tmp_path, articles), 0, 100))
    assert {draft.facts["subject"] for draft in drafts} == {"Ada Voss"}
    assert len(drafts) == OF_AN_ARTICLE
    assert len({draft.group for draft in drafts}) == 1


def test_a_question_never_holds_its_answer_and_the_same_seed_asks_the_same(tmp_path: Path) -> None:
    articles = [(f"Vell{n}, Ohio", f"VELL{n} is an unincorporated community in Tarn County, in the U.S. state of Ohio.") for n in range(9)]
    root = _folder(tmp_path, articles)
    drafts = list(read(root, 3, 100))
    assert drafts == list(read(root, 3, 100))
    assert {draft.facts["relation"] for draft in drafts} == {"county"}


def test_a_line_that_is_no_article_is_named(tmp_path: Path) -> None:
    root = _folder(tmp_path, [("Vell", "VELL is a town.")])
    with lzma.open(root / INTROS, "at") as file:
        file.write('{"title": "x"}\n')
    with pytest.raises(DataError, match=r"intros\.jsonl\.xz, line 2: field 'text' is missing"):
        list(read(root, 0, 10))


def test_what_people_ask_most_often_has_many_wordings() -> None:
    assert sum(len(wordings) for wordings in WORDINGS.values()) > 150
    assert all("{subject}" in wording for wordings in WORDINGS.values() for wording in wordings)


@pytest.mark.skipif(data_root() is None, reason="THEMIS_DATA is not set")
def test_the_introductions_give_many_thousands_and_no_answer_is_right_too_often() -> None:
    root = data_root()
    assert root is not None
    drafts = list(SOURCES[0].read(root, 0, 9_000))
    assert len(drafts) == 9_000
    assert len({draft.id for draft in drafts}) == 9_000
    (_, most), *_ = Counter(draft.chosen for draft in drafts).most_common(1)
    assert most < 0.02 * len(drafts)
