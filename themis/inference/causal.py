"""The judge of a causal language model on this machine: it writes a trace, calls tools, and its reward head is read.

Sources: Tool-Augmented Reward Modeling, arXiv:2310.01045; continuous batching, Orca, OSDI 2022.
"""

import asyncio
import copy
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from typing import Any, Literal, Self

import torch
from transformers import PreTrainedTokenizerBase

from themis.inference.engine.choice import GreedyChoice, SampledChoice
from themis.inference.engine.engine import Choice, Engine
from themis.inference.engine.packed_reader import PackedReader
from themis.inference.engine.reader import CachedReader, Reader, WholeReader
from themis.inference.engine.row import RowRules
from themis.inference.judgement import Budget, Scale, Tools
from themis.inference.service import JudgingService
from themis.inference.threads import with_threads
from themis.model.checkpoint import ModelMeta
from themis.model.forms import writer_of
from themis.model.reward_model import RewardModel
from themis.traces.case import Case, check_case
from themis.traces.judge import Judge
from themis.traces.trace import Verdict

DEFAULT_BUDGET = Budget()
_STARTING = threading.Lock()
"""Event loops of several threads may ask a judge at once, and get one service."""


class CausalJudge(Judge):
    """A reward model with its tools."""

    def __init__(
        self,
        model: RewardModel,
        tokenizer: PreTrainedTokenizerBase,
        toolbox: Tools,
        *,
        meta: ModelMeta | None = None,
        budget: Budget = DEFAULT_BUDGET,
        rationale: Literal["write", "skip"] = "write",
        batch_size: int = 16,
        strict: bool = False,
        use_cache: bool = True,
        autocast: torch.dtype | None = None,
        threads: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.model = model.eval()
        self.toolbox = toolbox
        self.batch_size = batch_size
        self.clock = clock
        self.rules = RowRules(
            writer=writer_of(meta or ModelMeta(), tokenizer),
            read_text=lambda ids: str(tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)),
            budget=budget,
            context_length=model.context_length,
            longest_token=max(map(len, tokenizer.get_vocab())),
            write_rationale=rationale == "write",
            vanilla=meta is not None and meta.kind == "vanilla",
            strict=strict,
            scale=None if meta is None else Scale(meta.reward_mean, meta.temperature, meta.unlikely),
        )
        self.opened = ExitStack()
        """What is closed with this judge: the toolbox, where it was opened for this judge alone."""
        self._greedy = GreedyChoice(tokenizer, self.rules.writer, vocabulary_size(model), self.device)
        self.choose: Choice = self._greedy
        self._use_cache = use_cache
        self._autocast, self._threads = autocast, threads
        self._service: JudgingService | None = None

    @property
    def device(self) -> torch.device:
        return next(self.model.lm.parameters()).device

    @property
    def scale(self) -> Scale | None:
        """How its rewards are read; None where that is not known."""
        return self.rules.scale

    def judge_all(self, cases: Iterable[Case]) -> Iterator[tuple[int, Verdict]]:
        """Verdicts as they come, each with its case's place in the input. Cases are pulled when there is room."""
        engine = self.new_engine()
        places = enumerate(cases)
        while True:
            while engine.has_room and (next_case := next(places, None)) is not None:
                engine.add(next_case[0], check_case(next_case[1]))
            if engine.is_empty:
                return
            engine.wait()
            for place, outcome in engine.step():
                if isinstance(outcome, Exception):
                    raise outcome
                yield place, outcome

    async def ajudge(self, case: Case) -> Verdict:
        """`judge`, in one batch with all that is asked at the same time. A cancelled task leaves the batch."""
        with _STARTING:
            self._service = self._service or JudgingService(self)
        return await asyncio.wrap_future(self._service.submit(case))

    def sampled(self, temperature: float, seed: str) -> Self:
        """A judge that draws its tokens at a temperature: the same seed and case give the same trace, in any batch."""
        sampled = copy.copy(self)
        sampled.rules = replace(self.rules, seed=seed)
        sampled.choose = SampledChoice(self._greedy, temperature)
        sampled.opened, sampled._service = ExitStack(), None
        return sampled

    def close(self) -> None:
        """Cancel what `ajudge` still judges, and close what was opened for this judge."""
        if self._service is not None:
            self._service.close(cancel_futures=True)
        self.opened.close()

    def new_engine(self) -> Engine:
        """An engine that judges as this judge does."""
        return Engine(
            self.model,
            self.new_reader(),
            self.choose,
            self.rules,
            self.toolbox,
            batch_size=self.batch_size,
            clock=self.clock,
            precision=self._precision,
        )

    def new_reader(self) -> Reader:
        """What reads the rows of one engine."""
        if self.rules.vanilla and self.model.is_packing:
            return PackedReader(self.model)
        return CachedReader(self.model) if self._use_cache else WholeReader(self.model)

    @contextmanager
    def _precision(self) -> Iterator[None]:
        autocast = nullcontext() if self._autocast is None else torch.autocast(self.device.type, dtype=self._autocast)
        with with_threads(self._threads), autocast:
            yield


def vocabulary_size(model: RewardModel) -> int:
    """How many logits the model gives; often more than the tokenizer has tokens."""
    output: Any = model.lm.get_output_embeddings()
    return int(output.weight.shape[0])
