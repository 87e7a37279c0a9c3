"""Muon for the matrices of the layers, AdamW for everything else, as one optimizer that Trainer can drive.

Muon makes each matrix's step orthogonal, so rare directions move as far as common ones. With it a small model
trained from scratch learns to copy rare tokens in fewer steps (docs/log.md has figures).
Source: torch.optim.Muon; Jordan et al. 2024, https://kellerjordan.github.io/posts/muon.
"""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import nn
from torch.optim import AdamW, Muon, Optimizer
from torch.overrides import TorchFunctionMode

from themis.model.precision import has_bf16


class MuonWithAdamW(Optimizer):
    """Two optimizers as one; schedulers see the groups of both."""

    def __init__(self, model: nn.Module, learning_rate: float, weight_decay: float, beta2: float) -> None:
        matrices = [parameter for name, parameter in model.named_parameters() if _is_layer_matrix(name, parameter)]
        others = [parameter for name, parameter in model.named_parameters() if not _is_layer_matrix(name, parameter)]
        groups = [
            {"params": [parameter for parameter in others if parameter.ndim >= 2], "weight_decay": weight_decay},
            {"params": [parameter for parameter in others if parameter.ndim < 2], "weight_decay": 0.0},
        ]
        # With this adjustment a step has the size of AdamW's, so one learning rate serves both.
        muon = Muon(matrices, lr=learning_rate, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw")
        adamw = AdamW(groups, lr=learning_rate, betas=(0.9, beta2))
        self._parts: tuple[Optimizer, Optimizer] = (muon, adamw)
        self._in_bf16 = has_bf16()
        super().__init__([*muon.param_groups, *adamw.param_groups], {})

    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """One step of both."""
        with torch.enable_grad():
            loss = closure() if closure else None
        muon, adamw = self._parts
        with nullcontext() if self._in_bf16 else _InFloat32():
            muon.step()
        adamw.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """The states of both, in order."""
        return {"parts": [part.state_dict() for part in self._parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Put back what `state_dict` gave."""
        for part, state in zip(self._parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self.param_groups = [group for part in self._parts for group in part.param_groups]


class _InFloat32(TorchFunctionMode):
    """Muon makes matrices orthogonal in bf16, which takes some 40 times as long where a CPU cannot multiply in it."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """A copy in place of the number in bf16."""
        return args[0].clone() if function is torch.Tensor.bfloat16 else function(*args, **(kwargs or {}))


def _is_layer_matrix(name: str, parameter: nn.Parameter) -> bool:
    return parameter.ndim == 2 and ".layers." in name
