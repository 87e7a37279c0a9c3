"""Themis in other people's trainers: TRL, OpenRLHF, verl; and a client of our server, for any program.

Each adapter speaks one trainer's own form, and takes a judge, the name of a model, or the address of a server. None
imports its trainer. A judgement without a reward is told in the trainer's own way, and never becomes a silent 0.
"""

from themis.inference.client import JudgeClient
from themis.integrations.judges import judge_of

__all__ = ["JudgeClient", "judge_of"]
