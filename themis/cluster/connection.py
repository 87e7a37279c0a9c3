"""The way to Ray: a cluster of our own on this machine, or one that runs already. Knows nothing of judging.

A cluster of our own listens on loopback alone, asks for a token that only its processes know, has no dashboard,
reports nothing to anybody, and ends with this process.
"""

import logging
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from themis.errors import ConfigError

LOCAL = "local"
"""The address of a cluster of our own."""
RUNNING = "auto"
"""The address of the cluster that this machine belongs to."""
AFAR = "ray://"
"""Opens the address of a cluster that this machine does not belong to."""
PATIENCE = 10.0
"""Seconds until a machine that does not answer counts as unreachable."""
_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # on every system this decides whether Ray listens beyond loopback
    "RAY_DASHBOARD_STARTUP_TIMEOUT_S": "180",  # of a process that Ray starts without a dashboard, too
    "RAY_AUTH_MODE": "token",
}

_QUIET = {
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".*",  # Ray would say on standard output that a worker died, between our rows
}


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Ray, until the block ends. `address`: `local`, `auto`, `HOST:PORT` or `ray://HOST:PORT`.

    Raises `ConfigError` where no cluster answers there, or Ray is not installed.
    """
    if address == LOCAL:
        os.environ.update(_SETTINGS, RAY_AUTH_TOKEN=secrets.token_hex(32))
    else:
        _check_reachable(address)
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise ConfigError(f"--ray needs the extra 'ray' ({error.name} is missing): pip install 'themis-rm[ray]'") from None
    with ExitStack() as stack:
        ours: dict[str, Any] = {}
        if address == LOCAL:  # in a folder that others cannot read; a longer path than /tmp/... is too long for sockets
            folder = TemporaryDirectory(prefix="themis-ray-", dir="/tmp", ignore_cleanup_errors=True)
            ours = {"include_dashboard": False, "_temp_dir": stack.enter_context(folder)}
        try:
            with _silent():
                ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **ours)
        except ConnectionError as error:
            raise ConfigError(f"no Ray cluster answers at '{address}': name one that runs, or --ray alone") from error
        except Exception as error:  # Ray has no class of its own for what can go wrong here
            problem = " ".join(str(error).split())[:200]
            raise ConfigError(f"no Ray cluster could be had at '{address}' ({problem}): name one that runs, or --ray alone") from error
        stack.callback(ray.shutdown)
        yield


@contextmanager
def _silent() -> Iterator[None]:
    """Ray's compiled half writes to stderr itself that it was told to write nothing."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _check_reachable(address: str) -> None:
    """Ray itself would wait for a minute, and then say it in a page."""
    if address == RUNNING:
        return
    parts = urlsplit(address if "://" in address else f"//{address}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if parts.scheme not in ("", "ray") or not host or not port:
        raise ConfigError(f"--ray must be auto, HOST:PORT or ray://HOST:PORT, or stand alone for a cluster of its own, found '{address}'")
    try:
        socket.create_connection((host, port), PATIENCE).close()
    except OSError as error:
        raise ConfigError(f"no Ray cluster answers at '{address}': {error.strerror or error}") from error
