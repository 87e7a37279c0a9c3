"""Counterfactual pairs: one answer, and an edited tool result that turns it from right to wrong."""
