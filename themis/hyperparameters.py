"""Numbers of a training recipe that losses and models read. Imports no torch, so that recipes are read at once."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LossWeights:
    """How much each term counts. The paper's main setting is alpha = beta = omega = 1."""

    alpha: float = 1.0
    """All language-model terms; 0 gives the vanilla reward model."""
    beta: float = 1.0
    """Observation tokens."""
    omega: float = 1.0
    """Rationale tokens."""
    answer: float = 1.0
    """The preferred answer's own tokens."""
    early: float = 1.0
    """The ranking loss of the early reward, read before the rationale is written.

    Without alpha there is no trace, and this counts nothing.
    """
    centre: float = 0.0
    """The mean square of a pair's summed rewards, which keeps them near 0: TRL's `center_rewards_coefficient`."""


@dataclass(frozen=True, slots=True)
class Lora:
    """The paper's setting; see `docs/train.md`."""

    r: int = 8
    alpha: int = 16
    dropout: float = 0.05
    targets: tuple[str, ...] = ("q_proj", "v_proj")
    frozen_layers: int = 0
    """So many first layers stay as they are, and new tokens are read as they are.

    For adapters that are trained on: no backward pass goes through these layers, so a step is cheaper.
    """
