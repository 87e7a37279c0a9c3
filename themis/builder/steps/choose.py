"""Step 4: the rows that pass the filters, as many as the recipe asks for, balanced against surface cues.

Knows nothing of what a filter looks at (`quality.filters`) or of what is balanced (`quality.balance`).
"""

from collections.abc import Iterator, Mapping, Sequence
from random import Random

from themis.builder.draft import Draft
from themis.builder.pairs import joined
from themis.builder.quality.balance import balanced
from themis.builder.quality.filters import EXAMPLES, Dropped, Row, Sifted, sift
from themis.builder.steps.collect import Chosen
from themis.builder.steps.drafts import Made
from themis.builder.steps.recipe import BuildRecipe, Split
from themis.errors import DataError

NO_ROW = "the agents made no row of it"


Rows = dict[str, dict[Split, list[Row]]]
"""By task and split."""


def choose(recipe: BuildRecipe, drafts: Chosen, made: Mapping[str, Made]) -> tuple[Rows, Sifted]:
    """The rows of the data set, and what was dropped; raises `DataError` if too few rows pass the filters."""
    rows: Rows = {}
    sifted = Sifted()
    short: list[str] = []
    for task, splits in drafts.items():
        there = [row for some in splits.values() for row in _made_rows(some, made, sifted)]
        kept = {row.draft.id: row for row in _merged(sifted, sift(there))}
        rows[task] = {}
        if not kept:
            short.append(f"{task}: no row came through{_why(task, sifted)}")
        for split, some in splits.items():
            left = [kept[draft.id] for draft in some if draft.id in kept]
            asked = recipe.tasks[task].train if split == "train" else recipe.tasks[task].test
            if kept and asked is not None and len(left) < asked:
                short.append(
                    f"{task}: {asked:,} {split} rows are asked for, {len(left):,} of {len(some):,} came through{_why(task, sifted)}"
                )
            chance = Random(f"{recipe.seed}/balance/{task}/{split}")
            rows[task][split] = list(balanced(left, len(left) if asked is None else min(asked, len(left)), chance))
    if short:
        raise DataError(f"{'; '.join(short)}; lower the counts, or raise surplus where the sources hold more")
    return rows, sifted


def row_of(draft: Draft, made: Made) -> Row:
    """A draft with all that the agents made of it."""
    assert made.right is not None
    assert made.wrong is not None
    pair = joined(draft, made.rejected, made.right, made.wrong)
    return Row(draft, made.rejected, pair, made.right.evidence, made.wrong.evidence)


def _made_rows(drafts: Sequence[Draft], made: Mapping[str, Made], sifted: Sifted) -> Iterator[Row]:
    """The rows that the agents could make."""
    for draft in drafts:
        found = made[draft.id]
        if found.fault:
            sifted.drop(Dropped(found.fault, draft.task, draft.id, draft.question, NO_ROW))
        else:
            yield row_of(draft, found)


def _merged(all_of_them: Sifted, some: Sifted) -> list[Row]:
    """Add what was dropped of one task to what was dropped in all; returns the rows that pass."""
    all_of_them.counts += some.counts
    for name, examples in some.examples.items():
        before = all_of_them.examples.setdefault(name, [])
        before += examples[: EXAMPLES - len(before)]
    return some.kept


def _why(task: str, sifted: Sifted) -> str:
    reasons = [(count, name) for (name, of), count in sifted.counts.items() if of == task]
    told = ", ".join(f"{name} {count:,}" for count, name in sorted(reasons, reverse=True))
    return f" ({told})" if told else ""
