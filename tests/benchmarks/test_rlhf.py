"""The facts of the benchmark of PPO, and how its shares are counted."""

import pytest

from benchmarks.rlhf.facts import PER_KIND, TASKS, facts_of, questions, wordings
from benchmarks.rlhf.runs import by_fact, counts
from themis.rlhf.prompts import Prompt
from themis.rlhf.truth import Truth
from themis.tools import default_toolbox
from themis.traces import Case


def test_the_tools_confirm_every_answer_in_every_wording_and_deny_every_other_value() -> None:
    with default_toolbox("live") as toolbox:
        truth = Truth(toolbox.call)
        kinds = {fact.id: fact for fact in facts_of("ppo")}
        rows = [row for held in (False, True) for row in questions("ppo", held)]
        assert len({row["question"] for row in rows}) == len(rows)
        for row in rows:
            prompt = Prompt(Case(row["question"], row["answer"]), row["task"])
            fact = kinds[row["id"].rpartition("-")[0]]
            assert truth.check(prompt, row["answer"]) is True
            assert not any(truth.check(prompt, fact.said(other)) for other in fact.others)


def test_parts_share_no_fact_and_held_out_wordings_are_trained_by_none() -> None:
    parts = {part: {str(fact.facts) for fact in facts_of(part)} for part in PER_KIND}
    assert [len(facts) for facts in parts.values()] == [count * len(TASKS) for count in PER_KIND.values()]
    assert len(set.union(*parts.values())) == sum(map(len, parts.values()))
    for kind in TASKS:
        assert set(wordings(kind, held=True)).isdisjoint(wordings(kind, held=False))
        assert wordings(kind, held=True)


def test_every_value_of_a_kind_is_shown_by_the_supervised_start() -> None:
    """Else a policy would never say it, and could not find out that it is true."""
    for fact in facts_of("ppo"):
        assert any(fact.value == shown.value for shown in facts_of("sft") if shown.kind == fact.kind)


def test_the_interval_of_true_answers_is_over_facts() -> None:
    """Two facts of two wordings, one always true and one never: as good as two observations, not four."""
    share, low, high, asked = by_fact([{"seed": 1, "facts": ["a", "a", "b", "b"], "true": [True, True, False, False]}])
    assert (share, asked) == (0.5, 4)
    assert (low, high) == (0.0, 1.0)
    even = by_fact([{"seed": seed, "facts": ["a", "a"], "true": [True, False]} for seed in (1, 2)])
    assert even == pytest.approx((0.5, 0.5, 0.5, 4))


def test_a_question_counts_once_for_each_seed() -> None:
    rows = [
        {"id": f"q of seed {seed}", "voter": "tools", "order": order, "vote": vote}
        for seed, vote in ((1, "a"), (2, "tie"))
        for order in ("ab", "ba")
    ]
    assert (counts(rows)["tools"]["pairs"], counts(rows)["tools"]["win"]["share"]) == (2, 0.5)
