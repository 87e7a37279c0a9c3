"""Recipes for tests, changed by the plain names of their keys."""

from dataclasses import fields, is_dataclass, replace
from typing import Any

from themis.training.recipe import TrainRecipe


def changed(recipe: TrainRecipe, **changes: Any) -> TrainRecipe:
    """The recipe with other values; a key's name is looked for at the top and then in the sections."""
    for key, value in changes.items():
        if key in {field.name for field in fields(recipe)}:
            recipe = replace(recipe, **{key: value})
            continue
        sections = [field.name for field in fields(recipe) if is_dataclass(getattr(recipe, field.name))]
        section = next(name for name in sections if key in {field.name for field in fields(getattr(recipe, name))})
        recipe = replace(recipe, **{section: replace(getattr(recipe, section), **{key: value})})
    return recipe
