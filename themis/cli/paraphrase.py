"""`themis build paraphrase`: rows with their questions in other words, written by a pretrained model and checked."""

from pathlib import Path
from random import Random
from typing import Annotated

import typer

from themis.cli.output import check_output
from themis.cli.progress import progress_bar
from themis.errors import ConfigError, DataError

EXAMPLE = (
    "Example: themis build paraphrase runs/tara/tara/calendar/train.jsonl --count 200 --out paraphrases.jsonl; "
    "then: themis train small data.files=paraphrases.jsonl data.mixture.files=0.1"
)

_FILES_HELP = "Rows in TARA's form, such as `themis build tara` writes, of the tasks calendar, weather and multi_tools."


def paraphrase(
    files: Annotated[list[Path], typer.Argument(help=_FILES_HELP, exists=True, dir_okay=False)],
    out: Annotated[Path, typer.Option(help="The JSON lines of the rows.", dir_okay=False)],
    model: Annotated[str, typer.Option(help="A chat model: of `themis models list`, a directory, or a Hub repository.")] = "smollm2-135m",
    count: Annotated[int, typer.Option(min=1, help="Rows to make.")] = 200,
    seed: Annotated[int, typer.Option(help="Another seed draws other rows and other words.")] = 0,
) -> None:
    """Put the questions of rows in other words, for training.

    Kept is what has the numbers, names and units of the question, and from which the task's program reads the row's
    own calls. So tools have checked each answer.
    """
    from themis.builder.paraphrase import READ_FROM_QUESTIONS, Paraphrased, paraphrased
    from themis.config import data_root
    from themis.data.published import measured_questions
    from themis.model.rewording import Rewording
    from themis.traces.tara import question_hash, read_tara, write_tara

    check_output(out, [*files])
    root = data_root()
    held_out = measured_questions(root) if root else frozenset[str]()
    pairs = [pair for file in files for pair in read_tara(file).pairs if pair.task in READ_FROM_QUESTIONS]
    if not pairs:
        raise DataError(f"no row is of the tasks {', '.join(READ_FROM_QUESTIONS)}, whose calls can be read from a question")
    pairs = [pair for pair in pairs if question_hash(pair.question) not in held_out]
    Random(seed).shuffle(pairs)
    report = Paraphrased()
    with progress_bar() as bar:
        task = bar.add_task("paraphrases", total=count)
        rows = []
        for row in paraphrased(pairs, Rewording(model, seed), count, report):
            rows.append(row)
            bar.update(task, completed=len(rows))
    if not rows:
        raise ConfigError(f"no paraphrase was kept ({_reasons(report.dropped)}); try a larger --model")
    write_tara(rows, out)
    typer.echo(f"{len(rows)} rows in {out}; dropped: {_reasons(report.dropped) or 'none'}", err=True)


def _reasons(dropped: dict[str, int]) -> str:
    return ", ".join(f"{reason}: {count}" for reason, count in sorted(dropped.items(), key=lambda item: -item[1]))
