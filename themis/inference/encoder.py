"""The judge of an encoder reward model (`themis.model.encoder`): one pass a batch, no trace, no tool.

A case that is too long for the encoder is never cut: it has no reward.
"""

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import torch
from transformers import PreTrainedTokenizerBase

from themis.inference.judgement import Scale
from themis.inference.threads import with_threads
from themis.model.checkpoint import ModelMeta
from themis.model.encoder import CaseWriter, EncoderRewardModel, Written
from themis.traces.case import Case, check_case
from themis.traces.judge import Judge
from themis.traces.trace import Reason, Usage, Verdict

BATCHES_AT_ONCE = 16
"""Of so many batches the cases are sorted by length."""


class EncoderJudge(Judge):
    """Gives each case a reward, and no trace."""

    def __init__(
        self,
        model: EncoderRewardModel,
        tokenizer: PreTrainedTokenizerBase,
        meta: ModelMeta,
        batch_size: int = 32,
        threads: int | None = None,
    ) -> None:
        self.model, self.tokenizer, self.meta, self.batch_size = model.eval(), tokenizer, meta, batch_size
        self._write, self._threads = CaseWriter(tokenizer), threads
        self.scale = Scale(meta.reward_mean, meta.temperature)

    def judge_all(self, cases: Iterable[Case]) -> Iterator[tuple[int, Verdict]]:
        """Verdicts, each with its case's place. Cases are pulled some batches at a time, and sorted by length."""
        places = enumerate(map(check_case, cases))
        while group := list(islice(places, self.batch_size * BATCHES_AT_ONCE)):
            group.sort(key=lambda entry: len(entry[1].question_text) + len(entry[1].answer))
            for start in range(0, len(group), self.batch_size):
                indices, batch = zip(*group[start : start + self.batch_size], strict=True)
                yield from zip(indices, self._judge_batch(batch), strict=True)

    def _judge_batch(self, cases: Sequence[Case]) -> list[Verdict]:
        started = time.monotonic()
        written = [self._write(case) for case in cases]
        refused = [self._why_refused(*each) for each in zip(cases, written, strict=True)]
        rewards = iter(self._read([tokens for tokens, reason in zip(written, refused, strict=True) if reason is None]))
        seconds = time.monotonic() - started
        verdicts = []
        for case, tokens, reason in zip(cases, written, refused, strict=True):
            if reason is None:
                reward = next(rewards)
                usage = Usage(read_tokens=len(tokens.token_ids), seconds=seconds)
                good = math.isfinite(reward)
                sure = self.scale.probability(reward) if good else None
                verdicts.append(Verdict(case.id, reward if good else None, None if good else "malformed", usage=usage, probability=sure))
            else:
                verdicts.append(Verdict(case.id, None, reason, usage=Usage(seconds=seconds)))
        return verdicts

    def _why_refused(self, case: Case, written: Written) -> Reason | None:
        if not case.answer.strip():
            return "empty_answer"
        return "too_long" if len(written.token_ids) > self.model.context_length else None

    @torch.inference_mode()
    def _read(self, written: Sequence[Written]) -> list[float]:
        if not written:
            return []
        device = next(self.model.parameters()).device
        inputs = {name: tensor.to(device) for name, tensor in self._write.batch(written).items()}
        with with_threads(self._threads):
            rewards: list[float] = self.model(**inputs).tolist()
        return rewards
