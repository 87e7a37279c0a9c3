"""Questions with short answers: what becomes a draft, what does not, and what a broken file says."""

import gzip
import json
from pathlib import Path

import pytest

from themis.builder.draft import Draft
from themis.builder.tasks.wikisearch.questions import SOURCES, same_question
from themis.config import data_root
from themis.errors import DataError

BY_NAME = {source.name: source for source in SOURCES}


def _folder(
    root: Path,
    gold: list[dict[str, object]],
    open_rows: list[dict[str, object]],
    web: list[dict[str, object]],
    pop: list[dict[str, object]],
) -> Path:
    for folder in ("nq_oracle", "nq_open", "webquestions", "popqa_neuropath"):
        (root / folder).mkdir()
    with gzip.open(root / "nq_oracle/nq-open-oracle.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in gold)
    (root / "nq_open/NQ-open.dev.jsonl").write_text("".join(json.dumps(row) + "\n" for row in open_rows))
    (root / "webquestions/trainmodel.json").write_text(json.dumps(web))
    (root / "webquestions/val.json").write_text("[]")
    with gzip.open(root / "popqa_neuropath/popqa.json.gz", "wt") as file:
        json.dump(pop, file)
    return root


GOLD: dict[str, object] = {
    "question": "who keeps the lighthouse of vell",
    "answers": ["the keeper Ada Voss", "Ada Voss"],
    "ctxs": [{"title": "Vell light", "text": "Since 1901 the light of Vell is kept by Ada Voss."}],
}
POP: dict[str, object] = {
    "question": "What is Milo Tarn's occupation?",
    "possible_answers": '["painter", "paint"]',
    "prop": "occupation",
    "subj": "Milo Tarn",
    "s_wiki_title": "Milo Tarn",
    "paragraphs": [{"title": "Milo Tarn", "text": "Milo Tarn is a painter."}, {"title": "Painter", "text": "Who paints."}],
}


def _read(name: str, root: Path, seed: int = 0) -> list[Draft]:
    return list(BY_NAME[name].read(root, seed, 100))


def test_the_answer_that_stands_in_the_gold_paragraph_is_chosen_and_the_paragraph_goes_into_the_index(tmp_path: Path) -> None:
    root = _folder(tmp_path, [GOLD], [], [], [POP])
    (draft,) = _read("nq_gold", root)
    assert (draft.chosen, draft.references) == ("Ada Voss", ("the keeper Ada Voss",))
    assert draft.passages == (("Vell light", "Since 1901 the light of Vell is kept by Ada Voss."),)


def test_of_the_paragraphs_of_popqa_only_that_of_the_subject_is_kept(tmp_path: Path) -> None:
    (draft,) = _read("popqa", _folder(tmp_path, [], [], [], [POP]))
    assert draft.passages == (("Milo Tarn", "Milo Tarn is a painter."),)
    assert (draft.chosen, draft.facts["kind"]) == ("painter", "occupation")


def test_a_question_in_two_sources_is_one_draft_of_the_first(tmp_path: Path) -> None:
    again: dict[str, object] = {"question": "Who keeps the lighthouse of Vell?", "answer": ["Ada Voss"]}
    other: dict[str, object] = {"question": "where is vell", "answer": ["Norland"]}
    root = _folder(tmp_path, [GOLD], [again, other, other], [], [])
    assert [draft.question for draft in _read("nq_open", root)] == ["where is vell"]


def test_answers_that_are_long_or_repeat_the_question_or_are_addresses_make_no_draft(tmp_path: Path) -> None:
    web: list[dict[str, object]] = [
        {"qId": "1", "qText": "where is rome on a map?", "answers": ["Rome"]},
        {"qId": "2", "qText": "how old is he?", "answers": ["http://example.org/"]},
        {"qId": "3", "qText": "what is law?", "answers": ["one two three four five six seven eight nine ten"]},
        {"qId": "4", "qText": "where is the tower?", "answers": ["Pisa"]},
    ]
    assert [draft.chosen for draft in _read("webquestions", _folder(tmp_path, [], [], web, []))] == ["Pisa"]


def test_the_order_depends_on_the_seed_alone(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"question": f"what is number {n} of it", "answer": [f"answer {n + 100}"]} for n in range(20)]
    root = _folder(tmp_path, [], rows, [], [])
    first, again, other = _read("nq_open", root), _read("nq_open", root), _read("nq_open", root, seed=1)
    assert first == again
    assert [draft.id for draft in first] != [draft.id for draft in other]
    assert {draft.id for draft in first} == {draft.id for draft in other}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"question": 3, "answer": ["x"]}', "field 'question' must be text, found a number"),
        ('{"question": "q"}', "field 'answer' is missing"),
        ("{", "not valid JSON"),
    ],
)
def test_a_file_of_another_shape_names_file_line_and_field(tmp_path: Path, line: str, said: str) -> None:
    root = _folder(tmp_path, [], [], [], [])
    (root / "nq_open/NQ-open.dev.jsonl").write_text(f'{{"question": "who", "answer": ["Ada"]}}\n{line}\n')
    with pytest.raises(DataError, match=rf"NQ-open\.dev\.jsonl, line 2: {said}"):
        _read("nq_open", root)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"trainmodel\.json cannot be read: No such file"):
        _read("webquestions", tmp_path)


def test_two_spellings_of_a_question_are_the_same() -> None:
    assert same_question("Who  wrote 'Emma'?") == same_question("who wrote emma")


@pytest.mark.skipif(data_root() is None, reason="THEMIS_DATA is not set")
def test_the_published_files_hold_what_their_cards_say() -> None:
    root = data_root()
    assert root is not None
    counts = {name: len(list(source.read(root, 0, 10_000))) for name, source in BY_NAME.items()}
    assert counts["nq_gold"] > 2_000
    assert counts["popqa"] > 900
    assert counts["webquestions"] > 2_500
