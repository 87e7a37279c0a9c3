"""The output of a build: TARA's JSON, Parquet with TRL's columns, the recordings of every observation.

Equal rows give equal bytes. Every file is complete or absent.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from themis.builder.quality.filters import Row
from themis.builder.steps.choose import Rows
from themis.builder.steps.drafts import steps_to_json
from themis.builder.steps.recipe import Split
from themis.builder.steps.tools import BuildTools, recordings
from themis.errors import ConfigError
from themis.files import move_whole
from themis.tools.recordings.store import ObservationStore
from themis.traces import Action, Case, Observation, Step
from themis.traces.pair import Side
from themis.traces.tara import write_tara

RECORDINGS = "recordings.sqlite"


def tara_file(out: Path, task: str, split: Split) -> Path:
    """The path of TARA's JSON of a split."""
    return out / "tara" / task / f"{split}.jsonl"


def parquet_file(out: Path, task: str, split: Split) -> Path:
    """The path of a split's Parquet: one folder a task, as for configurations of a Hub data set."""
    return out / "data" / task / f"{split}.parquet"


def write_rows(out: Path, work: Path, rows: Rows) -> list[Path]:
    """Write the rows of all tasks in both formats; returns the files. An empty split has no file."""
    written: list[Path] = []
    for task, splits in rows.items():
        for split, some in splits.items():
            if not some:
                continue
            beside = work / "written" / task / f"{split}.jsonl"  # its folder is the task, which the form takes it from
            write_tara((row.pair for row in some), beside)
            written.append(move_whole(beside, tara_file(out, task, split)))
            table = beside.with_suffix(".parquet")
            write_parquet(some, table)
            written.append(move_whole(table, parquet_file(out, task, split)))
    return written


def write_parquet(rows: Iterable[Row], path: Path) -> None:
    """TRL's conversational preference columns, and columns for the tool calls."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ConfigError("a build writes Parquet, which needs: pip install 'themis-rm[build]'") from error
    message = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
    steps = pa.list_(pa.struct([(name, pa.string()) for name in ("thought", "tool", "argument", "observation", "status")]))
    texts = "id task source question context chosen_rationale rejected_rationale chosen_evidence rejected_evidence".split()
    columns = [("prompt", message), ("chosen", message), ("rejected", message), ("margin", pa.float64())]
    columns += [("chosen_steps", steps), ("rejected_steps", steps), ("tests", pa.list_(pa.string()))]
    schema = pa.schema([*columns, *((name, pa.string()) for name in texts)])
    table = pa.Table.from_pylist([_columns(row) for row in rows], schema=schema)
    pq.write_table(table, path, compression="zstd")


def write_recordings(out: Path, work: Path, rows: Rows, tools: BuildTools) -> int:
    """Write the observations as a store that `themis score --store` replays; returns how many."""
    beside = work / "written" / RECORDINGS
    for leftover in (beside, *(beside.with_name(f"{RECORDINGS}-{end}") for end in ("wal", "shm", "journal"))):
        leftover.unlink(missing_ok=True)
    beside.parent.mkdir(parents=True, exist_ok=True)
    found = recordings(
        (call for splits in rows.values() for some in splits.values() for row in some for call in _observed_calls(row)), tools
    )
    with ObservationStore(beside) as store:
        store.put_all(found)
    with sqlite3.connect(beside) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")  # one file, to be handed on
    connection.close()
    move_whole(beside, out / RECORDINGS)
    return len(found)


def _columns(row: Row) -> dict[str, Any]:
    pair = row.pair
    question = pair.question if pair.context is None else f"Context: {pair.context}\nQuestion: {pair.question}"
    evidence = (row.evidence_chosen, row.evidence_rejected)
    return {
        "prompt": [{"role": "user", "content": question}],
        "chosen": [{"role": "assistant", "content": pair.chosen.answer}],
        "rejected": [{"role": "assistant", "content": pair.rejected.answer}],
        "margin": sum(found.stance != "unsettled" for found in evidence) / len(evidence),
        "id": pair.id,
        "task": pair.task,
        "source": row.draft.source,
        "question": pair.question,
        "context": pair.context,
        "tests": list(pair.tests),
        "chosen_steps": _steps(pair.chosen),
        "rejected_steps": _steps(pair.rejected),
        "chosen_rationale": _rationale(pair.chosen),
        "rejected_rationale": _rationale(pair.rejected),
        "chosen_evidence": row.evidence_chosen.stance,
        "rejected_evidence": row.evidence_rejected.stance,
    }


def _steps(side: Side) -> list[dict[str, Any]]:
    return steps_to_json(side.trace.steps) if side.trace else []


def _rationale(side: Side) -> str | None:
    return side.trace.rationale if side.trace else None


def _observed_calls(row: Row) -> Iterator[tuple[Action, Case, Observation]]:
    for case, side in ((row.pair.chosen_case, row.pair.chosen), (row.pair.rejected_case, row.pair.rejected)):
        steps: tuple[Step, ...] = side.trace.steps if side.trace else ()
        for step in steps:
            if step.action is not None and step.observation is not None:
                yield step.action, case, step.observation
