"""Training beside TRL's RewardTrainer: tokens a second and peak memory for the same backbone, pairs and cores.

    python -m benchmarks.training                                # a backbone of nano's size; on the GPU, if any
    python -m benchmarks.training --backbone 0.5b --pairs 128    # one that a GPU has to work for
    python -m benchmarks.training --backbone smollm2-135m --pairs 8 --steps 6    # pretrained, with LoRA; once for each

Three processes run one after the other, so that each has its own peak of memory: TRL's trainer on the vanilla reward
model, ours on the same token ids, and ours with all losses of Themis. The tokens of the pairs are counted the same for
all three: padding is a trainer's own loss, and a shared prompt its own gain.

The last figure is Themis as a share of its limit: forward and backward of the same tensors, without loading, logging
and optimizer. On a GPU it also prints operations a second, six for each parameter of the layers and each computed
token, as a share of what large bf16 matrix products reach there.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any, cast

import torch
from torch import nn
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer, PreTrainedTokenizerFast, Qwen3Config

from themis.builder.pairs import generated_pair
from themis.builder.tasks.registry import task_named
from themis.data.mixture import Mixture, always
from themis.hyperparameters import Lora, LossWeights
from themis.model.adapters import add_lora, fit_embeddings
from themis.model.checkpoint import ModelMeta, prepare_tokenizer
from themis.model.named import resolve
from themis.model.new_tokens import begin_rows
from themis.model.precision import has_bf16
from themis.model.reward_model import RewardModel
from themis.model.tokenizer import train_tokenizer
from themis.traces.pair import Pair
from themis.traces.segments import SegmentWriter
from themis.traces.text import SPECIAL_TOKENS
from themis.training.arguments import arguments
from themis.training.batches.encode import PairEncoder
from themis.training.batches.layouts import Step
from themis.training.collators import CausalCollator
from themis.training.epochs import EpochSteps
from themis.training.learners import CausalLearner
from themis.training.recipe import Backbone, Data, Logging, Run, TrainRecipe
from themis.training.trainer import ThemisTrainer

_WIDTHS = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads")
SIZES = {
    "nano": dict(zip(_WIDTHS, (192, 512, 6, 3, 3), strict=True)),
    "small": dict(zip(_WIDTHS, (384, 1024, 10, 6, 6), strict=True)),
    "0.5b": dict(zip(_WIDTHS, (1024, 3072, 28, 16, 8), strict=True)),
}
"""Shapes of backbones with heads of width 64. `0.5b` is Qwen3-0.6B with a smaller vocabulary and narrower heads."""
PRETRAINED = ("smollm2-135m", "qwen2.5-coder-0.5b", "gemma3-270m")
"""Trained by adapters on all linear layers, as the recipe `small` has them. `themis models get NAME` fetches one."""
LORA = Lora(16, 32, 0.0, ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"))
AT_ONCE = 16_384
"""The most tokens of a batch."""
FROZEN = torch.bfloat16 if has_bf16() else torch.float32
"""The type of pretrained weights: a CPU without instructions for bf16 would need 40 times as long in it."""
TASKS = ("calendar", "weather", "multi_tools", "calculator")


def main() -> None:
    """Run all three and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="?", choices=("trl", "vanilla", "themis"))
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--pairs", type=int, default=16, help="pairs a step")
    parser.add_argument("--backbone", choices=(*SIZES, *PRETRAINED), default="nano")
    options = parser.parse_args()
    if options.part:
        print(json.dumps(PARTS[options.part](options.steps, options.pairs, options.backbone)))
        return
    found = {part: _run(part, options) for part in PARTS}
    for part, figures in found.items():
        speeds = f"{figures['tokens_per_second']:10,.0f} tokens/s {figures['tokens_per_cpu_second']:10,.0f} a second of processor time"
        print(f"{part:8} {speeds}   peak memory {figures['peak_mb']:7,.0f} MB")
        if "of_peak" in figures:
            print(f"{'':8} {figures['operations'] / 1e12:.0f} TFLOP/s, {100 * figures['of_peak']:.0f} % of {figures['peak'] / 1e12:.0f}")
    for name, unit in (("tokens_per_second", "seconds"), ("tokens_per_cpu_second", "processor time")):
        print(f"vanilla, ours : TRL's, by {unit:16} {found['vanilla'][name] / found['trl'][name]:.2f} x (wanted: 1.5)")
    print(f"Themis : its own limit        {100 * found['themis']['of_limit']:.0f} % (wanted: 60)")


def _run(part: str, options: argparse.Namespace) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.training", part, "--steps", str(options.steps), "--pairs", str(options.pairs)]
    command += ["--backbone", options.backbone]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{part}: {done.stderr.strip().splitlines()[-1]}")
    figures: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def _pairs(count: int) -> list[Pair]:
    return [generated_pair(task_named(TASKS[seed % len(TASKS)]), Random(f"benchmark/{seed}"), {}) for seed in range(count)]


def _tokenizer(backbone: str) -> PreTrainedTokenizerFast:
    if backbone in PRETRAINED:
        pretrained = cast(PreTrainedTokenizerFast, AutoTokenizer.from_pretrained(resolve(backbone)))
        prepare_tokenizer(pretrained)
        return pretrained
    texts = (f"### USER:\nQuestion: {pair.question}\nAnswer: {pair.chosen.answer}\n### ASSISTANT:\n" for pair in _pairs(2000))
    return train_tokenizer(texts, 2048, 1024)


def _config(tokenizer: PreTrainedTokenizerFast, backbone: str) -> Qwen3Config:
    sizes: dict[str, Any] = {**SIZES[backbone], "head_dim": 64, "max_position_embeddings": 2048, "vocab_size": len(tokenizer)}
    return Qwen3Config(**sizes, pad_token_id=tokenizer.pad_token_id, tie_word_embeddings=True)


def _collator(tokenizer: PreTrainedTokenizerFast, vanilla: bool) -> CausalCollator:
    return CausalCollator(PairEncoder(SegmentWriter(tokenizer), vanilla), int(tokenizer.pad_token_id or 0))


def _bf16_peak() -> float:
    """Operations a second of a large matrix product on random numbers."""
    one, other = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    for _ in range(3):
        one @ other
    torch.cuda.synchronize()
    begin = time.perf_counter()
    for _ in range(20):
        one @ other
    torch.cuda.synchronize()
    return 20 * 2 * 8192**3 / (time.perf_counter() - begin)


def _beside_peak(model: nn.Module, computed: int, clock: "Clock") -> dict[str, float]:
    """Operations a second of `computed` tokens, where there is a GPU."""
    if not torch.cuda.is_available():
        return {}
    inside = sum(parameter.numel() for name, parameter in model.named_parameters() if ".layers." in name)
    operations, peak = 6 * inside * computed / clock.seconds, _bf16_peak()
    return {"operations": operations, "peak": peak, "of_peak": operations / peak}


def _figures(tokens: int, clock: "Clock", **others: float) -> dict[str, float]:
    peak = (
        torch.cuda.max_memory_allocated() / 1e6 if torch.cuda.is_available() else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    )
    return {"tokens_per_second": tokens / clock.seconds, "tokens_per_cpu_second": tokens / clock.cpu_seconds, "peak_mb": peak, **others}


class Clock:
    """The seconds of all steps but the first two, which warm up."""

    def __init__(self) -> None:
        self.begins: list[tuple[float, float]] = []

    def callback(self) -> Any:
        from transformers import TrainerCallback

        clock = self

        class Ticks(TrainerCallback):
            def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
                clock.begins.append((time.perf_counter(), time.process_time()))

            def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
                clock.begins.append((time.perf_counter(), time.process_time()))

        return Ticks()

    @property
    def seconds(self) -> float:
        return self.begins[-1][0] - self.begins[2][0]

    @property
    def cpu_seconds(self) -> float:
        """The same in processor time, which other programs on the machine do not lengthen."""
        return self.begins[-1][1] - self.begins[2][1]


def trl(steps: int, pairs: int, backbone: str) -> dict[str, float]:
    """TRL's trainer on the token ids that ours reads."""
    from datasets import Dataset
    from trl.trainer.reward_config import RewardConfig
    from trl.trainer.reward_trainer import RewardTrainer

    tokenizer = _tokenizer(backbone)
    collator = _collator(tokenizer, vanilla=True)
    encoded = [collator.encode(pair) for pair in _pairs(steps * pairs)]
    rows = [{"chosen_ids": pair.chosen.token_ids, "rejected_ids": pair.rejected.token_ids} for pair in encoded]
    torch.manual_seed(0)
    model = _classifier(tokenizer, backbone)
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        settings = RewardConfig(
            output_dir=folder, max_steps=steps, per_device_train_batch_size=pairs, learning_rate=1e-4, max_length=None, bf16=has_bf16(),
            gradient_checkpointing=False, use_cpu=not torch.cuda.is_available(), report_to="none", logging_steps=25, save_strategy="no",
            disable_tqdm=True, dataloader_num_workers=1, seed=0,
        )  # fmt: skip
        trainer = RewardTrainer(
            model=model, args=settings, train_dataset=Dataset.from_list(rows), processing_class=tokenizer, callbacks=[clock.callback()]
        )
        trainer.train()
    tokens = sum(len(pair.chosen.token_ids) + len(pair.rejected.token_ids) for pair in encoded)
    counted = tokens * (steps - 2) // steps
    return _figures(counted, clock, **_beside_peak(model, counted, clock))


def _classifier(tokenizer: PreTrainedTokenizerFast, backbone: str) -> Any:
    if backbone in PRETRAINED:
        from peft import LoraConfig, get_peft_model

        head = {"num_labels": 1, "pad_token_id": tokenizer.pad_token_id, "dtype": FROZEN}
        model = AutoModelForSequenceClassification.from_pretrained(resolve(backbone), **head)
        model.resize_token_embeddings(max(len(tokenizer), model.get_input_embeddings().num_embeddings))
        lora: dict[str, Any] = {"r": LORA.r, "lora_alpha": LORA.alpha, "lora_dropout": 0.0, "target_modules": list(LORA.targets)}
        return get_peft_model(model, LoraConfig(task_type="SEQ_CLS", modules_to_save=["score"], **lora))
    config = _config(tokenizer, backbone)
    config.num_labels = 1
    return AutoModelForSequenceClassification.from_config(config)


def _language_model(tokenizer: PreTrainedTokenizerFast, backbone: str) -> Any:
    if backbone not in PRETRAINED:
        return AutoModelForCausalLM.from_config(_config(tokenizer, backbone))
    lm = AutoModelForCausalLM.from_pretrained(resolve(backbone), dtype=FROZEN)
    new: Any = tokenizer.convert_tokens_to_ids(list(SPECIAL_TOKENS))
    fit_embeddings(lm, new)
    begin_rows(lm, tokenizer, new)
    add_lora(lm, LORA, backbone, new, autocast=has_bf16())
    return lm


def vanilla(steps: int, pairs: int, backbone: str) -> dict[str, float]:
    """Our trainer on the vanilla reward model."""
    figures, _, _ = _ours(steps, pairs, backbone, vanilla=True)
    return figures


def themis(steps: int, pairs: int, backbone: str) -> dict[str, float]:
    """Our trainer with all losses, and its share of forward and backward of the same tensors alone."""
    figures, learner, prepared = _ours(steps, pairs, backbone, vanilla=False)
    device = learner.model.score.weight.device
    learner.model.train()
    begin = 0.0
    for place, batches in enumerate(prepared):
        if place == 2:
            begin = time.process_time() if device.type == "cpu" else time.perf_counter()
        for batch in batches:
            with torch.autocast(device.type, torch.bfloat16, enabled=has_bf16()):
                loss, _ = learner.loss(learner.model, batch.to(device))
            loss.backward()
        learner.model.zero_grad()
    if device.type == "cpu":
        return figures | {"of_limit": (time.process_time() - begin) / figures["cpu_seconds"]}
    torch.cuda.synchronize()
    return figures | {"of_limit": (time.perf_counter() - begin) / figures["seconds"]}


def _ours(steps: int, pairs: int, backbone: str, vanilla: bool) -> tuple[dict[str, float], CausalLearner, list[Step]]:
    tokenizer = _tokenizer(backbone)
    collator = _collator(tokenizer, vanilla)
    drawn = _pairs(steps * pairs)
    torch.manual_seed(0)
    model = RewardModel(_language_model(tokenizer, backbone))
    assert model.enable_packing()
    learner = CausalLearner(model, tokenizer, collator, LossWeights(alpha=0.0) if vanilla else LossWeights(), 1024)
    run = Run(seed=0, tokens_per_step=AT_ONCE, lengths=(1024,), learning_rate=1e-4, epochs=1, pairs_per_step=pairs)
    plan = EpochSteps(collator, [always(pair) for pair in drawn], Mixture({}, {}, 0.0, 0.0), run)
    recipe = TrainRecipe(
        kind="vanilla" if vanilla else "themis",
        run=run,
        model=Backbone(),
        data=Data(),
        logging=Logging(measure_every=10 * steps),
    )
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        settings = arguments(recipe, steps, Path(folder))
        settings.eval_strategy = settings.save_strategy = "no"
        settings.load_best_model_at_end = False
        trainer = ThemisTrainer(settings, plan, learner, ModelMeta, dict, callbacks=[clock.callback()])
        trainer.train()
    encoded = [collator.encode(pair) for pair in drawn]
    tokens = sum(len(pair.chosen.token_ids) + len(pair.rejected.token_ids) for pair in encoded)
    computed = sum(pair.cost(share=True) for pair in encoded) * (steps - 2) // steps
    beside = _beside_peak(model, computed, clock)
    return (
        _figures(tokens * (steps - 2) // steps, clock, seconds=clock.seconds, cpu_seconds=clock.cpu_seconds, **beside),
        learner,
        [plan[step] for step in range(steps)],
    )


PARTS = {"trl": trl, "vanilla": vanilla, "themis": themis}

if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    main()
