"""Published files: what may be trained on, and what never."""

import gzip
import json
from pathlib import Path

import pytest

from themis.config import data_root
from themis.data.published import read_published, read_rows
from themis.errors import DataError
from themis.traces.tara import question_hash, read_holdout, read_tara


def _row(question: str) -> str:
    def side(score: int) -> dict[str, object]:
        return {
            "answer": f"a {score}",
            "score": score,
            "actions": "Thought: Do I need to use a tool? No\nFinished.",
            "score_agent": {"explanation": "x"},
        }

    return json.dumps({"id": "1", "question": question, "pos_answer": side(1), "neg_answer": side(-1)})


def _folder(root: Path, train: list[str], dev: list[str], held_out: list[str], gsm8k: list[str]) -> Path:
    folder = root / "tara" / "calendar"
    folder.mkdir(parents=True)
    (folder / "train.jsonl").write_text("".join(_row(question) + "\n" for question in train))
    (folder / "dev.jsonl").write_text("".join(_row(question) + "\n" for question in dev))
    (root / "tara" / "holdout.sha256").write_text("".join(question_hash(question) + "\n" for question in held_out))
    (root / "gsm8k").mkdir()
    with gzip.open(root / "gsm8k" / "train.jsonl.gz", "wt") as file:
        file.writelines(json.dumps({"question": question, "answer": "#### 1"}) + "\n" for question in gsm8k)
    return root


def test_held_out_and_dev_questions_are_dropped_and_counted(tmp_path: Path) -> None:
    root = _folder(tmp_path, ["One?", " TWO  is\tit? ", "Three?"], ["Three?"], ["two is it?", "four?"], ["Four?", "Five?"])
    published = read_published(root, ["calendar"])
    assert [pair.question for pair in published.pairs["calendar"]] == ["One?"]
    assert [question for question, _ in published.gsm8k] == ["Five?"]
    assert published.left_out == {"calendar: held-out question": 2, "gsm8k: held-out question": 1}


def test_without_the_list_of_held_out_questions_nothing_is_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holdout"):
        read_published(tmp_path)


def test_a_problem_without_an_answer_is_named_with_file_line_and_field(tmp_path: Path) -> None:
    root = _folder(tmp_path, [], [], [], ["One?"])
    with gzip.open(root / "gsm8k" / "train.jsonl.gz", "at") as file:
        file.write('{"question": "Two?"}\n')
    with pytest.raises(DataError, match=r"gsm8k/train\.jsonl\.gz, line 2: field 'answer' is missing"):
        read_published(root, [])


def test_rows_of_our_own_making_lose_the_held_out_questions_too(tmp_path: Path) -> None:
    root = _folder(tmp_path / "data", ["Two?"], ["Three?"], ["one?"], [])
    built = tmp_path / "built" / "tara" / "calendar"
    built.mkdir(parents=True)
    (built / "train.jsonl").write_text("".join(_row(question) + "\n" for question in ("One?", "Three?", "Four?")))
    rows = read_rows(tmp_path / "built", root)
    assert [pair.question for pair in rows.pairs["calendar"]] == ["Four?"]
    assert rows.left_out == {"calendar: held-out question": 2}


@pytest.mark.skipif(data_root() is None, reason="needs the published TARA files: set THEMIS_DATA")
def test_no_published_training_row_stands_in_the_test_set() -> None:
    root = data_root()
    assert root is not None
    held_out = read_holdout(root / "tara" / "holdout.sha256")
    dev = {
        question_hash(pair.question)
        for file in (root / "tara").glob("*/dev.jsonl")
        if file.parent.name != "truthful_qa"
        for pair in read_tara(file).pairs
    }
    published = read_published(root)
    questions = [pair.question for pairs in published.pairs.values() for pair in pairs] + [question for question, _ in published.gsm8k]
    assert len(questions) > 9_000
    assert not {question_hash(question) for question in questions} & (held_out | dev)
