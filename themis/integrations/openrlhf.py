"""OpenRLHF's remote reward as a Python file: its option `--reward.remote_url` takes the path of this module.

The query is prompt and answer in one text. THEMIS_TEMPLATE names the chat template that the prompt was written with
(see `themis.traces.one_text`); without it, the prompt is the question. What cannot be split is refused.

An answer without a reward raises `NoRewardError`: OpenRLHF asks for one sample at a time, and makes None of an error,
which is its own word for no reward. A NaN would go into the mean of its batch. With THEMIS_MISSING set it is that
number, and `themis_unscored` counts it. Threads that ask at the same time are judged together.

Source: `openrlhf/utils/agent.py` of OpenRLHF 0.11: it calls from threads, one sample each.
"""

import asyncio
import os
from collections.abc import Sequence
from typing import Any

import torch

from themis.integrations.judges import case_of, chosen_missing, number_of, shared_judge
from themis.traces.case import Case
from themis.traces.one_text import marks_of, split
from themis.traces.trace import Verdict, counts_of


def reward_func(
    queries: Sequence[str], prompts: Sequence[str | None] | None = None, labels: Sequence[Any] | None = None, **others: Any
) -> dict[str, Any]:
    """`rewards` and `scores`, a tensor of B each, and `extra_logs` of such tensors. THEMIS_MODEL names the judge.

    A score is the probability of the answer to be right, from 0 to 1 as dynamic filtering expects it, or the reward
    where the model knows no scale.
    """
    missing, marks = chosen_missing(), marks_of(os.environ.get("THEMIS_TEMPLATE", ""))
    cases = []
    for place, (query, prompt) in enumerate(zip(queries, prompts or [None] * len(queries), strict=True)):
        question, answer = split(query, prompt, marks, f"query {place}")
        cases.append(case_of(f"query {place}", list(question) if isinstance(question, tuple) else question, answer))
    verdicts = asyncio.run(_judged(cases))
    rewards = [number_of(verdict, missing) for verdict in verdicts]
    scores = [reward if verdict.probability is None else verdict.probability for reward, verdict in zip(rewards, verdicts, strict=True)]
    return {
        "rewards": torch.tensor(rewards, dtype=torch.float32),
        "scores": torch.tensor(scores, dtype=torch.float32),
        "extra_logs": {name: torch.tensor(values, dtype=torch.float32) for name, values in counts_of(verdicts).items()},
    }


async def _judged(cases: Sequence[Case]) -> list[Verdict]:
    return await asyncio.gather(*map(shared_judge().ajudge, cases))
