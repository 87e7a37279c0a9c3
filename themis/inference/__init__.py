"""Judges: loading one, running it, and serving many callers with it. Imports no torch before a judge is loaded."""

from themis.inference.judgement import Budget
from themis.inference.load import known_by, load_judge
from themis.inference.service import JudgingService

__all__ = ["Budget", "JudgingService", "known_by", "load_judge"]
