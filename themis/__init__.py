"""Themis: a reward model that checks with tools before it judges.

Source: Tool-Augmented Reward Modeling, arXiv:2310.01045.
"""

__version__ = "0.1.0"
