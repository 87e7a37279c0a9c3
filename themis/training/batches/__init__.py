"""Pairs to tensors: what a training run in steps reads."""
