"""Where a server listens, and which requests it may answer there. Shared by MCP and `themis serve`.

Knows nothing of what is served.
"""

import hmac
import os
import socket
from base64 import b64decode
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from themis.errors import ConfigError

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def token_of(variable: str) -> str:
    """The token in an environment variable; empty where none is named. Raises `ConfigError` where it is not set."""
    token = os.environ.get(variable, "") if variable else ""
    if variable and not token:
        raise ConfigError(f"--token-env names the environment variable {variable}, which is not set")
    return token


def check_host(host: str, token: str) -> None:
    """Raises `ConfigError` where others could call the tools without a token."""
    if host not in LOOPBACK and not token:
        raise ConfigError(f"to serve on {host}, where others can call the tools, name the environment variable of a token with --token-env")


def listener(host: str, port: int) -> socket.socket:
    """A socket that clients can connect to. Raises `ConfigError` where it cannot be had, such as a port in use."""
    try:
        made = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise ConfigError(f"cannot listen at {host}, port {port}: {error.strerror or error}; give another --port or --host") from error
    # asyncio sends small answers at once only on a socket that says it is TCP: others wait up to 40 ms.
    return socket.socket(made.family, made.type, socket.IPPROTO_TCP, fileno=made.detach())


def has_token(scope: Mapping[str, Any], token: str) -> bool:
    """Does the request bring the token? The comparison takes as long for a wrong one.

    It comes as a bearer token, or as the password of `http://any:TOKEN@host`, for clients that take an address alone.
    """
    kind, _, brought = _header(scope, b"authorization").partition(b" ")
    if kind == b"Basic":
        try:
            brought = b64decode(brought, validate=True).partition(b":")[2]
        except ValueError:
            return False
    return kind in (b"Bearer", b"Basic") and hmac.compare_digest(brought, token.encode())


def names_loopback(scope: Mapping[str, Any]) -> bool:
    """Is the request for one of loopback's names? A page that rebinds its name to loopback asks for that name."""
    return _is_loopback("//" + _header(scope, b"host").decode("latin-1"))


def comes_from_loopback(scope: Mapping[str, Any]) -> bool:
    """Does the request come from no page in a browser, or from one of loopback?"""
    origin = _header(scope, b"origin").decode("latin-1")
    return not origin or (origin.startswith(("http://", "https://")) and _is_loopback(origin))


def _is_loopback(address: str) -> bool:
    try:
        return urlsplit(address).hostname in LOOPBACK
    except ValueError:
        return False


def _header(scope: Mapping[str, Any], name: bytes) -> bytes:
    return next((bytes(value) for key, value in scope.get("headers", ()) if key == name), b"")
