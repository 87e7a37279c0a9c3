"""Human preferences between long answers (FG-RLHF), with the passages that they were written from as search results.

A row holds a question, its passages, four predictions, and six preferences. The preferences are about predictions 1-2,
1-3, 1-4, 2-3, 2-4 and 3-4, in this order: 1 means the first is better, 2 the second, 0 neither. The data do not
document this. It was checked on all 500 rows:
- Of the 720 orders of six pairs, only this one and its mirror have no row with a cycle of preferences. Half of all
  orders have 297 such rows or more.
- In this order the preferred answer is nearer to the gold answer in 63 of 100 pairs, in the mirror in 54. With 1 and 2
  exchanged, it is in 37 and 46.
- The errors that people marked are in prediction 1 in every row. They cover 53 % of it where it lost all its pairs,
  and 48 % where it won them all.

A pair is offered if the results support the better answer and not the worse one (`agents`).

Source: Wu et al., arXiv:2306.01693.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any

from themis.builder.draft import Draft, Source
from themis.builder.tasks.webgpt.agents import missing, query_of, stance_of, statements
from themis.builder.text.reading import content, sentences, shared, spread
from themis.errors import DataError
from themis.files import json_rows, text_field

FILE = "fgrlhf/dev_feedback.json.gz"
LONGEST = 320
"""Most words of an observation, as in the longest published ones."""
PREDICTIONS = 4
_PAIRS = tuple(combinations(range(PREDICTIONS), 2))


def read_feedback(root: Path, seed: int, wanted: int) -> Iterator[Draft]:
    """Every preference that is not a tie and that the passages settle."""
    rows = list(json_rows(root / FILE))
    rng = Random(f"{seed}/fgrlhf")
    rng.shuffle(rows)
    drafts = [draft for number, row in rows for draft in _drafts(number, row, f"{root / FILE}, row {number}")]
    rng.shuffle(drafts)  # else the six pairs of a question are adjacent
    yield from drafts[:wanted]


def _drafts(number: int, row: dict[str, Any], place: str) -> Iterator[Draft]:
    question = text_field(row, "question", place).strip()
    answers = [" ".join(text_field(row, f"prediction {one}", place).split()) for one in range(1, PREDICTIONS + 1)]
    preferences = row.get("preference")
    if not isinstance(preferences, list) or len(preferences) != len(_PAIRS) or not set(preferences) <= {0, 1, 2}:
        raise DataError(f"{place}: field 'preference' must be six numbers, each 0, 1 or 2")
    query = query_of(question, "", {})
    results = written_passages(question, _passages(row, place))
    judged = [stance_of(statements(answer), results, [question]) if statements(answer) else ("unsettled", "") for answer in answers]
    gold = row.get("gold")
    for (first, second), preferred in zip(_PAIRS, preferences, strict=True):
        better, worse = (first, second) if preferred == 1 else (second, first)
        if preferred == 0 or judged[better][0] != "agrees" or judged[worse][0] != "disagrees":
            continue
        lacking = set(missing(judged[worse][1], frozenset(content(results)), [question]))
        if 2 * len(lacking & set(content(answers[better]))) > len(lacking):  # the better answer says as much
            continue
        yield Draft(
            id=f"fgrlhf/{number}/{better + 1}-{worse + 1}",
            task="webgpt",
            source="fgrlhf",
            question=question,
            chosen=answers[better],
            rejected=(answers[worse],),
            references=(" ".join(gold.split()),) if isinstance(gold, str) and gold.strip() else (),
            recorded=(("google_serper", query, results),),
            group=f"fgrlhf/{number}",
        )


def written_passages(question: str, passages: Sequence[str], most: int = LONGEST) -> str:
    """Passages as a search returns them: of a long text, the sentences nearest to the question, in their order."""
    found = [sentence for passage in passages for sentence in sentences(passage)]
    weights, asked = spread(found), content(question)
    order = sorted(range(len(found)), key=lambda one: -shared(asked, content(found[one]), weights))
    taken: list[int] = []
    room = most
    for one in order:
        if len(found[one].split()) <= room:
            taken.append(one)
            room -= len(found[one].split())
    return " ".join(found[one] for one in sorted(taken))


def _passages(row: dict[str, Any], place: str) -> list[str]:
    passages = row.get("passages")
    if not isinstance(passages, list) or not all(isinstance(one, list) and all(isinstance(text, str) for text in one) for one in passages):
        raise DataError(f"{place}: field 'passages' must be lists of texts, each a title and its sentences")
    # The first text is the title. The first sentence of a page opens with the title again.
    return [" ".join(" ".join(text.removeprefix(one[0]).split()) for text in one[1:]) for one in passages if one]


SOURCES = (
    Source(
        name="fgrlhf",
        task="webgpt",
        licence="Apache 2.0; Fine-Grained RLHF by Wu and others, on ASQA questions and Wikipedia passages",
        read=read_feedback,
        files=(FILE,),
    ),
)
