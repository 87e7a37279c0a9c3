"""Balance: what looks and words give away before, they do not give away after."""

from random import Random

import pytest

from tests.rows_of import row_of
from themis.builder.draft import Draft
from themis.builder.quality.audit import audit
from themis.builder.quality.balance import balanced, choose_negative
from themis.builder.quality.filters import Row
from themis.builder.quality.surface_cues import READINGS, looks, signs

WORDS = [f"word{number}" for number in range(300)]


def sentence(rng: Random, least: int, most: int) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(least, most)))


def given_away(count: int, share: float = 0.7) -> list[Row]:
    """Rows whose right answer is longer in `share` of them, and whose wrong answer as often says `perhaps`."""
    rows: list[Row] = []
    for number in range(count):
        rng = Random(number)
        long, short = sentence(rng, 8, 14), sentence(rng, 3, 7)
        right, wrong = (long, short) if rng.random() < share else (short, long)
        if rng.random() < share - 0.2:
            wrong += " perhaps"
        rows.append(row_of(f"Who was {sentence(rng, 3, 5)}?", right, wrong, number))
    return rows


def test_looks_are_those_of_the_answer() -> None:
    asked = frozenset({"who", "was", "omar"})
    assert dict(zip([reading for _, reading in READINGS], looks(asked, "Omar, a King!"), strict=True)) == {
        "characters": 13,
        "words": 3,
        "marks": 2,
        "marks for each character": 2 / 13,
        "capitals": 2,
        "capitals for each character": 2 / 13,
        "words that stand in the question": 1,
        "their share of all words": 1 / 3,
    }
    assert signs("Who was Omar?", "A king", "Omar, the first")[0] == -1


def test_a_balanced_choice_is_not_won_by_looks_or_words() -> None:
    rows = given_away(900)
    before = audit("wikisearch", [row.pair for row in rows])
    kept = balanced(rows, 560, Random(1))
    after = audit("wikisearch", [row.pair for row in kept])
    assert len(kept) == 560
    assert {share.rule for share in before.exceeded} == {"length", "bag of words"}
    assert not after.exceeded
    assert all(share.share < 0.55 for share in after.rules)


def test_the_choice_is_the_same_for_the_same_seed_and_keeps_the_order() -> None:
    rows = given_away(300)
    kept = balanced(rows, 200, Random(3))
    assert kept == balanced(rows, 200, Random(3))
    places = [rows.index(row) for row in kept]
    assert places == sorted(places)
    assert balanced(rows, 300, Random(3)) == rows
    assert balanced(rows[:9], 4, Random(3)) == balanced(rows[:9], 4, Random(3))


def test_where_candidates_leave_a_choice_no_look_tells_the_wrong_answer() -> None:
    draft = Draft("d", "wikisearch", "people", "Who was the first king?", "Omar, the Old")
    candidates = ["Al", "Omar of the very long Name, who was king!", "nobody at all, or so", "A. B. C.", "KING OMAR THE FIRST", "king"]
    candidates += ["who, or... what?!", "...", "the first, - I think, - was...", "Al, Bo, Cy, Di & Ed (the First), no?"]
    found = [choose_negative(draft, candidates, Random(seed)) for seed in range(600)]
    assert None not in found
    compared = [signs(draft.question, draft.chosen, wrong) for wrong in found if wrong]
    for place in range(len(READINGS)):
        more = sum(row[place] > 0 for row in compared) + sum(row[place] == 0 for row in compared) / 2
        assert 0.35 < more / len(compared) < 0.65, READINGS[place]


def test_without_candidates_there_is_no_wrong_answer_and_chance_alone_decides() -> None:
    draft = Draft("d", "wikisearch", "people", "Who?", "Omar")
    assert choose_negative(draft, [], Random(0)) is None
    assert choose_negative(draft, ["a", "bc"], Random(5)) == choose_negative(draft, ["a", "bc"], Random(5))


@pytest.mark.parametrize("answer", ["…", "?"])
def test_answers_without_words_can_be_balanced(answer: str) -> None:
    rows = [row_of(f"What is {number}?", answer, "!", number) for number in range(80)]
    assert len(balanced(rows, 70, Random(0))) == 70
