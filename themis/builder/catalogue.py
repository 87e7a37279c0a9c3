"""All sources by name."""

from importlib import import_module

from themis.builder.draft import Source

_MODULES = (
    "calculator.gsm8k",
    "code.mbpp",
    "translator.xquad",
    "wikisearch.questions",
    "wikisearch.intros",
    "webgpt.feedback",
    "webgpt.creak",
    "dates.rules",
    "no_tool.sources",
)
"""Each has the constant `SOURCES`, a tuple."""


def all_sources() -> dict[str, Source]:
    """The sources of the package by name."""
    modules = [import_module(f"themis.builder.tasks.{name}") for name in _MODULES]
    found: list[Source] = [source for module in modules for source in module.SOURCES]
    return {source.name: source for source in found}
