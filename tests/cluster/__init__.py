"""Judging on a cluster of Ray: real ones, on this machine."""
