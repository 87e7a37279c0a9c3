"""The audit: shares that can be counted by hand, and a regression that finds just what words tell."""

from random import Random

import pytest

from tests.rows_of import row_of
from themis.builder.quality.audit import Share, audit, audit_published, wilson
from themis.builder.quality.bag_of_words import scores
from themis.config import data_root
from themis.traces import Pair


def pairs_of(*answers: tuple[str, str], question: str = "Who was king {number}?") -> list[Pair]:
    return [row_of(question.format(number=number), right, wrong, number).pair for number, (right, wrong) in enumerate(answers)]


def test_a_rule_may_go_either_way_and_a_tie_counts_half() -> None:
    found = audit("wikisearch", pairs_of(("a bc", "abc def"), ("ab", "abcd"), ("abc", "xyz"), ("abcdef", "a")))
    length = found.rules[0]
    assert (length.rule, length.reading, length.right, length.of) == ("length", "shorter, in characters", 2.5, 4)
    assert found.rules[1].right == 2
    assert found.rules[1].share == 0.5


def test_wilsons_interval_is_that_of_the_textbook() -> None:
    low, high = wilson(50, 100)
    assert (round(low, 4), round(high, 4)) == (0.4038, 0.5962)
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(10, 10)[1] == 1.0
    assert Share("length", 0, 0).share == 0.5


def test_a_word_that_only_wrong_answers_have_is_found() -> None:
    rng = Random(0)
    words = [f"w{number}" for number in range(50)]
    told = pairs_of(*((rng.choice(words), f"{rng.choice(words)} perhaps") for _ in range(200)))
    assert audit("wikisearch", told).words_pairs.share > 0.95
    assert "bag of words" in {share.rule for share in audit("wikisearch", told).exceeded}
    blind = pairs_of(*((rng.choice(words), rng.choice(words)) for _ in range(400)))
    assert not audit("wikisearch", blind).exceeded


def test_an_answer_is_not_known_from_another_row_of_its_question() -> None:
    rng = Random(1)
    # Every question stands in five rows, always with the same right answer: folds by row would know it.
    answers = [(f"right{question}", f"wrong{question}x{rng.random()}") for question in range(40) for _ in range(5)]
    rows = [row_of(f"question {number // 5}", right, wrong, number).pair for number, (right, wrong) in enumerate(answers)]
    assert audit("wikisearch", rows).words_pairs.share < 0.7
    single, _ = scores([right for right, _ in answers], [wrong for _, wrong in answers])
    assert (single > 0).mean() > 0.9


def test_fewer_pairs_than_folds_tell_nothing() -> None:
    found = audit("wikisearch", pairs_of(("a b", "c d"), ("a", "c")))
    assert found.words.share == 0.5
    assert audit("wikisearch", []).pairs == 0


@pytest.mark.skipif(data_root() is None, reason="THEMIS_DATA is not set: there is no published TARA to measure")
def test_published_tara_can_be_measured_and_is_won_by_looks() -> None:
    root = data_root()
    assert root is not None
    found = audit_published(root / "tara", ("calculator", "code", "calendar", "no_such_task"))
    assert set(found) == {"calculator", "code", "calendar"}
    assert all(entry.exceeded for entry in found.values())
    assert found["code"].rules[0].share > 0.8
