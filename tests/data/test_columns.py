"""What a row says: the tables of docs/data.md, columns that say the same twice, and talks written as text."""

import itertools
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from themis.builder.user import user_source
from themis.data.cases import files_of, read_cases
from themis.data.columns import read_answers, why_no_preference
from themis.data.preferences import read_preferences
from themis.errors import DataError, LeftOutError
from themis.evaluation.bench_files import read_bench
from themis.files import DATA_ENDINGS

PAGE = Path(__file__).parents[2] / "docs" / "data.md"

USER, MORE = {"role": "user", "content": "Hi"}, {"role": "user", "content": "Is it  far?"}
SYSTEM = {"role": "system", "content": "Be brief."}
YES, NO, SURE = ({"role": "assistant", "content": text} for text in ("Yes.", "No.", "Sure."))


def table(header: str) -> Iterator[list[str]]:
    """The cells of the rows of the table that opens with this header."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    for line in itertools.takewhile(lambda line: line.startswith("|"), lines[lines.index(header) + 2 :]):
        yield [cell.strip() for cell in line.strip("|").split(" |")]


def texts(cell: str) -> list[str]:
    """What stands in backticks, with line breaks as they are written in JSON."""
    return [text.replace("\\n", "\n") for text in re.findall(r"`([^`]*)`", cell)]


def row_of(cell: str) -> dict[str, Any]:
    row = json.loads(re.findall(r"`(.*)`", cell)[0])
    assert isinstance(row, dict)
    return row


READ = list(table("| row | question | better answers | worse answers |"))
LEFT_OUT = list(table("| row | reason |"))


def says(row: dict[str, Any]) -> tuple[str, list[str], list[str]]:
    answers = read_answers(row, "here")
    return answers.chosen[0].question_text, [case.answer for case in answers.chosen], [case.answer for case in answers.rejected]


def test_the_page_has_both_tables() -> None:
    assert len(READ) > 15
    assert len(LEFT_OUT) > 4


@pytest.mark.parametrize("cells", READ, ids=lambda cells: cells[0][:60])
def test_a_row_of_the_page_is_read_as_the_page_says(cells: list[str]) -> None:
    row, question, better, worse = cells
    assert says(row_of(row)) == (texts(question)[0], texts(better), texts(worse))
    answers = read_answers(row_of(row), "here")
    assert (answers.chosen[0].context is not None) == ("context" in question or '"context"' in row)


@pytest.mark.parametrize("cells", READ, ids=lambda cells: cells[0][:60])
def test_all_who_read_files_read_the_same(cells: list[str], tmp_path: Path) -> None:
    row = row_of(cells[0])
    question, better, worse = says(row)
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row) + "\n")
    assert [(case.question_text, case.answer) for case in read_cases(files_of(path))] == [(question, answer) for answer in better + worse]
    if len(better) == 1:
        (draft,) = user_source(str(path), "wikisearch").read(Path(), 1, 9)
        assert (draft.question, draft.chosen, list(draft.rejected)) == (question, better[0], worse)
    if worse:
        (subset,) = read_bench(path).subsets.values()
        assert [(case.question_text, case.answer) for case in subset.items[0].cases] == [(question, answer) for answer in better + worse]
    if len(better) == len(worse) == 1 and "pos_answer" not in row:
        (pair,) = read_preferences(path).pairs
        assert (pair.question, pair.chosen.answer, pair.rejected.answer) == (question, better[0], worse[0])


@pytest.mark.parametrize("cells", LEFT_OUT, ids=lambda cells: cells[0][:60])
def test_a_row_that_the_page_leaves_out_costs_itself_and_is_counted(cells: list[str], tmp_path: Path) -> None:
    row, reason = row_of(cells[0]), cells[1].removeprefix("* ")
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"prompt": "Who?", "chosen": "Ann.", "rejected": "Bob."}) + "\n" + json.dumps(row) + "\n")
    assert read_preferences(path).left_out == {f"row: {reason}": 1}
    (subset,) = read_bench(path).subsets.values()
    assert (len(subset.items), dict(subset.dropped)) == (1, {f"row: {reason}": 1})
    if cells[1].startswith("*"):
        with pytest.raises(DataError, match=re.escape(f"line 2: {reason}")):
            list(read_cases(files_of(path)))
    else:
        assert len(list(read_cases(files_of(path)))) == 4


def test_every_ending_of_the_page_is_read_and_no_other() -> None:
    named = [ending for cells in table("| file | holds |") for ending in texts(cells[0])]
    assert sorted(named) == sorted(DATA_ENDINGS)


# --- said twice --------------------------------------------------------------------------------------

TALK = [USER, SURE, MORE]
PROMPTS: dict[str, tuple[Any, list[Any], list[Any]]] = {
    "no prompt": (None, TALK, TALK),
    "an empty one": ("", TALK, TALK),
    "an empty list": ([], TALK, TALK),
    "the first turn": ("Hi", TALK, TALK),
    "the last turn, with other blanks": (" Is it far? ", TALK, TALK),
    "the first turn as a message": ([USER], TALK, TALK),
    "the whole talk": (TALK, TALK, TALK),
    "the talk, whose last turn is repeated": (TALK, [MORE], TALK),
    "the talk before, which goes on": ([USER, SURE], [SURE, MORE], TALK),
    "a turn before": ([USER, SURE], [MORE], TALK),
    "the talk as a text": ("user: Hi\nassistant: Sure.\nuser: Is it far?", TALK, TALK),
    "the talk as HH writes it": ("\n\nHuman: Hi\n\nAssistant: Sure.\n\nHuman: Is it far?\n\nAssistant:", TALK, TALK),
    "a system turn before": ([SYSTEM, USER], TALK, [SYSTEM, *TALK]),
    "a system turn alone": ([SYSTEM], TALK, [SYSTEM, *TALK]),
    "a question behind a system turn": ("Hi", [SYSTEM, USER], [SYSTEM, USER]),
    "a turn in the middle": (MORE["content"], [USER, SURE, MORE, SURE, USER], [USER, SURE, MORE, SURE, USER]),
    "a turn in the middle, as a message": ([SURE, MORE], [USER, SURE, MORE, SURE, USER], [USER, SURE, MORE, SURE, USER]),
    "another question": ("Now?", [USER, SURE], [{"role": "user", "content": "Now?"}, USER, SURE]),
}


@pytest.mark.parametrize(("prompt", "before", "expected"), PROMPTS.values(), ids=list(PROMPTS))
def test_a_prompt_and_the_turns_before_the_answer_are_one_talk(prompt: Any, before: list[Any], expected: list[Any]) -> None:
    answers = read_answers({"prompt": prompt, "chosen": [*before, YES], "rejected": [*before, NO]}, "here")
    assert (answers.chosen[0].answer, answers.rejected[0].answer) == ("Yes.", "No.")
    assert list(answers.chosen[0].question) == expected
    assert answers.chosen[0].question == answers.rejected[0].question


@pytest.mark.parametrize("role", ["assistant", "Assistant ", "gpt", "model", "Bot", "chatbot", "AI"])
def test_the_assistant_has_several_names(role: str) -> None:
    sides = {
        name: [{"role": "Human", "content": "Hi"}, {"role": role, "content": text}] for name, text in (("chosen", "a"), ("rejected", "b"))
    }
    assert says(sides)[0] == "Hi"


def test_an_answer_that_stands_behind_the_messages_once_more_is_no_part_of_the_question() -> None:
    whole = [USER, YES]
    for sides in ({"answer": "Yes. "}, {"chosen": "Yes.", "rejected": "No."}, {"chosen": whole, "rejected": [USER, NO]}):
        assert says({"messages": whole, **sides})[0] == "Hi"
    with pytest.raises(DataError, match="field 'messages' ends with another answer than the one beside it"):
        read_answers({"messages": whole, "response": "No."}, "here")


def test_empty_cells_count_as_missing() -> None:
    row = {"prompt": "Who?", "question": "", "response": "Ann.", "answer": "", "context": "", "tests": "", "id": ""}
    case = read_answers(row, "here", "3").chosen[0]
    assert (case.question, case.answer, case.context, case.tests, case.id) == ("Who?", "Ann.", None, (), "3")
    assert read_answers({"prompt": "Who?", "answer": "", "response": ""}, "here").chosen[0].answer == ""


@pytest.mark.parametrize("blanks", ["\n", " ", "\n ", "\n#", "\n\t", "? ", "\nUser"])
def test_hostile_blanks_cost_no_time(blanks: str) -> None:
    begun = time.process_time()
    read_answers({"chosen": f"a? {blanks * 20_000}b", "rejected": f"a? {blanks * 20_000}c"}, "here")
    assert time.process_time() - begun < 5


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"prompt": "Who?", "question": "Why?", "answer": "So."},
            "fields 'question' and 'prompt' ask two different questions|'prompt' and",
        ),
        ({"question": "Who?", "answer": "gold", "response": "mine"}, "fields 'answer' and 'response' hold two different answers"),
        ({"prompt": [{"role": "user", "content": [{"type": "image_url"}]}], "answer": "a"}, r"'prompt\[0\].content\[0\]' must be a part"),
        ({"text": "Who?"}, "expected 'question' and 'answer', or .*; found 'text'"),
        ({"Prompt": "Who?", "answer": "a"}, "'question' .or 'prompt'. is missing or empty; .* found 'Prompt', 'answer'"),
    ],
)
def test_columns_that_contradict_one_another_are_named(row: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_answers(row, "here")


def test_a_row_of_a_built_parquet_file_has_its_context_once() -> None:
    row = {"prompt": [{"role": "user", "content": "Context: It rained.\nQuestion: Who?"}], "question": "Who?", "context": "It rained."}
    case = read_answers(row | {"chosen": [YES], "rejected": [NO], "margin": 0.5}, "here").chosen[0]
    assert (case.question, case.context) == ("Who?", "It rained.")


# --- ids -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("id", "expected"), [(None, "n"), (float("nan"), "n"), ("", "n"), (0, "0"), (7.0, "7"), ("7", "7")])
def test_an_id_that_is_missing_is_the_number_of_the_row(id: Any, expected: str) -> None:
    assert read_answers({"question": "q", "answer": "a", "id": id}, "here", "n").id == expected


# --- talks as text -------------------------------------------------------------------------------------

HH = "\n\nHuman: Is it far?\n\nAssistant:"
CUT = {
    "the same opening of both answers": (f"{HH} It is not very far.", f"{HH} It is not near.", HH, False),
    "several turns": (f"{HH} No.{HH} I said no.", f"{HH} No.{HH} I said nothing.", f"{HH} No.{HH}", False),
    "an answer that opens the other": (f"{HH} No", f"{HH} No way", HH, False),
    "a talk that goes on": (f"{HH} No.{HH} No.", f"{HH} Nine miles.", HH, False),
    "marks with a hash": ("### Human: Hi\n### Assistant: A b", "### Human: Hi\n### Assistant: A c", "### Human: Hi\n### Assistant:", False),
    "a question mark": ("How far? It is near.", "How far? It is nearby.", "How far?", True),
    "a line": ("Far\nIt is near.", "Far\nIt is nearby.", "Far", True),
    "a word": ("It is near.", "It is nearby.", "It is", True),
    "an answer that ends where the other goes on": ("How far? Very", "How far? Very far", "How far?", True),
}


@pytest.mark.parametrize(("chosen", "rejected", "question", "guessed"), CUT.values(), ids=list(CUT))
def test_a_talk_in_a_text_is_cut_behind_its_last_shared_mark(
    chosen: str, rejected: str, question: str, guessed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    for sides in ((chosen, rejected), (rejected, chosen)):
        answers = read_answers({"chosen": sides[0], "rejected": sides[1]}, f"{chosen}.jsonl, line 4")
        assert answers.chosen[0].question_text == question.strip()
        assert [answers.chosen[0].answer, answers.rejected[0].answer] == [side.removeprefix(question).strip() for side in sides]
        assert all(case.answer for case in (*answers.chosen, *answers.rejected))
    said = [record.getMessage() for record in caplog.records]
    assert said == [f"{chosen}.jsonl: rows have no prompt, so their question is what both texts begin with"] * guessed


def test_an_answer_that_holds_a_dialogue_is_whole_beside_another_prompt() -> None:
    row = {"prompt": "Write a dialogue.", "chosen": f"{HH} No.", "rejected": f"{HH} Yes."}
    assert says(row) == ("Write a dialogue.", [f"{HH} No."], [f"{HH} Yes."])


@pytest.mark.parametrize(("chosen", "rejected"), itertools.product(("", "a", "a b", "a b?", "a b? c", "a\nb"), repeat=2))
def test_a_guess_never_leaves_an_answer_empty_and_loses_no_word(chosen: str, rejected: str) -> None:
    try:
        question, better, worse = says({"chosen": chosen, "rejected": rejected})
    except LeftOutError:
        return
    assert question
    assert better[0]
    assert worse[0]
    assert [f"{question} {answer}".split() for answer in better + worse] == [chosen.split(), rejected.split()]


@pytest.mark.parametrize(
    ("chosen", "rejected", "reason"),
    [
        (["a"], ["b"], ""),
        (["a"], ["a "], "both answers are the same"),
        ([" "], ["b"], "the chosen answer is empty"),
        ([""], [""], "the chosen answer is empty"),
        (["a"], [""], ""),
        (["a"], ["a", "b"], ""),
        (["a", ""], ["b"], ""),
    ],
)
def test_what_prefers_nothing_is_one_rule(chosen: list[str], rejected: list[str], reason: str) -> None:
    assert why_no_preference(chosen, rejected) == reason
