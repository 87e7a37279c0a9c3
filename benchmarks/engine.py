"""What caching keys and values saves: the same judgements with them, and in two ways without, as ratios of time.

    python -m benchmarks.engine [MODEL]

`every round` reads a judgement again from its start whenever a tool has answered, as the program of the paper's
authors does. (That program also writes up to its limit in each round, which is not counted here.) `every token` reads
it again for each token. Without a model, random weights of nano's size recite a trace of nano's length.
"""

import sys
import time
from random import Random
from statistics import median
from typing import Any

import torch
from torch import Tensor

from tests.fakes import byte_tokenizer, random_backbone
from themis.inference import Budget
from themis.inference.causal import CausalJudge
from themis.inference.engine.reader import CachedReader
from themis.inference.engine.row import Row
from themis.model.checkpoint import ModelMeta, load_model
from themis.model.named import NANO
from themis.model.reward_model import RewardModel
from themis.tools import Toolbox
from themis.tools.demo import demo_tools
from themis.traces import Case

CASES, BATCH, ROUNDS = 16, 16, 3
STEP = "Thought: I need to find out what day of the week the 24th of March 2015 was.\nAction: Calendar.week_day\nAction Input: 2015-03-24\n"


class EveryRound(CausalJudge):
    """Drops a row's cache when it waits for a tool."""

    def new_reader(self) -> CachedReader:
        return ForgetfulReader(self.model)


class ForgetfulReader(CachedReader):
    """A row that comes back is read from its first token."""

    def leave(self, row: Row) -> None:
        super().leave(row)
        row.cache, row.read = None, 0


class Recital:
    """Writes two calls whatever the model says: the model's work is the same as if the words were its own."""

    def __init__(self, judge: CausalJudge, tokenizer: Any) -> None:
        self._writer = judge.rules.writer
        self._step: list[int] = tokenizer(STEP)["input_ids"]

    def __call__(self, logits_BV: Tensor, rows: list[Row]) -> list[int | None]:
        logits_BV.argmax(-1).tolist()
        return [self._next(row) for row in rows]

    def _next(self, row: Row) -> int:
        if row.state == "choice":
            return self._writer.tool_id if len(row.steps) < 2 else self._writer.rationale_id
        written = len(row.segments[-1].token_ids) - 1
        return self._step[written] if written < len(self._step) else self._writer.observation_id


def random_model() -> tuple[RewardModel, Any, ModelMeta]:
    """Nano's size and shape, untrained; a token is a byte."""
    from transformers import Qwen3Config

    sizes: dict[str, Any] = {"hidden_size": 192, "intermediate_size": 512, "num_hidden_layers": 6}
    heads: dict[str, Any] = {"num_attention_heads": 3, "num_key_value_heads": 3, "head_dim": 64}
    config: Any = Qwen3Config(vocab_size=2048, max_position_embeddings=2048, tie_word_embeddings=True, **sizes, **heads)
    return RewardModel(random_backbone(config, dtype=torch.bfloat16)), byte_tokenizer(), ModelMeta()


def cases() -> list[Case]:
    """Of 150 to 450 bytes, always the same."""
    rng = Random(1)
    asked = "Which day of the week was the 24th of March 2015"
    return [
        Case(asked + ", to be sure" * rng.randint(0, 8) + "?", "It was a Tuesday" + ", truly" * rng.randint(0, 24) + ".")
        for _ in range(CASES)
    ]


def judged(judge_class: type[CausalJudge], loaded: tuple[RewardModel, Any, ModelMeta], recite: bool, **settings: Any) -> tuple[float, int]:
    """Seconds that all cases took, and tokens written."""
    model, tokenizer, meta = loaded
    with Toolbox(demo_tools()) as toolbox:
        judge = judge_class(model, tokenizer, toolbox, meta=meta, batch_size=BATCH, budget=Budget(new_tokens=400), **settings)
        if recite:
            judge.choose = Recital(judge, tokenizer)
        started = time.perf_counter()
        verdicts = [verdict for _, verdict in judge.judge_all(cases())]
        return time.perf_counter() - started, sum(verdict.usage.new_tokens for verdict in verdicts)


def main() -> None:
    """Print the ratios, of the medians of interleaved rounds."""
    given = sys.argv[1] if len(sys.argv) > 1 else "nano"
    recite = given == "nano" and not (NANO / "themis.json").exists()
    loaded = random_model() if recite else load_model(given, torch.bfloat16)
    ways = {"cached": CausalJudge, "read again at every round": EveryRound}
    judged(CausalJudge, loaded, recite)  # the first pass of a process is slower than all others
    measured = [{way: judged(kind, loaded, recite) for way, kind in ways.items()} for _ in range(ROUNDS)]
    seconds = {way: median(of_round[way][0] for of_round in measured) for way in measured[0]}
    seconds["read again at every token"], _ = judged(CausalJudge, loaded, recite, use_cache=False)  # so slow that once will do
    written = measured[0]["cached"][1]
    print(
        f"{'random weights of the size of nano' if recite else given}, {CASES} cases, a batch of {BATCH}, {torch.get_num_threads()} threads"
    )
    print(f"keys and values cached: {seconds['cached']:.2f} s, {written / seconds['cached']:.0f} written tokens a second")
    for way in list(seconds)[1:]:
        print(f"{way}: {seconds[way] / seconds['cached']:.1f} times as long")


if __name__ == "__main__":
    main()
