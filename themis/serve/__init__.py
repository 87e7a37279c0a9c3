"""Servers: what others use of Themis without importing it."""
