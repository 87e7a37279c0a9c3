"""`transformers.Trainer` with the losses of Themis. A step is several batches, a checkpoint is a model directory.

Knows nothing of where pairs come from (`themis.data`) or of recipes (`run`).
"""

import math
import os
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from operator import itemgetter
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from transformers import Trainer, TrainingArguments

from themis.errors import ModelError
from themis.model.checkpoint import ModelMeta
from themis.model.reward_model import RewardModel
from themis.training.batches.layouts import Batch, Step
from themis.training.batches.steps import POOL_STEPS
from themis.training.learners import Learner
from themis.training.memory import give_back_memory
from themis.training.outputs import last_checkpoint
from themis.training.processes import spread_by_fsdp

Measure = Callable[[], dict[str, float]]

SHAPES_AT_MOST = 64
"""The most shapes for which a layer is compiled. PyTorch's default is 8."""


class ThemisTrainer(Trainer):
    """Trains `learner` on `steps`. `measure` evaluates it on the way, and `meta` describes each checkpoint."""

    def __init__(
        self,
        args: TrainingArguments,
        steps: Dataset[Any],
        learner: Learner,
        meta: Callable[[], ModelMeta],
        measure: Measure,
        **kwargs: Any,
    ) -> None:
        super().__init__(model=learner.model, args=args, train_dataset=steps, eval_dataset=steps, **kwargs)
        self._learner, self.meta, self._measure = learner, meta, measure
        self._sums: dict[str, tuple[float, int]] = {}

    def create_accelerator_and_postprocess(self) -> None:
        """Set up FSDP2 if the recipe asks for it."""
        super().create_accelerator_and_postprocess()
        if self.args.fsdp:
            spread_by_fsdp(self.accelerator, self.args.fsdp_plugin_args, self.args.bf16)
            self.is_fsdp_enabled = True

    def get_train_dataloader(self) -> DataLoader[Step]:
        """Steps in order; a resumed run skips those it has done. The data set gives each process its share."""
        workers = self.args.dataloader_num_workers
        # Workers finish their pools at the same time. Their earlier steps must last until the next pools are made.
        ahead = POOL_STEPS if workers > 1 else None
        steps = cast(Dataset[Step], self.train_dataset)
        return DataLoader(steps, batch_size=1, shuffle=False, collate_fn=itemgetter(0), num_workers=workers, prefetch_factor=ahead)

    def training_step(self, model: nn.Module, inputs: Step, num_items_in_batch: Any = None) -> Tensor:  # type: ignore[override]
        """Forward and backward passes of all batches of a step. Processes exchange gradients with the last batch."""
        del num_items_in_batch
        model.train()
        terms: dict[str, Tensor] = {}
        total = torch.zeros((), device=self.args.device)
        for place, batch in enumerate(inputs):
            last = place == len(inputs) - 1
            # Without this, DeepSpeed steps its optimizer within every `backward`.
            self.accelerator.sync_gradients = last
            with nullcontext() if last else self.accelerator.no_sync(model):
                loss, found = self._forward(model, batch.to(self.args.device))
                cast(Any, self.accelerator).backward(loss)
            total += loss.detach()
            self.state.num_input_tokens_seen += batch.tokens * self.args.world_size
            for name, term in found.items():
                terms[name] = terms.get(name, 0.0) + term
        self._check_finite(total)
        for name, term in terms.items():
            summed, count = self._sums.get(name, (0.0, 0))
            self._sums[name] = (summed + float(term), count + 1)
        return total

    def _forward(self, model: nn.Module, batch: Batch[Any]) -> tuple[Tensor, dict[str, Tensor]]:
        with self.compute_loss_context_manager():
            loss, terms = self._learner.loss(model, batch)
        # Each process counts its own terms; `log` adds them up.
        return loss * batch.scale, {name: term.detach() * (batch.scale > 0) for name, term in terms.items()}

    def _check_finite(self, loss: Tensor) -> None:
        value = float(loss)
        if math.isfinite(value):
            return
        last = last_checkpoint(Path(str(self.args.output_dir)).parent)
        kept = f"the last good checkpoint is {last}" if last else "there is no earlier checkpoint"
        raise ModelError(
            f"step {self.state.global_step + 1}: the loss is {value}; {kept}; try a lower learning_rate, more warmup or a smaller clip"
        )

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Add the mean of each term since the last log line."""
        if "loss" in logs:
            logs |= {name: round(total / count, 4) for name, (total, count) in self._all_sums().items()}
            self._sums.clear()
        super().log(logs, *args, **kwargs)

    def _all_sums(self) -> dict[str, tuple[float, int]]:
        if self.args.world_size == 1:
            return self._sums
        everyones: list[Any] = [None] * self.args.world_size
        torch.distributed.all_gather_object(everyones, self._sums)
        names = sorted({name for sums in everyones for name in sums})
        return {
            name: (sum(sums.get(name, (0.0, 0))[0] for sums in everyones), max(sums.get(name, (0.0, 1))[1] for sums in everyones))
            for name in names
        }

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Run `measure` and log its metrics."""
        model = self._learner.model
        model.eval()
        # Measuring reads rows of many lengths, which are not worth compiling for.
        with (
            torch.compiler.set_stance("force_eager"),
            self.compute_loss_context_manager(),
            torch.autocast(self.args.device.type, torch.bfloat16, enabled=self.args.bf16),
        ):
            metrics = {f"eval_{name}": value for name, value in self._measure().items()}
        give_back_memory()
        model.train()
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def save_to(self, directory: Path, meta: ModelMeta, dtype: torch.dtype | None = None) -> None:
        """Write the model directory. One process writes the weights of all."""
        state = self._whole_state()
        if self.args.should_save:
            self._learner.save(directory, meta, dtype, state)

    def _whole_state(self) -> dict[str, Tensor] | None:
        """The weights of the whole model if they are sharded, else None."""
        if not (self.is_fsdp_enabled or self.is_deepspeed_enabled):
            return None
        state: dict[str, Tensor] = cast(Any, self.accelerator).get_state_dict(self.model_wrapped)
        return state

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        if not self.args.should_save:
            return
        directory = Path(output_dir or str(self.args.output_dir))
        if any(not bool(torch.isfinite(tensor).all()) for tensor in (state_dict or self._learner.model.state_dict()).values()):
            found = f"step {self.state.global_step}: some weights are NaN or infinite"
            raise ModelError(f"{found}; no checkpoint is written; try a lower learning_rate, more warmup or a smaller clip")
        self._learner.save(directory, self.meta(), None, state_dict)
        torch.save(self.args, directory / "training_args.bin")

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        directory = Path(resume_from_checkpoint)
        if not self.is_fsdp_enabled:
            self._learner.load(directory)
            return
        from torch.distributed.checkpoint.state_dict import StateDictOptions, set_model_state_dict

        options = StateDictOptions(full_state_dict=True, strict=False)
        stored: dict[str, Any] = dict(self._learner.stored(directory))
        set_model_state_dict(cast(nn.Module, model or self.model), stored, options=options)

    def _load_best_model(self) -> None:
        if self.is_deepspeed_enabled:
            super()._load_best_model()
            return
        assert self.state.best_model_checkpoint is not None
        self._load_from_checkpoint(self.state.best_model_checkpoint, self.model_wrapped)


def compile_layers(model: RewardModel, notice: Callable[[str], None] = print) -> None:
    """Compile each decoder layer. Layers share their code, so each shape is compiled once.

    On the CPU, attention is then eager: in bf16 the backward pass of the fused kernel costs more than all the rest.
    """
    on_cpu = next(model.parameters()).device.type == "cpu"
    if on_cpu and not any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "clang++")):
        notice("trains without compiled layers: no C++ compiler found (install g++)")
        return
    if on_cpu:
        model.lm.set_attn_implementation("eager")
    torch._dynamo.reset()  # what an earlier stage compiled counts towards the limit
    # One for each length of a recipe, for rows with shared prefixes, and for measuring.
    cast(Any, torch._dynamo.config).recompile_limit = SHAPES_AT_MOST
    for layer in cast(nn.ModuleList, model.lm.base_model.layers):
        layer.compile(dynamic=False)
