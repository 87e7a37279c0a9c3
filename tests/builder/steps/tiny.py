"""Sources of a few made-up questions each, read from files, with the real agents and tools behind them."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from random import Random

from themis.builder.draft import Draft, Source
from themis.builder.steps.recipe import BuildRecipe, TaskRecipe
from themis.errors import DataError

RIVERS = ("Avel", "Borm", "Cadda", "Dorne", "Elsk", "Farro", "Gint", "Hollow", "Ister", "Jarn", "Kell", "Lomm")
TOWNS = ("Marby", "Norwick", "Ostrava", "Pellham", "Quill", "Rothby", "Selwick", "Tarn", "Ulver", "Varde", "Wick", "Yarm")


def read_days(root: Path, seed: int, wanted: int) -> Iterator[Draft]:
    """A rule, without end."""
    del root
    for number in range(wanted):
        day = date(2000, 1, 1) + timedelta(days=Random(f"{seed}/{number}").randrange(9_000))
        question, answer = f"What day of the week is {day.isoformat()}?", f"{day.isoformat()} is a {day:%A}."
        yield Draft(f"days/{number}", "calendar", "days", question, answer, facts={"kind": "week_day", "day": day.isoformat()})


def read_sums(root: Path, seed: int, wanted: int) -> Iterator[Draft]:
    """A file of numbers; every two questions are one group."""
    del seed
    for number, line in enumerate((root / "sums.jsonl").read_text(encoding="utf-8").splitlines()[:wanted]):
        try:
            bags, each = json.loads(line)["numbers"]
        except KeyError as error:
            raise DataError(f"{root / 'sums.jsonl'}, line {number + 1}: field 'numbers' is missing") from error
        total = bags * each
        question = f"Number {number}: a cart holds {bags} bags of {each} apples, and 3 apples are eaten. How many are left?"
        answer = f"There are {bags} * {each} = <<{bags}*{each}={total}>>{total} apples.\n{total} - 3 = <<{total}-3={total - 3}>>{total - 3}"
        chosen = f"{answer} are left.\n#### {total - 3}"
        yield Draft(f"sums/{number}", "calculator", "sums", question, chosen, group=f"sums/{number // 2}")


def read_rivers(root: Path, seed: int, wanted: int) -> Iterator[Draft]:
    """Questions with the passages that settle them, and wrong answers."""
    del root, seed
    for river, town in list(zip(RIVERS, TOWNS, strict=True))[:wanted]:
        passage = (
            f"{river} (river)",
            f"The {river} is a river in the north. It rises in the hills of Upland and flows through {town} to the sea.",
        )
        others = tuple(other for other in TOWNS if other != town)[:4]
        question = f"Which town does the river {river} flow through?"
        yield Draft(f"rivers/{river}", "wikisearch", "rivers", question, town, others, passages=(passage,))


TINY = {
    source.name: source
    for source in (
        Source("days", "calendar", "none; a rule", read_days),
        Source("sums", "calculator", "CC0; made up", read_sums, ("sums.jsonl",)),
        Source("rivers", "wikisearch", "CC0; made up", read_rivers),
    )
}

RECIPE = BuildRecipe(
    seed=1,
    surplus=1.5,
    tasks={
        "calendar": TaskRecipe({"days": 1.0}, train=30, test=10),
        "calculator": TaskRecipe({"sums": 1.0}, train=20, test=6),
        "wikisearch": TaskRecipe({"rivers": 1.0}, train=4, test=1),
    },
)


def write_data(root: Path, sums: int = 60) -> Path:
    """The folder of the data sets."""
    root.mkdir(parents=True, exist_ok=True)
    chance = Random(5)
    rows = ({"numbers": [chance.randint(3, 40), chance.randint(2, 30)]} for _ in range(sums))
    (root / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return root


def bytes_of(folder: Path) -> dict[str, bytes]:
    """All that lies in a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
