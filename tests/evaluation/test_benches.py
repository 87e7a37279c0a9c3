"""Other benches' files in their published forms, and their scores worked out by hand."""

import json
from collections.abc import Mapping, Sequence
from math import tanh
from pathlib import Path
from typing import Any

import pytest

from tests.evaluation.conftest import NumberJudge
from themis.errors import DataError
from themis.evaluation.bench_files import Form, form_of, read_bench
from themis.evaluation.items import JudgedItem, judge_items
from themis.evaluation.official import official_scores
from themis.evaluation.truthfulqa import chance_level, read_truthfulqa


def written(tmp_path: Path, *rows: Any, name: str = "bench.jsonl") -> Path:
    path = tmp_path / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def scored(path: Path) -> tuple[Form, dict[str, list[JudgedItem]], dict[str, float]]:
    """Each answer's reward is the number it opens with."""
    read = read_bench(path)
    judged = {name: judge_items(name, subset.items, [NumberJudge()], lambda *_: None) for name, subset in read.subsets.items()}
    return read.form, judged, official_scores(read.form, judged)


def accuracies(judged: Mapping[str, Sequence[JudgedItem]]) -> dict[str, float]:
    return {name: sum(entry.points for entry in items) / len(items) for name, items in judged.items()}


# --- RewardBench -----------------------------------------------------------------------------------


def rewardbench_row(subset: str, chosen: object, rejected: object, id: int = 0) -> dict[str, Any]:
    models = {"chosen_model": "m", "rejected_model": "n"}
    return {"id": id, "prompt": "p", "chosen": str(chosen), "rejected": str(rejected), "subset": subset, **models}


def test_rewardbench_weighs_math_like_code_and_gives_nothing_for_a_tie(tmp_path: Path) -> None:
    """Reasoning: two right of four of code, weight 4; one right of one of math, weight 4: (2 + 4) / 8. Chat: (1 + 0) /
    2. Safety: nothing of one. The score is (3/4 + 1/2 + 0) / 3."""
    code = [
        rewardbench_row("hep-go", 2, 1),
        rewardbench_row("hep-go", 2, 1),
        rewardbench_row("hep-cpp", 1, 2),
        rewardbench_row("hep-js", 1, 2),
    ]
    chat = [rewardbench_row("alpacaeval-easy", 2, 1), rewardbench_row("mt-bench-med", 1, "1 again")]
    path = written(tmp_path, *code, rewardbench_row("math-prm", 3, 1), *chat, rewardbench_row("donotanswer", "?", 1))
    form, judged, official = scored(path)
    assert form == "rewardbench"
    assert official == pytest.approx({"Chat": 0.5, "Safety": 0.0, "Reasoning": 0.75, "score": 1.25 / 3})
    assert accuracies(judged)["mt-bench-med"] == 0


# --- RewardBench 2 ---------------------------------------------------------------------------------


def rewardbench2_row(subset: str, chosen: list[object], rejected: list[object], id: str) -> dict[str, Any]:
    texts = {"chosen": [str(each) for each in chosen], "rejected": [str(each) for each in rejected]}
    counts = {"num_correct": len(chosen), "num_incorrect": len(rejected), "total_completions": len(chosen) + len(rejected)}
    return {"id": id, "prompt": "p", **texts, **counts, "models": ["m"], "subset": subset, "additional_metadata": None}


def test_rewardbench_2_is_best_of_four_and_an_equal_best_is_shared(tmp_path: Path) -> None:
    """Math: 1, 0 and a tie of two, 1/2. Focus: 1. Our own accuracy gives nothing for the tie."""
    math = [([4], [3, 2, 1], "0"), ([2], [3, 2, 1], "1"), ([3], [3, 2, 1], "2")]
    rows = [rewardbench2_row("Math", chosen, rejected, id) for chosen, rejected, id in math]  # type: ignore[arg-type]
    form, judged, official = scored(written(tmp_path, *rows, rewardbench2_row("Focus", [9], [1, 2, 3], "3")))
    assert form == "rewardbench2"
    assert official == pytest.approx({"Math": 0.5, "Focus": 1.0, "score": 0.75})
    assert accuracies(judged) == pytest.approx({"Math": 1 / 3, "Focus": 1.0})


def test_the_ties_score_is_of_accuracy_and_of_margins(tmp_path: Path) -> None:
    """Question 1: right 10 and 8, wrong 3: gap 5, width 2; reference gap 1. Question 2: right 6 and 2, wrong 1: gap 1,
    width 4; reference gap 7. Question 3: a wrong answer among the right ones: gap -1, width 3; reference wrong, gap
    -2. Accurate: 2/3 of the questions, 2/3 of the references. Preferred: the first, 1/3; with its reference (1 > 2)
    none. Clearness: tanh(1/2 - 1), tanh(1/4 - 1), tanh(-2/3 - 1)."""
    rows = [
        rewardbench2_row("Ties", [10, 8], [3, 1], "tied:1"),
        rewardbench2_row("Ties", [5], [4, 0], "ref:1"),
        rewardbench2_row("Ties", [6, 2], [1, 0], "tied:2"),
        rewardbench2_row("Ties", [8], [1, 0], "ref:2"),
        rewardbench2_row("Ties", [5, 2], [3, 0], "tied:3"),
        rewardbench2_row("Ties", [1], [3, 0], "ref:3"),
    ]
    _, judged, official = scored(written(tmp_path, *rows))
    clearness = (tanh(1 / 2 - 1) + tanh(1 / 4 - 1) + tanh(-2 / 3 - 1)) / 3
    assert official["Ties"] == pytest.approx(0.3 * 2 / 3 + 0.3 * 2 / 3 + 0.2 / 3 + 0.2 * 0 + 0.01 * clearness)
    assert accuracies(judged) == {"Ties": pytest.approx(4 / 6)}


def test_the_ties_score_stands_missing_rewards_and_equal_right_answers(tmp_path: Path) -> None:
    """Of the first question the width is 0 and the gap is positive: clearness 1.

    The second lacks a reward: all of it is lost, -1.
    """
    rows = [
        rewardbench2_row("Ties", [2, 2], [1], "tied:1"),
        rewardbench2_row("Ties", [2], [1], "ref:1"),
        rewardbench2_row("Ties", [2, "?"], [1], "tied:2"),
        rewardbench2_row("Ties", [2], [1], "ref:2"),
    ]
    _, _, official = scored(written(tmp_path, *rows))
    assert official["Ties"] == pytest.approx(0.3 * 0.5 + 0.3 * 1 + 0.2 * 0.5 + 0.2 * 0.5 + 0.01 * 0)


def test_of_ties_an_item_without_partner_counts_for_its_accuracy_alone(tmp_path: Path) -> None:
    """Two questions, both won, one with a right reference too: gap 1, width 1, so nothing is above its width."""
    rows = [
        rewardbench2_row("Ties", [3, 2], [1], "tied:1"),
        rewardbench2_row("Ties", [9, 8], [1], "tied:2"),
        rewardbench2_row("Ties", [9], [1], "ref:1"),
    ]
    _, _, official = scored(written(tmp_path, *rows))
    assert official["Ties"] == pytest.approx(0.3 + 0.3 + 0.01 * tanh(1 / 1 - 1))


def test_of_ties_an_empty_right_answer_loses_and_empty_wrong_ones_lose_to_all(tmp_path: Path) -> None:
    """First: right answers 3 and 2, all wrong ones empty, also of its reference: told apart without bounds, clearness
    1. Second: a right answer is empty, so nothing of it is won: clearness -1; its reference is right."""
    rows = [
        rewardbench2_row("Ties", [3, 2], [""], "tied:1"),
        rewardbench2_row("Ties", [3], [""], "ref:1"),
        rewardbench2_row("Ties", [3, ""], [1], "tied:2"),
        rewardbench2_row("Ties", [3], [1], "ref:2"),
    ]
    _, _, official = scored(written(tmp_path, *rows))
    assert official["Ties"] == pytest.approx(0.3 * 0.5 + 0.3 * 1 + 0.2 * 0.5 + 0.2 * 0.5 + 0.01 * 0)


# --- RM-Bench --------------------------------------------------------------------------------------


def rm_bench_row(domain: str, chosen: list[int], rejected: list[int], id: str = "x") -> dict[str, Any]:
    return {"id": id, "prompt": "p", "chosen": list(map(str, chosen)), "rejected": list(map(str, rejected)), "domain": domain}


def test_rm_bench_is_hard_above_the_diagonal_and_counts_safety_by_its_rows(tmp_path: Path) -> None:
    """Chat, rising style bias: chosen 1 3 5, rejected 0 2 4. Chosen plain beats only the plain; so hard 0/3, normal
    3/3, easy 3/3. Safety: two rows to refuse are all won, one to respond to is all lost: 2/3 each. By style: hard (0 +
    2/3) / 2, normal and easy (1 + 2/3) / 2. The score is the mean of the domains, and of the styles."""
    rows = [
        rm_bench_row("chat", [1, 3, 5], [0, 2, 4]),
        rm_bench_row("safety-refuse", [9, 9, 9], [1, 1, 1]),
        rm_bench_row("safety-refuse", [9, 9, 9], [1, 1, 1]),
        rm_bench_row("safety-response", [1, 1, 1], [9, 9, 9]),
    ]
    form, judged, official = scored(written(tmp_path, *rows))
    assert form == "rm-bench"
    assert official == pytest.approx({"chat": 2 / 3, "safety": 2 / 3, "hard": 1 / 3, "normal": 5 / 6, "easy": 5 / 6, "score": 2 / 3})
    assert official["score"] == pytest.approx((official["hard"] + official["normal"] + official["easy"]) / 3)
    assert accuracies(judged) == pytest.approx({"chat": 6 / 9, "safety-refuse": 1, "safety-response": 0})


def test_equal_rewards_are_lost_in_rm_bench(tmp_path: Path) -> None:
    """1 2 2 against 1 1 2, plain to rich: all hard ones lost, of the normal ones the second won, all easy ones won."""
    _, _, official = scored(written(tmp_path, rm_bench_row("code", [1, 2, 2], [1, 1, 2])))
    assert official == pytest.approx({"code": (0 + 1 / 3 + 1) / 3, "hard": 0, "normal": 1 / 3, "easy": 1, "score": 4 / 9})


def test_rm_bench_is_read_from_a_json_list_as_it_is_published(tmp_path: Path) -> None:
    path = tmp_path / "total_dataset.json"
    path.write_text(json.dumps([rm_bench_row("math", [3, 3, 3], [1, 1, 1])], indent=1))
    assert scored(path)[2]["score"] == 1
    short = written(tmp_path, rm_bench_row("math", [3, 3], [1, 1]))
    with pytest.raises(DataError, match=r"line 1: RM-Bench has three answers in 'chosen' and in 'rejected', found 2 and 2"):
        read_bench(short)


# --- JudgeBench ------------------------------------------------------------------------------------


def judgebench_row(source: str, a: object, b: object, label: str) -> dict[str, Any]:
    row = {"pair_id": f"{source}{a}{b}", "original_id": "1", "source": source, "question": "q", "response_model": "m"}
    return {**row, "response_A": str(a), "response_B": str(b), "label": label}


def test_judgebench_names_the_better_answer_by_its_label(tmp_path: Path) -> None:
    rows = [
        judgebench_row("mmlu-pro-law", 2, 1, "A>B"),
        judgebench_row("mmlu-pro-computer science", 2, 1, "B>A"),
        judgebench_row("livecodebench", 1, 2, "B>A"),
        judgebench_row("livecodebench", 1, 1, "A=B"),
        judgebench_row("livebench-math", 1, 2, "A>B"),
    ]
    path = written(tmp_path, *rows)
    form, _, official = scored(path)
    assert form == "judgebench"
    assert official == pytest.approx({"knowledge": 0.5, "coding": 1.0, "math": 0.0, "score": 2 / 4})
    assert dict(read_bench(path).subsets["coding"].dropped) == {"row: its label is 'A=B'": 1}


# --- any pairs -------------------------------------------------------------------------------------


def test_any_rows_of_prompt_chosen_and_rejected_are_a_bench(tmp_path: Path) -> None:
    chat = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "3 of a chat"}]
    rows = [
        {"prompt": "p", "chosen": "2", "rejected": "1"},
        {"question": "p", "chosen": ["2", "0"], "rejected": ["1", "-1"], "id": 7, "subset": "lists", "context": "c"},
        {"chosen": chat, "rejected": [chat[0], {"role": "assistant", "content": "1"}]},
        {"prompt": [{"role": "user", "content": "q"}], "chosen": [chat[1]], "rejected": [{"role": "assistant", "content": "4"}]},
    ]
    form, judged, official = scored(written(tmp_path, *rows))
    assert (form, official) == ("pairs", {})
    assert accuracies(judged) == pytest.approx({"all": 2 / 3, "lists": 1})
    assert judged["lists"][0].item.id == "7"
    assert judged["lists"][0].item.chosen[0].context == "c"
    assert [entry.item.chosen[0].question_text for entry in judged["all"]] == ["p", "q", "q"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prompt": "p", "chosen": "1"}, r"line 2: field 'rejected' is missing; expected"),
        ({"prompt": "", "chosen": [{"role": "assistant", "content": "1"}], "rejected": "2"}, r"line 2: field 'question' .* is missing or"),
        ({"prompt": "p", "chosen": [], "rejected": "2"}, r"line 2: field 'chosen' must be text or a list of messages, found an empty"),
        ({"prompt": "p", "chosen": [3], "rejected": "2"}, r"line 2: field 'chosen' must be text or a list of messages, found a number"),
        ([], r"line 2: expected a JSON object, found a list"),
    ],
)
def test_a_row_without_the_form_is_named(row: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read_bench(written(tmp_path, {"prompt": "p", "chosen": "2", "rejected": "1"}, row))


def test_blanks_around_a_label_and_a_name_do_not_matter(tmp_path: Path) -> None:
    labels = ("B>A ", " a > b", "B>A", "A=B", None)
    rows = [judgebench_row(" livebench-math", 1, 2, "") | {"label": label, "pair_id": str(number)} for number, label in enumerate(labels)]
    read = read_bench(written(tmp_path, *rows))
    (subset,) = read.subsets.values()
    assert [item.chosen[0].answer for item in subset.items] == ["2", "1", "2"]
    assert subset.dropped == {"row: its label is 'A=B'": 1, "row: its label is 'None'": 1}


def test_a_subset_without_a_row_is_not_run_and_a_file_without_one_is_refused(tmp_path: Path) -> None:
    good, drawn = judgebench_row("livebench-math", 2, 1, "A>B"), judgebench_row("livecodebench", 2, 1, "A=B")
    read = read_bench(written(tmp_path, good, drawn, drawn))
    assert list(read.subsets) == ["math"]
    assert read.not_run == ({"task": "coding", "reason": "no row is left: row: its label is 'A=B' (2)"},)
    with pytest.raises(DataError, match=r"no row is left to judge: row: its label is 'A=B' \(2\)"):
        read_bench(written(tmp_path, drawn, drawn))


def test_rows_that_prefer_nothing_are_left_out_and_counted_as_in_training(tmp_path: Path) -> None:
    user, bot = {"role": "user", "content": "q"}, {"role": "assistant", "content": "2"}
    rows = [
        {"prompt": "p", "chosen": "2", "rejected": "1"},
        {"prompt": "p", "chosen": "2", "rejected": " 2"},
        {"prompt": "p", "chosen": "", "rejected": "1"},
        {"chosen": [user, bot, user], "rejected": [user, bot]},
        {"chosen": "\n\nHuman: Which?\n\nAssistant: 2 is", "rejected": "\n\nHuman: Which?\n\nAssistant: 1 is"},
        {"chosen": "One or two? 2", "rejected": "One or two? 1"},
    ]
    subset = read_bench(written(tmp_path, *rows)).subsets["all"]
    assert [item.chosen[0].question_text for item in subset.items] == ["p", "Human: Which?\n\nAssistant:", "One or two?"]
    assert subset.dropped == {
        "row: both answers are the same": 1,
        "row: the chosen answer is empty": 1,
        "row: field 'chosen' must end with a message of the role 'assistant', found 'user'": 1,
    }


def test_an_empty_file_and_a_missing_one_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no rows"):
        read_bench(written(tmp_path))
    with pytest.raises(DataError, match="cannot be read"):
        read_bench(tmp_path / "none.jsonl")


def test_a_form_is_known_by_its_keys() -> None:
    assert form_of(rewardbench_row("hep-go", 1, 2)) == "rewardbench"
    assert form_of({"prompt": "p", "chosen": "a", "rejected": "b", "subset": "mine"}) == "pairs"
    assert form_of({}) == "pairs"


def test_parquet_is_read_too(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    import pyarrow
    from pyarrow import parquet

    row = rewardbench2_row("Focus", [9], [1, 2, 3], "3") | {"additional_metadata": None}
    parquet.write_table(pyarrow.Table.from_pylist([row]), tmp_path / "b.parquet")
    assert scored(tmp_path / "b.parquet")[2] == {"Focus": 1.0, "score": 1.0}
    (tmp_path / "c.parquet").write_bytes(b"no parquet")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read_bench(tmp_path / "c.parquet")


# --- TruthfulQA ------------------------------------------------------------------------------------


def choice(root: int, answer: object, label: int) -> dict[str, Any]:
    return {"id": f"t{root}", "question": f"q{root}", "answer": str(answer), "label": label, "root": root}


def test_a_question_is_right_if_its_right_choice_has_the_highest_reward(tmp_path: Path) -> None:
    path = written(tmp_path, choice(1, 3, 1), choice(1, 2, 0), choice(2, 3, 1), choice(1, 1, 0), choice(2, 3, 0))
    (subset,) = read_truthfulqa(path).values()
    judged = judge_items("t", subset.items, [NumberJudge()], lambda *_: None)
    assert [(entry.item.id, len(entry.item.cases), entry.points) for entry in judged] == [("1", 3, 1), ("2", 2, 0)]
    assert chance_level(subset.items) == (1 / 3 + 1 / 2) / 2


def test_a_question_needs_a_right_and_a_wrong_choice(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="question 1 has 1 right and 0 wrong choices"):
        read_truthfulqa(written(tmp_path, choice(1, 3, 1)))
    with pytest.raises(DataError, match="field 'label' must be 1 for the right choice or 0, found 2"):
        read_truthfulqa(written(tmp_path, choice(1, 3, 2)))
    with pytest.raises(DataError, match="field 'root' must name"):
        read_truthfulqa(written(tmp_path, choice(1, 3, 1) | {"root": None}))
