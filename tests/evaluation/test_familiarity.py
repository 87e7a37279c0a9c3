"""What `unfamiliar` marks, counted by hand, and the threshold that is fitted."""

from themis.evaluation.familiarity import familiarity, fit_unlikely, is_right
from themis.evaluation.items import Item, JudgedItem, Opinion
from themis.traces import Case, Verdict


def _verdict(probability: float | None, unfamiliar: bool | None, least: float | None = None) -> Verdict:
    return Verdict("", 1.0, None, probability=probability, unfamiliar=unfamiliar, least_likely=least)


def _judged(better: Verdict, worse: Verdict) -> JudgedItem:
    item = Item("1", (Case("q", "a"),), (Case("q", "b"),))
    return JudgedItem(item, (Opinion((better,)),), (Opinion((worse,)),))


def test_an_item_is_right_if_each_of_its_verdicts_is() -> None:
    assert is_right(_judged(_verdict(0.9, False), _verdict(0.1, False)))
    assert not is_right(_judged(_verdict(0.4, False), _verdict(0.1, False))), "in the right order, by luck"
    assert not is_right(_judged(_verdict(0.9, False), _verdict(0.5, False)))
    assert not is_right(_judged(_verdict(None, False), _verdict(0.1, False)))


def test_marked_items_are_counted_among_the_wrong_and_the_right() -> None:
    judged = [
        _judged(_verdict(0.9, False), _verdict(0.1, False)),
        _judged(_verdict(0.9, True), _verdict(0.1, False)),
        _judged(_verdict(0.2, True), _verdict(0.1, True)),
        _judged(_verdict(0.2, False), _verdict(0.1, False)),
        _judged(_verdict(0.2, False), _verdict(0.1, True)),
        _judged(_verdict(0.2, None), _verdict(0.1, True)),
    ]
    assert familiarity(judged) == {"wrong": 3, "wrong_marked": 2, "right": 2, "right_marked": 1}
    assert familiarity(judged[-1:]) is None


def test_the_threshold_leaves_one_right_item_in_fifty_below_it() -> None:
    judged = [_judged(_verdict(0.9, None, -place / 100), _verdict(0.1, None, -0.001)) for place in range(100)]
    wrong = [_judged(_verdict(0.1, None, -9.0), _verdict(0.9, None, -9.0))] * 50
    found = fit_unlikely(judged + wrong)
    assert found == -0.97
    assert sum(-place / 100 < found for place in range(100)) == 2
    assert fit_unlikely(wrong) is None
