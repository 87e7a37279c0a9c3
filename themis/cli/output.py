"""What a command may not write to. Checks make nothing."""

import json
import os
from collections.abc import Collection, Iterable
from pathlib import Path

from themis.errors import ConfigError, DataError
from themis.files import STREAM, check_regular


def check_output(out: Path | None, inputs: Iterable[str | Path | None] = (), keys: Collection[str] = (), begins: str = "") -> None:
    """Raises an error, before any work, where a file cannot be written, or where its loss would be regretted.

    That is a file which the command reads, and one that it did not write: what it writes has `keys`, or `begins` so.
    """
    if out is None or out == STREAM:
        return
    check_regular(out)
    for path in inputs:
        if path and out.exists() and Path(path).exists() and out.samefile(path):
            raise ConfigError(f"--out {out} is a file that this command reads ({path}): give another file")
    content = out.read_bytes() if (keys or begins) and out.exists() else b""
    if content and not (_has_keys(content, keys) and content.startswith(begins.encode())):
        raise ConfigError(f"{out} was not written by this command: give another file, nothing is overwritten")
    above = next(folder for folder in out.absolute().parents if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise DataError(f"{out} cannot be written: nothing can be made in {above}")


def check_folder(out: Path, inputs: Iterable[str | Path | None] = ()) -> None:
    """Raises `ConfigError` where a folder to write is standard output, or holds what the command reads."""
    if out == STREAM:
        raise ConfigError("--out - is standard output, and a folder is written: name one")
    for path in inputs:
        if path and Path(path).exists() and Path(path).resolve().is_relative_to(out.resolve()):
            raise ConfigError(f"--out {out} holds what this command reads ({path}): give another folder")


def _has_keys(content: bytes, keys: Collection[str]) -> bool:
    """Has its first line these keys, or else all of it?"""
    for text in (content.partition(b"\n")[0], content) if keys else ():
        try:
            return set(keys) <= set(json.loads(text))
        except (ValueError, TypeError, RecursionError):
            continue
    return not keys
