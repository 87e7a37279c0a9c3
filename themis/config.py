"""Recipes (one YAML file a run, with key=value overrides) and the folder of data sets.

A recipe is checked against a frozen dataclass, key by key; an error names a wrong key and the nearest right one. Knows
nothing of what the settings mean, but for what the metadata of a dataclass field says of it: see `WHOLE`, `VARIANTS`.
"""

import dataclasses
import difflib
import os
import types
import typing
from collections.abc import Collection, Iterator, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal, TypeVar, Union

import yaml

from themis.errors import ConfigError

T = TypeVar("T")

WHOLE = "whole"
"""Metadata of a field: a recipe on top of another one replaces this mapping whole."""
VARIANTS = "variants"
"""Metadata of a field: a list of mappings that each vary the recipe. Overrides on the command line win over them."""


def data_root() -> Path | None:
    """The folder of data sets: `THEMIS_DATA`, else `../shared/data` beside the project if it exists, else None."""
    setting = os.environ.get("THEMIS_DATA")
    if setting is not None:
        if setting and not Path(setting).is_dir():
            raise ConfigError(f"THEMIS_DATA is '{setting}', which is not a directory")
        return Path(setting) if setting else None
    beside = _project_root() / ".." / "shared" / "data"
    return beside.resolve() if beside.is_dir() else None


def _project_root() -> Path:
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), here)


def recipe_names(kind: str = "") -> list[str]:
    """The recipes of the package: those of training, or of another kind, such as `build`, which has its own folder."""
    return sorted(entry.name.removesuffix(".yaml") for entry in _recipes(kind).iterdir() if entry.name.endswith(".yaml"))


def read_recipe(name: str, schema: type[T], overrides: Sequence[str] = (), kind: str = "") -> T:
    """The recipe `name` (of the package, or a path to a YAML file) as an instance of the dataclass `schema`.

    `overrides` are `key=value` texts; values are YAML. A key has dots for its sections, which may be left out where
    its own name is found once. For `kind` see `recipe_names`. Raises `ConfigError`.
    """
    raw = _read_yaml(name, kind, schema)
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals:
            raise ConfigError(f"override '{override}' is not of the form key=value")
        _override(schema, raw, _whole_path(schema, key), yaml.safe_load(value))
    return build(schema, raw, where=f"recipe '{name}'", prefix="")


def merged(schema: type[Any], base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`base` with the keys of `over` in place of its own, section by section."""
    return _merge(base, over, {path for path, field in _all_fields(schema) if field.metadata.get(WHOLE)})


def _recipes(kind: str) -> Traversable:
    folder = resources.files("themis") / "recipes"
    return folder / kind if kind else folder


def _read_yaml(name: str, kind: str, schema: type[Any], above: tuple[str, ...] = ()) -> dict[str, Any]:
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise ConfigError(f"no recipe file '{name}'")
        text = path.read_text(encoding="utf-8")
    else:
        if name not in recipe_names(kind):
            raise ConfigError(f"no recipe '{name}': the package has {', '.join(recipe_names(kind))}; or give a path that ends in .yaml")
        text = (_recipes(kind) / f"{name}.yaml").read_text(encoding="utf-8")
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"recipe '{name}' is not valid YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"recipe '{name}' must be a YAML mapping")
    recipe: dict[str, Any] = raw
    if base := recipe.pop("base", None):
        # So a file holds only what differs from another one.
        if str(base) in (*above, name):
            raise ConfigError(f"recipe '{name}': its base leads back to it ({' -> '.join((*above, name, str(base)))}): name another base")
        return merged(schema, _read_yaml(str(base), kind, schema, (*above, name)), recipe)
    return recipe


def _merge(base: dict[str, Any], over: dict[str, Any], whole: set[str], prefix: str = "") -> dict[str, Any]:
    both = dict(base)
    for key, value in over.items():
        nested = isinstance(value, dict) and isinstance(both.get(key), dict) and prefix + key not in whole
        both[key] = _merge(both[key], value, whole, f"{prefix}{key}.") if nested else value
    return both


def _fields(schema: type[Any]) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(schema)


def _all_fields(schema: type[Any], prefix: str = "") -> Iterator[tuple[str, dataclasses.Field[Any]]]:
    """Every field of a dataclass and of those inside of it, with its path."""
    hints = typing.get_type_hints(schema)
    for field in _fields(schema):
        yield prefix + field.name, field
        inner = next((kind for kind in (hints[field.name], *typing.get_args(hints[field.name])) if dataclasses.is_dataclass(kind)), None)
        if inner is not None and typing.get_origin(hints[field.name]) in (None, Union, types.UnionType):
            yield from _all_fields(typing.cast(type[Any], inner), f"{prefix}{field.name}.")


def _paths(schema: type[Any], name: str) -> list[str]:
    """Where a key of this name is found."""
    return [path for path, field in _all_fields(schema) if field.name == name]


def _whole_path(schema: type[Any], key: str) -> list[str]:
    """The path of an override, which may leave out the sections of its first key."""
    first, _, rest = key.partition(".")
    if any(field.name == first for field in _fields(schema)):
        return key.split(".")
    places = _paths(schema, first)
    if len(places) > 1:
        raise ConfigError(f"override of '{key}': there is more than one '{first}': {', '.join(places)}; give one of them")
    return [*(places[0] if places else first).split("."), *(rest.split(".") if rest else ())]


def _override(schema: type[Any], raw: dict[str, Any], path: list[str], value: Any) -> None:
    """Set a key of the recipe, which wins over what its variants say."""
    _set(raw, path, value)
    for field in _fields(schema):
        if field.metadata.get(VARIANTS) and field.name != path[0]:
            for variant in raw.get(field.name) or ():
                _forget(variant, path)


def _forget(raw: Any, path: Sequence[str]) -> None:
    for key in path[:-1]:
        raw = raw.get(key) if isinstance(raw, dict) else None
    if isinstance(raw, dict):
        raw.pop(path[-1], None)


def _set(raw: dict[str, Any], path: list[str], value: Any) -> None:
    for key in path[:-1]:
        raw = raw.setdefault(key, {})
        if not isinstance(raw, dict):
            raise ConfigError(f"override of '{'.'.join(path)}': '{key}' has no keys below it")
    raw[path[-1]] = value


def build(schema: type[T], raw: dict[str, Any], where: str, prefix: str, root: type[Any] | None = None) -> T:
    """`raw` as an instance of the dataclass `schema`. An error names a wrong key and where it belongs.

    `root` is the dataclass of the whole recipe, of which `schema` is a section.
    """
    assert dataclasses.is_dataclass(schema)
    hints = typing.get_type_hints(schema)
    fields = {field.name: field for field in dataclasses.fields(schema)}
    for key in raw:
        if key not in fields:
            raise ConfigError(f"{where}: unknown key '{prefix}{key}'" + _hint(schema if root is None else root, fields, prefix, str(key)))
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name in raw:
            values[name] = _convert(raw[name], hints[name], where, prefix + name, root or schema)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ConfigError(f"{where}: key '{prefix}{name}' is required")
    return typing.cast(T, schema(**values))


def _hint(root: type[Any], near: Collection[str], prefix: str, key: str) -> str:
    """The right place of a misplaced key."""
    if places := _paths(root, key):
        return f": write {' or '.join(places)}"
    names = {field.name: path for path, field in _all_fields(root)} | {name: prefix + name for name in near}
    initials = [name for name in names if "_" in name and key == "".join(word[:1] for word in name.split("_"))]
    close = initials or difflib.get_close_matches(key, names, n=1)
    return f", did you mean '{names[close[0]]}'?" if close else f"; known: {', '.join(near)}"


def _convert(value: Any, hint: Any, where: str, key: str, root: type[Any]) -> Any:
    origin = typing.get_origin(hint)
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return build(typing.cast(type[Any], hint), value, where, key + ".", root)
    if dataclasses.is_dataclass(hint):
        raise ConfigError(f"{where}: '{key}' must be a section of keys ({', '.join(f.name for f in _fields(hint))}), found {value!r}")  # type: ignore[arg-type]
    if origin is Literal and value in typing.get_args(hint):
        return value
    if origin in (Union, types.UnionType):
        options = typing.get_args(hint)
        if value is None and type(None) in options:
            return None
        return _convert(value, next(option for option in options if option is not type(None)), where, key, root)
    if origin is tuple and isinstance(value, list):
        inner = typing.get_args(hint)[0]
        return tuple(_convert(item, inner, where, f"{key}[{i}]", root) for i, item in enumerate(value))
    if origin is dict and isinstance(value, dict):
        inner = typing.get_args(hint)[1]
        return {str(name): _convert(item, inner, where, f"{key}.{name}", root) for name, item in value.items()}
    if hint is Any:
        return value
    if hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if hint is float and isinstance(value, str):
        # YAML reads 1e-4 as text.
        try:
            return float(value)
        except ValueError:
            pass
    if isinstance(hint, type) and type(value) is hint:
        return value
    expected = " or ".join(map(repr, typing.get_args(hint))) if origin is Literal else getattr(hint, "__name__", str(hint))
    raise ConfigError(f"{where}: key '{key}' must be {expected}, found {value!r}")
