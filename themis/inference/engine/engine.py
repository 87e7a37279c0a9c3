"""The engine: many judgements in flight, one step of the model at a time.

A step takes the observations that came, and ends what is out of time. Then the batch reads what it has not read,
takes rewards, and writes one token a row. A row that waits for a tool leaves the batch and takes its cache along;
the others continue. `judgement` and `row` decide what a row may write, `reader` how tokens are read.
"""

# Shapes:  B = rows in the batch   H = hidden width

from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

from themis.inference.engine.reader import Reader
from themis.inference.engine.row import Row, RowRules
from themis.inference.judgement import WRITING, Tools
from themis.model.reward_model import RewardModel
from themis.traces.case import Case
from themis.traces.trace import Observation, Step, Verdict

IN_FLIGHT_PER_PLACE = 4
"""For each place in the batch, so many rows may be in flight: the others wait for slow tools."""

LONGEST_WAIT = 60.0
"""Seconds; the operating system limits how long a thread may wait."""

Choice = Callable[[Tensor, list[Row]], list[int | None]]
"""Logits [B, V] and their rows to a token each."""


class Engine:
    """Judgements in progress: in the batch, about to join it, or waiting for a tool."""

    def __init__(
        self,
        model: RewardModel,
        reader: Reader,
        choose: Choice,
        rules: RowRules,
        tools: Tools,
        *,
        batch_size: int,
        clock: Callable[[], float],
        precision: Callable[[], AbstractContextManager[Any]],
    ) -> None:
        """`precision` is the number type in which the backbone computes."""
        self._model, self._reader, self._choose, self._rules, self._tools = model, reader, choose, rules, tools
        self._batch_size, self._clock, self._precision = batch_size, clock, precision
        self._newcomers: deque[Row] = deque()
        self._waiting: list[tuple[Future[Observation], Row]] = []
        self._done: list[Row] = []
        self._failed: list[tuple[int, Exception]] = []

    @property
    def has_room(self) -> bool:
        """May another case be taken up?"""
        next_batch = len(self._reader.rows) + len(self._newcomers)
        in_flight = next_batch + len(self._waiting)
        return max(next_batch, len(self._done)) < self._batch_size and in_flight < self._batch_size * IN_FLIGHT_PER_PLACE

    @property
    def is_empty(self) -> bool:
        return not (self._reader.rows or self._newcomers or self._waiting or self._done)

    def add(self, index: int, case: Case, on_step: Callable[[Step], None] | None = None) -> None:
        """Take up a case."""
        self._place(Row(case, self._rules, self._clock(), index=index, on_step=on_step))

    def drop(self, indices: Collection[int]) -> None:
        """Take cases out, wherever they are. A tool that is running for one is not waited for."""
        for row in self._in_flight():
            if row.index in indices:
                row.end(None)
        for future, row in self._waiting:
            if row.index in indices:
                future.cancel()
        self._sort_out()
        self._done = [row for row in self._done if row.index not in indices]

    def wait(self, wake: Future[Any] | None = None) -> None:
        """Where nothing else is left to do, wait for an observation, or for `wake`."""
        if self._waiting and not (self._reader.rows or self._newcomers or self._done):
            left = min(row.deadline for _, row in self._waiting) - self._clock()
            futures: list[Future[Any]] = [future for future, _ in self._waiting]
            wait([*futures, wake] if wake else futures, min(max(0.0, left), LONGEST_WAIT), FIRST_COMPLETED)

    @torch.inference_mode()
    def step(self) -> list[tuple[int, Verdict | Exception]]:
        """One token more for every row in the batch. Returns new verdicts, and errors that tools raised."""
        self._collect()
        self._end_overdue()
        if self._reader.rows or self._newcomers:
            with self._precision():
                self._read_and_write()
            self._sort_out()
        now = self._clock()
        done, self._done = self._done, []
        failed, self._failed = self._failed, []
        return [*((row.index, row.verdict(now)) for row in done), *failed]

    def _collect(self) -> None:
        """Take the observations that have come."""
        waiting, self._waiting = self._waiting, []
        for future, row in waiting:
            if not future.done():
                self._waiting.append((future, row))
                continue
            try:
                observation = future.result()
            except Exception as error:  # such as a recording that lacks the answer; it goes to the caller of this case
                self._failed.append((row.index, error))
                continue
            row.observe(observation)
            self._place(row)

    def _end_overdue(self) -> None:
        now = self._clock()
        overdue = [row for row in self._in_flight() if now > row.deadline]
        if overdue:
            for row in overdue:
                row.end("budget")
            self._sort_out()

    def _in_flight(self) -> list[Row]:
        return [*self._reader.rows, *self._newcomers, *(row for _, row in self._waiting)]

    def _read_and_write(self) -> None:
        free = self._batch_size - len(self._reader.rows)
        joining = [self._newcomers.popleft() for _ in range(min(free, len(self._newcomers)))]
        state_BH = self._reader.read(joining)
        asking = [place for place, row in enumerate(self._reader.rows) if row.state == "reward"]
        writing = [place for place, row in enumerate(self._reader.rows) if row.state in WRITING]
        if asking:
            self._take_rewards(state_BH[asking], [self._reader.rows[place] for place in asking])
        if writing:
            self._write(state_BH[writing], [self._reader.rows[place] for place in writing])

    def _take_rewards(self, state_BH: Tensor, rows: list[Row]) -> None:
        for row, reward in zip(rows, self._model.reward(state_BH).tolist(), strict=True):
            row.score(reward)

    def _write(self, state_BH: Tensor, rows: list[Row]) -> None:
        logits_BV = self._model.lm_logits(state_BH)
        tokens = self._choose(logits_BV, rows)
        for row, token, probability in zip(rows, tokens, _log_probabilities(logits_BV, tokens), strict=True):
            if token is None:
                row.end("malformed")
            else:
                row.write(token, probability)

    def _sort_out(self) -> None:
        """Each row goes where it belongs; in the batch stay those with one token to read."""
        for row in list(self._reader.rows):
            if row.state in ("waiting", "done") or row.unread > 1:
                self._reader.leave(row)
                self._place(row)
        self._done += [row for row in self._in_flight() if row.state == "done"]
        self._newcomers = deque(row for row in self._newcomers if row.state != "done")
        self._waiting = [(future, row) for future, row in self._waiting if row.state != "done"]

    def _place(self, row: Row) -> None:
        if row.state == "done":
            self._done.append(row)
        elif row.state == "waiting":
            self._waiting.append((self._tools.submit(row.call, row.case), row))
        else:
            self._newcomers.append(row)


def _log_probabilities(logits_BV: Tensor, tokens: list[int | None]) -> list[float]:
    """Of each row's token, among all tokens."""
    logits_BV = logits_BV.float()
    chosen_B1 = torch.tensor([[token or 0] for token in tokens], device=logits_BV.device)
    found: list[float] = (logits_BV.gather(1, chosen_B1).squeeze(1) - logits_BV.logsumexp(-1)).tolist()
    return found
