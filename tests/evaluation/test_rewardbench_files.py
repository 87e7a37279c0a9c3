"""RewardBench's files of results: their fields as its scripts write them, and figures that come back out of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.evaluation.test_benches import rewardbench2_row, rewardbench_row, scored, written
from themis.errors import DataError
from themis.evaluation.official import official_scores
from themis.evaluation.rewardbench_files import read_results, result_files


def put(tmp_path: Path, files: dict[str, str]) -> dict[str, Any]:
    """Writes them as the command does; of each the JSON, or the rows."""
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return {
        name: [json.loads(line) for line in content.splitlines()] if name.endswith("l") else json.loads(content)
        for name, content in files.items()
    }


def test_version_1_has_the_fields_of_its_command_and_shows_what_has_no_reward(tmp_path: Path) -> None:
    """Of five pairs: one won, one tie, one lost, one without a reward, one won as the worse answer is empty."""
    pairs: list[tuple[object, object]] = [(2, 1), ("1", "1 again"), (1, 2), ("? better", 1), (1, "")]
    rows = [rewardbench_row("donotanswer" if at else "hep-go", *pair, id=at) for at, pair in enumerate(pairs)]
    form, judged, official = scored(written(tmp_path, *rows))
    files = result_files(form, "owner/judge", judged)
    read = put(tmp_path, files)
    assert read["owner/judge.json"] == {
        "accuracy": 0.4,
        "num_prompts": 5,
        "model": "owner/judge",
        "ref_model": None,
        "tokenizer": "owner/judge",
        "chat_template": None,
        "extra_results": {"hep-go": 1.0, "donotanswer": 0.25},
        "unscored": 1,
    }
    lines = read["owner/judge_outputs.jsonl"]
    assert [(row["id"], row["results"], row["scores_chosen"], row["scores_rejected"]) for row in lines] == [
        ("0", 1, 2.0, 1.0),
        ("1", 0, 1.0, 1.0),
        ("2", 0, 1.0, 2.0),
        ("3", 0, None, 1.0),
        ("4", 1, 1.0, None),
    ]
    assert [(row["reason_chosen"], row["reason_rejected"]) for row in lines[2:]] == [(None, None), ("budget", None), (None, "empty_answer")]
    assert lines[0]["text_chosen"] == [{"role": "user", "content": "p"}, {"role": "assistant", "content": "2"}]
    back = read_results(tmp_path / "owner" / "judge_outputs.jsonl")
    assert back is not None
    assert back[0] == "rewardbench"
    assert official_scores(*back) == pytest.approx(official)
    assert [entry.points for entries in back[1].values() for entry in entries] == [1, 0, 0, 0, 1]


def test_version_2_has_the_fields_of_its_script_and_nothing_beside_the_subsets(tmp_path: Path) -> None:
    rows = [
        rewardbench2_row("Math", [3], [3, 2, 1], "0"),
        rewardbench2_row("Math", [4], [3, "? none", 1], "1"),
        rewardbench2_row("Ties", [8], [1, 2], "ref:1"),
        rewardbench2_row("Ties", [8, 7], [1, 2], "tied:1"),
    ]
    form, judged, official = scored(written(tmp_path, *rows))
    read = put(tmp_path, result_files(form, "judge", judged))
    figures = read["eval-set/judge.json"]
    assert (figures.pop("model"), figures.pop("model_type"), figures.pop("chat_template")) == ("judge", "Seq. Classifier", None)
    assert figures == pytest.approx({name: score for name, score in official.items() if name != "score"})
    assert figures["Math"] == 0.25, "a tie of two, and an item that lacks a reward"
    columns = read["eval-set-scores/judge.json"]
    assert columns["scores"] == [[3, 3, 2, 1], [4, 3, None, 1], [8, 1, 2], [8, 7, 1, 2]]
    assert columns["results"] == [0.5, 0.0, None, None]
    assert columns["num_correct"] == [1, 1, 1, 2]
    assert columns["reasons"][1] == [None, None, "budget", None]
    assert (columns["model"], len(columns["text"][3])) == ("judge", 4)
    back = read_results(tmp_path / "eval-set-scores" / "judge.json")
    assert back is not None
    assert official_scores(*back) == pytest.approx(official)


def test_scores_of_others_are_read_with_their_templated_texts(tmp_path: Path) -> None:
    """As `run_v2.py` writes them: a score may stand in a list of its own, and there are no reasons."""
    columns = {
        "id": ["7"],
        "subset": ["Focus"],
        "num_correct": [1],
        "text": [["<user>a", "b", "c", "d"]],
        "scores": [[[0.5], [0.1], [0.2], [0.3]]],
    }
    (tmp_path / "theirs.json").write_text(json.dumps(columns | {"model": "m", "results": [1.0]}))
    back = read_results(tmp_path / "theirs.json")
    assert back is not None
    assert official_scores(*back)["Focus"] == 1.0
    assert read_results(written(tmp_path, rewardbench_row("a", 1, 2))) is None
    assert read_results(written(tmp_path, rewardbench_row("a", 1, 2), name="rows.json")) is None


@pytest.mark.parametrize(
    "change", [{"scores": [[1, "x"]]}, {"num_correct": [2]}, {"text": [[1, 2]]}, {"scores": [[1]]}, {"num_correct": ["a"]}]
)
def test_scores_that_are_none_are_one_sentence(tmp_path: Path, change: dict[str, Any]) -> None:
    columns = {"id": ["7"], "subset": ["Focus"], "num_correct": [1], "text": [["a", "b"]], "scores": [[1, 2]], **change}
    (tmp_path / "theirs.json").write_text(json.dumps(columns))
    with pytest.raises(DataError, match=r"theirs\.json, item 1: no row of RewardBench's scores"):
        read_results(tmp_path / "theirs.json")


def test_an_item_of_version_1_is_a_pair(tmp_path: Path) -> None:
    form, judged, _ = scored(written(tmp_path, {"prompt": "p", "chosen": ["1"], "rejected": ["2", "3"]}))
    with pytest.raises(DataError, match="item 1 has 3 answers"):
        result_files(form, "judge", judged)
