"""All sources by name."""

from themis.builder.tasks.registry import all_sources

__all__ = ["all_sources"]
