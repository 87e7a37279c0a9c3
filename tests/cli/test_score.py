"""`themis score`, on a tiny model with random weights: what it says matters not, only that all of it arrives."""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Themis, sentence
from themis.model.checkpoint import SCORE_FILE
from themis.model.named import META_FILE

ASKED = ("--question", "What day is it?", "--answer", "A Tuesday.")


def test_one_case_is_shown_stage_by_stage(themis: Themis, tiny: Path) -> None:
    result = themis("score", *ASKED, "--context", "A calendar.", "--model", tiny)
    assert result.exit_code == 0
    labels = [line[:12].strip() for line in result.stdout.splitlines() if line[:12].strip()]
    assert labels[:4] == ["Context", "Question", "Answer", "Thought"]
    assert labels[-1] == "Reward"


def test_as_json_it_is_the_row_of_a_verdict_file(themis: Themis, tiny: Path) -> None:
    verdict = json.loads(themis("score", *ASKED, "--model", tiny, "--json", "--rationale", "write").stdout)
    assert list(verdict) == ["id", "reward", "status", "reason", "probability", "unfamiliar", "least_likely", "trace", "usage"]
    assert verdict["trace"]["rationale"] is not None


def test_a_case_has_the_same_reward_alone_and_in_a_file(themis: Themis, tiny: Path, tmp_path: Path) -> None:
    data, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    rows = ({"question": "What day is it?", "answer": "A Tuesday."}, {"question": "Where?", "answer": "Here, in the middle of the page."})
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    alone = json.loads(themis("score", *ASKED, "--model", tiny, "--json").stdout)
    result = themis("score", "--cases", data, "--out", out, "--model", tiny)
    assert result.exit_code == 0
    assert result.stderr.startswith(f"2 judged: {out}")
    row = next(row for row in map(json.loads, out.read_text().splitlines()) if row["id"] == "1")
    assert row["reward"] == pytest.approx(alone["reward"], abs=1e-4)
    assert row["trace"] == alone["trace"]


def test_a_budget_is_kept(themis: Themis, tiny: Path) -> None:
    verdict = json.loads(themis("score", *ASKED, "--model", tiny, "--json", "--new-tokens", "3").stdout)
    assert (verdict["reward"], verdict["reason"], verdict["usage"]["new_tokens"]) == (None, "budget", 3)


def test_no_answer_and_an_endless_one_are_verdicts_without_reward(themis: Themis, tiny: Path, tmp_path: Path) -> None:
    data, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    answers = {"empty": "", "blank": " \n", "endless": "a" * 1_000_000}
    data.write_text("".join(json.dumps({"id": name, "question": "q", "answer": answer}) + "\n" for name, answer in answers.items()))
    result = themis("score", "--cases", data, "--out", out, "--model", tiny, "--json")
    assert json.loads(result.stdout)["reasons"] == {"empty_answer": 2, "too_long": 1}
    rows = {row["id"]: row for row in map(json.loads, out.read_text().splitlines())}
    assert all(row["reward"] is None and row["status"] == "unscored" for row in rows.values())


def test_what_was_judged_is_not_judged_again(themis: Themis, tiny: Path, tmp_path: Path) -> None:
    data, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    data.write_text('{"question": "q", "answer": "a"}\n')
    themis("score", "--cases", data, "--out", out, "--model", tiny)
    before = out.read_bytes()
    out.write_bytes(before + before[:40])
    assert themis("score", "--cases", data, "--out", out, "--model", tiny).stderr == f"0 judged, 1 were there already: {out}\n"
    assert out.read_bytes() == before


def test_what_is_missing_is_one_sentence(themis: Themis, tmp_path: Path) -> None:
    assert "give --question and --answer" in sentence(themis("score"))
    assert "give --question and --answer" in sentence(themis("score", "--question", "q"))
    assert "leave out --question" in sentence(themis("score", *ASKED, "--cases", "x.jsonl", "--out", "y.jsonl"))
    assert "--cases needs --out" in sentence(themis("score", "--cases", "x.jsonl"))
    assert "field 'question' is empty" in sentence(themis("score", "--question", "", "--answer", "a"))
    assert "half a character" in sentence(themis("score", "--question", "q", "--answer", "\udcff"))


def test_a_bad_file_is_one_sentence_that_names_the_line(themis: Themis, tiny: Path, tmp_path: Path) -> None:
    data = tmp_path / "in.jsonl"
    data.write_bytes(b'{"question": "q", "answer": "a"}\n{"question": "q", "answer": "\xff"}\n')
    said = sentence(themis("score", "--cases", data, "--out", tmp_path / "out.jsonl", "--model", tiny))
    assert said == f"{data}, line 2: byte 30 is not UTF-8"
    gone = sentence(themis("score", "--cases", tmp_path / "gone.jsonl", "--out", tmp_path / "out.jsonl", "--model", tiny))
    assert "gone.jsonl cannot be read: No such file" in gone


def test_an_unknown_model_is_one_sentence(themis: Themis, tmp_path: Path) -> None:
    assert sentence(themis("score", *ASKED, "--model", "nanno")).startswith("no model 'nanno': give `nano`, `small`, a directory")
    assert "themis.json is missing" in sentence(themis("score", *ASKED, "--model", tmp_path))


@pytest.mark.parametrize("name", ["model.safetensors", SCORE_FILE, META_FILE, "tokenizer.json", "config.json"])
def test_a_checkpoint_that_was_cut_off_is_one_sentence(themis: Themis, tiny: Path, tmp_path: Path, name: str) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny, model)
    content = (model / name).read_bytes()
    (model / name).write_bytes(content[: len(content) // 2])
    assert str(model) in sentence(themis("score", *ASKED, "--model", model))
    (model / name).unlink()
    assert str(model) in sentence(themis("score", *ASKED, "--model", model))


def test_tools_are_recorded_and_replayed(themis: Themis, tiny: Path, tmp_path: Path) -> None:
    assert "'replay' needs a store" in sentence(themis("score", *ASKED, "--model", tiny, "--tools-mode", "replay"))
    for mode in ("record", "replay"):
        assert themis("score", *ASKED, "--model", tiny, "--tools-mode", mode, "--store", tmp_path / "store.db").exit_code == 0
    (tmp_path / "store.txt").write_text("I am no store of observations, and long enough to be seen as something else." * 20)
    assert "cannot be opened as a store" in sentence(themis("score", *ASKED, "--model", tiny, "--store", tmp_path / "store.txt"))


def test_a_strict_judge_gives_no_reward_that_would_be_degraded(themis: Themis, tiny: Path) -> None:
    """The tiny model calls a tool that there is not; whatever it says, the reason stays."""
    words = ("score", *ASKED, "--model", tiny, "--json")
    verdict, strict = (json.loads(themis(*words, *more).stdout) for more in ((), ("--strict",)))
    assert verdict["status"] == "degraded"
    assert (strict["reward"], strict["status"], strict["reason"]) == (None, "unscored", verdict["reason"])


def promised() -> list[tuple[str, str]]:
    """The option and the words of each row of the table in `docs/kept.md`."""
    page = (Path(__file__).parents[2] / "docs" / "kept.md").read_text(encoding="utf-8")
    table = page.partition("| changed |")[2].partition("\n\n")[0]
    return re.findall(r"\| `(--[^`]+)` \| `([^`]+)` \|", table)


def test_each_difference_that_the_docs_name_is_refused(themis: Themis, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    data.write_text(json.dumps({"question": "q", "answer": "a"}) + "\n")
    words = ("score", "--cases", data, "--out", out, "--model", tiny)
    assert themis(*words).exit_code == 0
    before = out.read_bytes()
    assert len(promised()) == 7
    for option, named in promised():
        assert f"another judge ({named} was " in sentence(themis(*words, *option.split())), option
        assert out.read_bytes() == before
