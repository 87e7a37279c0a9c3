"""What installed packages add to Themis by entry points. Knows nothing of what a plug-in is."""

from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import TypeVar

from themis.errors import ConfigError

T = TypeVar("T")


def offered(group: str, kind: type[T], expected: str) -> Iterator[tuple[str, T]]:
    """The members of all entry points of a group, each one or a list or a tuple, with the names of their packages.

    Raises `ConfigError` where an entry point cannot be loaded, or offers something else than was `expected`.
    """
    for entry in sorted(entry_points(group=group), key=lambda entry: entry.name):
        package = entry.dist.name if entry.dist else entry.module
        where = f"the plug-in '{entry.name}' of the package {package}"
        try:
            found = entry.load()
        except Exception as error:  # the import of somebody else's package: the user can remove or mend it
            raise ConfigError(f"{where} cannot be loaded: {error!r}") from error
        members = [found] if isinstance(found, kind) else found
        if not isinstance(members, list | tuple) or not all(isinstance(member, kind) for member in members):
            raise ConfigError(f"{where} is not {expected}")
        yield from ((package, member) for member in members)
