"""Questions of people with short answers: NQ-open, NQ with gold paragraphs, WebQuestions, PopQA, EfficientQA.

A question in two sources gives one draft, of the first source that has it. If a source holds the paragraph that
settles a question, it becomes a passage of the index that `wiki_search` uses. No draft has rejected answers: the
published file of EfficientQA does not hold those that people judged wrong. Knows nothing of the index or of wrong
answers.
Source: the READMEs of the files; Natural Questions (Kwiatkowski 2019), WebQuestions (Berant 2013), PopQA (Mallen
2023).
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from themis.builder.draft import Draft, Source
from themis.errors import DataError
from themis.files import json_lines, json_rows, objects_field, text_field, texts_field

NQ_GOLD = "nq_oracle/nq-open-oracle.jsonl.gz"
NQ_OPEN = "nq_open/NQ-open.dev.jsonl"
EFFICIENT_QA = "nq_open/NQ-open.efficientqa.dev.1.1.jsonl"
WEB_QUESTIONS = ("webquestions/trainmodel.json", "webquestions/val.json")
POP_QA_KINDS = {"occupation": "occupation", "place of birth": "city"}
"""The kind of the answers, by relation."""
POP_QA = "popqa_neuropath/popqa.json.gz"

HAS_PARAGRAPH = "has paragraph"
"""The name of a fact: the source holds the paragraph that settles the question."""
MOST_WORDS = 9
"""In an answer. Longer ones are descriptions, which no passage gives in the same words."""
_MOST_ANSWERS = 5
"""A question with more right answers has others that nobody listed."""
_WORD = re.compile(r"[^\W_]+")
_SMALL_WORDS = frozenset("a an the of in on at to and or by for is was were are be from with".split())
"""An answer of these words and the question's alone says nothing. Fewer than the stop words: `he` may be an answer."""


def same_question(question: str) -> str:
    """The same text for equal questions: the words alone, in lower case."""
    return " ".join(_WORD.findall(question.lower()))


def _nq_gold(root: Path) -> Iterator[Draft]:
    for number, row in json_lines(root / NQ_GOLD):
        where = f"{root / NQ_GOLD}, line {number}"
        found = objects_field(row, "ctxs", where)
        passages = tuple((_text(each, "title", place), _text(each, "text", place)) for place, each in found)
        yield from _draft("nq_gold", number, _text(row, "question", where), _texts(row, "answers", where), passages)


def _open_questions(name: str, file: str, root: Path) -> Iterator[Draft]:
    for number, row in json_lines(root / file):
        where = f"{root / file}, line {number}"
        yield from _draft(name, number, _text(row, "question", where), _texts(row, "answer", where))


def _web_questions(root: Path) -> Iterator[Draft]:
    for file in WEB_QUESTIONS:
        for number, row in json_rows(root / file):
            where = f"{root / file}, row {number}"
            answers = [answer for answer in _texts(row, "answers", where) if not answer.startswith("http")]
            key = _text(row, "qId", where)
            yield from _draft("webquestions", key, _text(row, "qText", where), answers)


def _pop_qa(root: Path) -> Iterator[Draft]:
    for number, row in json_rows(root / POP_QA):
        where = f"{root / POP_QA}, row {number}"
        title = _text(row, "s_wiki_title", where)
        found = objects_field(row, "paragraphs", where)
        passages = tuple((title, _text(each, "text", place)) for place, each in found if each.get("title") == title)
        try:
            answers = [str(answer) for answer in json.loads(_text(row, "possible_answers", where))]
        except ValueError as error:
            raise DataError(f"{where}: field 'possible_answers' must be a list written as JSON") from error
        asked = _text(row, "prop", where)
        facts = {"relation": asked, "subject": _text(row, "subj", where), "kind": POP_QA_KINDS.get(asked, "thing")}
        # Ids count from 0.
        for draft in _draft("popqa", number - 1, _text(row, "question", where), answers, passages):
            yield replace(draft, facts=facts)


def _draft(source: str, key: int | str, question: str, answers: list[str], passages: tuple[tuple[str, str], ...] = ()) -> Iterator[Draft]:
    """The draft of a question, if its answers are short and few, and hold words that the question does not."""
    asked = set(_WORD.findall(question.lower())) | _SMALL_WORDS
    answers = [" ".join(answer.split()) for answer in answers]
    useful = [answer for answer in answers if 0 < len(answer.split()) <= MOST_WORDS and set(_WORD.findall(answer.lower())) - asked]
    many = len(useful) > _MOST_ANSWERS and not passages
    if not useful or many or len(useful) < len(answers):
        return
    said = " ".join(text for _, text in passages)
    chosen = next((answer for answer in useful if re.search(rf"(?<!\w){re.escape(answer)}(?!\w)", said)), useful[0])
    references = tuple(dict.fromkeys(answer for answer in useful if answer != chosen))
    group = same_question(question)
    facts = {HAS_PARAGRAPH: "yes"} if passages else {}
    id_ = f"{source}/{key}"
    yield Draft(id_, "wikisearch", source, question, chosen, references=references, facts=facts, passages=passages, group=group)


_READERS: Mapping[str, Callable[[Path], Iterator[Draft]]] = {
    "nq_gold": _nq_gold,
    "popqa": _pop_qa,
    "nq_open": partial(_open_questions, "nq_open", NQ_OPEN),
    "efficientqa": partial(_open_questions, "efficientqa", EFFICIENT_QA),
    "webquestions": _web_questions,
}
"""Sources with paragraphs come first, so that of a question in two sources the draft with a paragraph stays."""


def _read(name: str, root: Path, seed: int, wanted: int) -> Iterator[Draft]:
    """The questions of a source in the order of the seed, without those of the sources before it."""
    seen: set[str] = set()
    for other, reader in _READERS.items():
        if other == name:
            break
        if all((root / file).is_file() for file in _FILES[other]):
            seen.update(draft.group for draft in reader(root))
    drafts = []
    for draft in _READERS[name](root):
        if draft.group not in seen:
            seen.add(draft.group)
            drafts.append(draft)
    Random(f"{seed}/{name}").shuffle(drafts)
    yield from drafts[:wanted]


_FILES: Mapping[str, tuple[str, ...]] = {
    "nq_gold": (NQ_GOLD,),
    "popqa": (POP_QA,),
    "nq_open": (NQ_OPEN,),
    "efficientqa": (EFFICIENT_QA,),
    "webquestions": WEB_QUESTIONS,
}


def _text(row: Mapping[str, Any], name: str, where: str) -> str:
    return text_field(row, name, where).strip()


def _texts(row: Mapping[str, Any], name: str, where: str) -> list[str]:
    return [text for text in texts_field(row, name, where) if text.strip()]


_LICENCES: Mapping[str, str] = {
    "nq_gold": "MIT (the file nq-open-oracle); Natural Questions, Google, CC BY-SA 3.0; paragraphs of Wikipedia, CC BY-SA",
    "popqa": "MIT (PopQA, Mallen et al.); paragraphs of Wikipedia, CC BY-SA",
    "nq_open": "Apache-2.0 (NQ-open, Google); Natural Questions, CC BY-SA 3.0",
    "efficientqa": "Apache-2.0 (EfficientQA, Google); Natural Questions, CC BY-SA 3.0",
    "webquestions": "CC BY 4.0 (WebQuestions, Berant et al., Stanford)",
}

SOURCES = tuple(Source(name, "wikisearch", _LICENCES[name], partial(_read, name), _FILES[name], 10) for name in _READERS)
