"""The judge: runs a reward model and its tools over cases, and gives their verdicts."""

from themis.inference.engine import Judge, Tools
from themis.inference.row import Budget

__all__ = ["Budget", "Judge", "Tools"]
