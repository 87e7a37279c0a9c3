"""Sentence templates and word lists, and how a template is filled in.

The lists ship with the package as YAML files, beside the code that draws from them.
Templates are drawn by index, so the order of a list is part of what a build makes.
"""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import yaml

from themis.errors import DataError

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def phrases(package: str, file: str = "phrases.yaml") -> Mapping[str, tuple[str, ...]]:
    """The lists of texts in a YAML file of a package, by their names."""
    content = document(package, file)
    if not isinstance(content, dict):
        raise DataError(f"{package}/{file}: expected names with lists of texts, found {type(content).__name__}")
    for name, texts in content.items():
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in (name, *texts)):
            raise DataError(f"{package}/{file}: '{name}' must be a text with a list of texts; put quotes around what YAML reads otherwise")
    return {name: tuple(texts) for name, texts in content.items()}


def filled(template: str, facts: Mapping[str, str]) -> str:
    """The template with what it names: `{day}`, `{city}` and so on."""
    for name, text in facts.items():
        template = template.replace("{" + name + "}", text)
    return template


def document(package: str, file: str) -> Any:
    """What a YAML file of a package holds."""
    try:
        return yaml.load((resources.files(package) / file).read_text(encoding="utf-8"), Loader=_LOADER)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"{package}/{file} cannot be read: {' '.join(str(error).split())}") from None
