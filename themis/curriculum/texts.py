"""Running text, for a model from scratch to learn what words do: introductions of Wikipedia, XQuAD's paragraphs and questions.

Whatever a question is about, its answer is not in here as an answer: nothing of it is a case.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from themis.builder.tasks.translator.xquad import LANGUAGES, file_of
from themis.builder.tasks.wikisearch.intros import INTROS
from themis.files import json_lines, json_object, objects_field, text_field

OTHER_LANGUAGES = 0.2
"""The share of texts that are XQuAD's, so that a vocabulary has words of every script."""

SHORTEST = 200
"""Characters of an introduction."""

Texts = Callable[[Random], str]


def texts_of(root: Path | None) -> Texts | None:
    """Draws one text below `root`; None where its files are missing."""
    groups: list[list[str]] = []
    if root and (root / INTROS).is_file():
        # What follows three line breaks is a list or a table, as a rule.
        intros = (text_field(row, "text", f"{INTROS}, line {line}").partition("\n\n\n")[0] for line, row in json_lines(root / INTROS))
        groups.append([text for text in intros if len(text) >= SHORTEST])
    if root and all(file_of(root, code).is_file() for code in LANGUAGES):
        groups.append([text for code in LANGUAGES for text in _paragraphs(file_of(root, code))])
    if not groups:
        return None
    return lambda rng: rng.choice(groups[-1] if rng.random() < OTHER_LANGUAGES else groups[0])


def _paragraphs(file: Path) -> Iterator[str]:
    """Each paragraph, with its questions after it."""
    for place, article in objects_field(json_object(file), "data", str(file)):
        for where, paragraph in objects_field(article, "paragraphs", place):
            asked = [text_field(question, "question", at) for at, question in objects_field(paragraph, "qas", where)]
            yield "\n".join((text_field(paragraph, "context", where), *asked))
