"""Files of cases, read and judged all over a cluster by Ray Data, one judge in each of its actors.

A task reads each file by our own reader, so that a row means the same as on one machine. Cases and verdicts travel as
JSON. Where a worker dies, Ray starts another, which judges again what had not come back.
"""

import json
import logging
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import ray
import ray.data
from ray.exceptions import RayError

from themis.cluster.workers import JudgeSource, Workers, check_alike, told
from themis.data.cases import CaseFile, cases_of
from themis.inference.service import JudgingService
from themis.traces import Verdict, case_from_json, case_key, verdict_from_json

CALLS = 3
"""Batches that an actor has at once, so that its judge never waits for the next one."""
TOGETHER = 16
"""Verdicts that come from afar at once."""


def judged_by(
    workers: Workers, source: JudgeSource, known_by: Mapping[str, Any], files: Sequence[CaseFile], due: Collection[str]
) -> Iterator[tuple[str, Verdict]]:
    """The verdicts of the cases whose ids are `due`, as they come, each with the key of its case."""
    wanted = ray.put(due)
    count = min(workers.count, math.ceil(len(due) / workers.batch_size))

    def read(row: dict[str, Any]) -> Iterator[dict[str, str]]:
        ids = ray.get(wanted)
        cases = (asdict(case) for _, case in cases_of(CaseFile(Path(row["path"]), row["prefix"])) if case.id in ids)
        while batch := list(islice(cases, workers.batch_size)):
            yield {"cases": json.dumps(batch)}

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    # A row holds a batch of cases. With this, a block is one row: so actors share a file, and verdicts come early.
    ray.data.DataContext.get_current().target_max_block_size = 1
    rows = ray.data.from_items([{"path": str(file.path), "prefix": file.prefix} for file in files])
    verdicts = rows.flat_map(read, num_cpus=0).map_batches(  # no CPU: the judges may have them all, and readers must not wait
        JudgingActor,
        fn_constructor_args=(source, known_by),
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(size=count, max_concurrent_calls_per_actor=CALLS, enable_true_multi_threading=True),
        num_cpus=workers.cpus,
        num_gpus=workers.gpus,
    )
    try:
        for row in verdicts.iter_rows():
            for key, verdict in json.loads(row["verdicts"]):
                yield key, verdict_from_json(verdict)
    except RayError as error:
        raise told(error) from error


class Relay:
    """`judged_by` on a machine of the cluster: a client that only talks to one cannot run Ray Data itself."""

    def __init__(self, *given: Any) -> None:
        self._verdicts = judged_by(*given)

    def some(self) -> list[tuple[str, Verdict]]:
        """The next verdicts; none at the end."""
        return list(islice(self._verdicts, TOGETHER))


def judged_afar(*given: Any) -> Iterator[tuple[str, Verdict]]:
    """`judged_by` for a `ray://` address."""
    make: Any = ray.remote(num_cpus=0)(Relay)
    relay = make.remote(*given)
    try:
        while some := ray.get(relay.some.remote()):
            yield from some
    except RayError as error:
        raise told(error) from error
    finally:
        ray.kill(relay)


class JudgingActor:
    """One judge in a process of its own; the batches of all calls are judged together."""

    def __init__(self, source: JudgeSource, known_by: Mapping[str, Any]) -> None:
        """Raises `ConfigError` where this machine's judge would give other verdicts."""
        check_alike(source, known_by)
        self._opened = source.opened()
        self._service = JudgingService(self._opened.__enter__())

    def __call__(self, rows: dict[str, Any]) -> dict[str, list[str]]:
        """A column of batches of cases as JSON; back comes a column of lists of (key, verdict) as JSON."""
        return {"verdicts": [self._judged(json.loads(cases)) for cases in rows["cases"]]}

    def _judged(self, rows: Sequence[Any]) -> str:
        cases = [case_from_json(row, "a case") for row in rows]
        futures = [self._service.submit(case) for case in cases]
        return json.dumps([(case_key(case), future.result().to_json()) for case, future in zip(cases, futures, strict=True)])
