"""Pairs: published files, preference files, and mixtures of their sources. Imports no torch."""
