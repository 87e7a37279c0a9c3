"""Reads the options of a backend by type. A `ConfigError` names the option that is wrong.

No message holds the value of an option, as any of them may be a secret.
"""

import math
import os
from collections.abc import Callable

from themis.errors import ConfigError
from themis.tools.setup.backend import Options


def text_option(options: Options, name: str, default: str = "") -> str:
    """A text, without the blanks around it."""
    value = options.get(name, default)
    if not isinstance(value, str):
        raise ConfigError(f"the option '{name}' must be a text, not {_kind(value)}")
    return value.strip()


def number_option(options: Options, name: str, default: float) -> float:
    """A finite number above 0."""
    value = options.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise ConfigError(f"the option '{name}' must be a number above 0")
    return float(value)


def truth_option(options: Options, name: str) -> bool:
    """True or false; false where it is not given."""
    value = options.get(name, False)
    if not isinstance(value, bool):
        raise ConfigError(f"the option '{name}' must be true or false, not {_kind(value)}")
    return value


def texts_option(options: Options, name: str) -> tuple[str, ...]:
    """A list of texts, or one text; empty where it is not given."""
    value = options.get(name, ())
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list | tuple) or not all(isinstance(each, str) for each in values):
        raise ConfigError(f"the option '{name}' must be a list of texts, not {_kind(value)}")
    return tuple(values)


def key_option(options: Options, variable: str) -> str:
    """The option `key`, else the environment variable of the service; empty if neither is set."""
    return text_option(options, "key") or os.environ.get(variable, "").strip()


def no_key(variable: str) -> str:
    """What is missing where neither is set."""
    return f"no key: set the environment variable {variable}, or the option 'key'"


def lacks_key(variable: str) -> Callable[[Options], str | None]:
    """Says what is missing where a backend with these options has no key."""
    return lambda options: None if key_option(options, variable) else no_key(variable)


def lacks_url(service: str) -> Callable[[Options], str | None]:
    """Says what is missing where a backend with these options has no address; `service` ends with an example."""
    return lambda options: None if text_option(options, "url") else f"no address: set the option 'url' to your {service}"


def _kind(value: object) -> str:
    return type(value).__name__
