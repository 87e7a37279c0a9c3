"""Steps 2 and 3: a wrong answer for each draft, the steps that judge both answers, and their rationales.

A row depends on the seed, the draft and the tools alone, never on the order of drafts or on the number of workers.
Rows are stored in files of some dozens.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from random import Random
from typing import Any, Protocol, TypeAlias

from themis.builder.agents.language_model import GivenUp
from themis.builder.agents.programs import agents_by_rule
from themis.builder.draft import Agents, Draft, Observe
from themis.builder.pairs import judged, wrong_answer
from themis.builder.steps.drafts import Json, Made, made_from_json, made_to_json
from themis.builder.steps.recipe import BuildRecipe
from themis.builder.steps.tools import BuildTools, Places, opened
from themis.builder.steps.work import Work
from themis.builder.tasks.registry import task_named
from themis.errors import DataError

CHUNK = 50
NO_NEGATIVE = "no wrong answer"


AgentsOf: TypeAlias = Callable[[str], Agents]
"""The agents of a task, by its name."""


def make_rows(
    work: Work, drafts: Mapping[str, Sequence[Draft]], workers: "Workers", advance: Callable[[int], None] = lambda count: None
) -> dict[str, Made]:
    """What the agents made of the drafts of each task, by id. Calls `advance` for finished drafts, including earlier
    runs'.

    If one draft fails, the others in progress are finished and stored before the error is raised.
    """
    names: list[str] = []
    pending: dict[Future[list[Json]], tuple[str, int]] = {}
    for task, some in drafts.items():
        for number, chunk in enumerate(_chunks(sorted(some, key=lambda draft: draft.id))):
            names.append(f"rows/{task}-{number:04}.jsonl")
            if work.has(names[-1]):
                advance(len(chunk))
            else:
                pending[workers.submit(task, chunk)] = (names[-1], len(chunk))

    def keep(future: Future[list[Json]]) -> None:
        name, count = pending.pop(future)
        work.write(name, future.result())
        advance(count)

    try:
        for future in as_completed(list(pending)):
            keep(future)
    except BrokenProcessPool as error:
        raise DataError("a worker process was killed (out of memory?); nothing is lost: run the command again with --at-once 1") from error
    finally:
        workers.end()
        for future in [future for future in pending if future.done() and not future.cancelled() and future.exception() is None]:
            keep(future)
    return {row["id"]: made_from_json(row) for name in names for row in work.read(name)}


class Workers(Protocol):
    """Works on the drafts of a chunk."""

    def submit(self, task: str, drafts: list[Draft]) -> "Future[list[Json]]":
        """The rows to store."""

    def end(self) -> None:
        """Finish what has begun, and begin nothing more."""


class Threads:
    """For agents that wait for an endpoint; also for a build with one worker."""

    def __init__(self, recipe: BuildRecipe, agents: AgentsOf, tools: BuildTools, at_once: int) -> None:
        self._recipe, self._agents, self._tools = recipe, agents, tools
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="themis-build")

    def submit(self, task: str, drafts: list[Draft]) -> "Future[list[Json]]":
        return self._pool.submit(lambda: made_of(drafts, self._agents(task), self._tools, self._recipe))

    def end(self) -> None:
        self._pool.shutdown(cancel_futures=True)


class Processes:
    """For agents that are programs: Python runs only one thread of them at a time."""

    def __init__(self, recipe: BuildRecipe, places: Places, at_once: int) -> None:
        # Spawned, not forked: a fork would copy locks that the parent's threads hold.
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(at_once, context, _begin, (recipe, places))

    def submit(self, task: str, drafts: list[Draft]) -> "Future[list[Json]]":
        return self._pool.submit(_in_process, task, drafts)

    def end(self) -> None:
        self._pool.shutdown(cancel_futures=True)


def made_of(drafts: Sequence[Draft], agents: Agents, tools: BuildTools, recipe: BuildRecipe) -> list[Json]:
    """The rows of some drafts, as they are stored."""
    return [made_to_json(make_row(draft, agents, tools.observer(draft), recipe)) for draft in drafts]


_here: dict[str, Any] = {}
"""The recipe and the tools of a worker process."""


def _begin(recipe: BuildRecipe, places: Places) -> None:
    """Prepares a worker process. It ends when its parent ends, even if killed; Ctrl-C is left to the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    tools = opened(places)
    _here.update(recipe=recipe, opened=tools, tools=tools.__enter__())


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _in_process(task: str, drafts: list[Draft]) -> list[Json]:
    return made_of(drafts, agents_by_rule(task_named(task)), _here["tools"], _here["recipe"])


def make_row(draft: Draft, agents: Agents, observe: Observe, recipe: BuildRecipe) -> Made:
    """The row of one draft: the three agents in turn."""

    def chance(agent: str) -> Random:
        return Random(f"{recipe.seed}/{agent}/{draft.id}")

    blind = recipe.setting == "blind"
    try:
        rejected = wrong_answer(draft, agents, observe, chance)
        if rejected is None:
            return Made(draft.id, fault=NO_NEGATIVE)
        right = judged(draft, draft.chosen, True, agents, observe, chance, blind)
        return Made(draft.id, rejected, right, judged(draft, rejected, False, agents, observe, chance, blind))
    except GivenUp as error:
        return Made(draft.id, fault=str(error))


def _chunks(drafts: list[Draft]) -> Iterator[list[Draft]]:
    for start in range(0, len(drafts), CHUNK):
        yield drafts[start : start + CHUNK]
