"""The HTTP client of the tools: deadlines, retries, rates, size caps, redirects, and one kind of error for each cause.

All calls run in one event loop with its own thread. Each is cancelled at its deadline, which neither a name that does
not resolve nor headers that trickle can stretch. A host that fails repeatedly is not asked for a while. A body is
never read past its cap, compressed or not. A redirect may lead to the same host or to one that the settings name. Any
other is refused before a connection is opened.

Failures of the world become `ToolUnavailable` and `ToolTimeout`, a refused argument `ToolError`, a refused key
`ConfigError`. Keys travel in headers and bodies only, never in an address, and appear in no message.

Knows no particular service. The libraries behind it are imported with the first call, so judging without live tools
needs none of them. Chat endpoints have their own connection (`themis.chat.connection`), which uses the pieces of this
room.
"""

import asyncio
import ipaddress
import json
import logging
import time
import zlib
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from themis import __version__
from themis.background import BackgroundLoop
from themis.closing import Closing
from themis.errors import ConfigError, ToolError, ToolTimeout, ToolUnavailable
from themis.http.retry_after import seconds_of

if TYPE_CHECKING:
    import httpx2
    from aiolimiter import AsyncLimiter

T = TypeVar("T")

# stamina logs each retry. Without a handler, the log lines would go to the user's terminal.
logging.getLogger("stamina").addHandler(logging.NullHandler())

USER_AGENT = f"themis-rm/{__version__}"
MAX_REDIRECTS = 3
TRUSTED_FAILURES = 5
"""Failures in a row before a host is left to rest."""
REST = 30.0
"""Seconds for which a failing host is not asked."""
LONGEST_REST = 600.0
"""Seconds that a service may ask for by Retry-After; a longer rest is cut to it."""
BUSY = (429, 500, 502, 503, 504)
SHOWN = 120
"""Characters of a service's own words that an error message quotes."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a call to a service may take, and where it may be redirected."""

    deadline: float = 10.0
    """Seconds for a call with all its attempts."""
    attempts: int = 3
    per_second: float = 5.0
    """Calls to the host, over all services. If two services share a host, the slower rate holds."""
    max_bytes: int = 2_000_000
    """Of a decompressed answer."""
    redirect_hosts: frozenset[str] = frozenset()
    """Other hosts that it may redirect to."""
    private_addresses: bool = False
    """May those hosts have addresses outside the public internet?"""


@dataclass(frozen=True, slots=True)
class Service:
    """One HTTP service that speaks JSON. Raises `ToolUnavailable`, `ToolTimeout`, `ToolError` and `ConfigError`."""

    name: str
    """As error messages name it."""
    url: str
    """The base of all paths, without a slash at its end."""
    client: "Client"
    limits: Limits = Limits()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """May hold keys."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Texts that are masked in every message, also where the service repeats them."""
    refusal: str = ""
    """What the user can fix if the service refuses us; without it, a refusal counts as a failure of the world."""
    refusals: frozenset[int] = frozenset({401, 403})
    """The HTTP statuses that mean a refusal."""
    faults: frozenset[int] = frozenset({400, 413, 414, 422})
    """The HTTP statuses that mean a wrong argument."""

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc.rpartition("@")[2]

    def get(self, path: str, params: Mapping[str, str | int | float]) -> Any:
        """The decoded JSON of an answer."""
        return self._decoded(self.client.run(self.client.fetch(self, "GET", self.url + path, params, None)))

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The decoded JSON of the answer to a JSON body."""
        return self._decoded(self.client.run(self.client.fetch(self, "POST", self.url + path, {}, body)))

    def misread(self, expected: str) -> ToolUnavailable:
        """The error for an answer that lacks what it should hold."""
        return ToolUnavailable(f"{self.name} answered in an unknown form: {expected} is missing")

    def shown(self, said: str) -> str:
        """What a service said, cut to size and with our keys masked."""
        return " ".join(masked(said, self.secrets).split())[:SHOWN]

    def _decoded(self, body: bytes) -> Any:
        try:
            found = json.loads(body, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            raise ToolUnavailable(f"{self.name} answered with something that is not JSON") from error
        if isinstance(found, dict) and (found.get("error") or found.get("errors")):  # some say so with the status 200
            raise ToolUnavailable(f"{self.name} answered with an error: {self.shown(_words(body) or 'it does not say which')}")
        return found


class Client(Closing):
    """Connections, rates and rests by host. Thread-safe. A test hands in the transport and the clock of the rests."""

    def __init__(self, transport: "httpx2.AsyncBaseTransport | None" = None, now: Callable[[], float] = time.monotonic) -> None:
        self._transport = transport
        self._now = now
        self._loop = BackgroundLoop("themis-http", self._open, lambda: self._client.aclose())
        self._client: httpx2.AsyncClient
        self._hosts: dict[str, _Host] = {}

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine, run in the thread of this client."""
        return self._loop.submit(call).result()

    async def fetch(self, service: Service, method: str, url: str, params: Mapping[str, Any], body: Mapping[str, Any] | None) -> bytes:
        """The body of a successful answer, within the deadline and the number of attempts."""
        host = self._host(service)
        host.admit(service.name)
        limits = service.limits
        try:
            async with asyncio.timeout(limits.deadline) as clock:
                answer = await self._attempts(service, host, clock, lambda: self._attempt(service, host, method, url, params, body))
        except TimeoutError as error:
            host.failed()
            raise ToolTimeout(f"{service.name} did not answer within {limits.deadline:g} seconds") from error
        except _Busy as error:
            host.failed(error.wait)
            raise ToolUnavailable(str(error)) from error
        except ToolUnavailable:
            host.failed()
            raise
        except (ToolError, ConfigError):
            host.succeeded()
            raise
        host.succeeded()
        return answer

    def close(self) -> None:
        """Closes all connections and ends the thread."""
        self._loop.close()

    def _open(self) -> None:
        import httpx2

        self._hosts = {}
        self._client = httpx2.AsyncClient(transport=self._transport, timeout=None, follow_redirects=False)

    def _host(self, service: Service) -> "_Host":
        host = self._hosts.setdefault(service.host, _Host(self._now))
        host.keep_to(service.limits.per_second)
        return host

    async def _attempts(
        self, service: Service, host: "_Host", clock: asyncio.Timeout, attempt: Callable[[], Coroutine[Any, Any, bytes]]
    ) -> bytes:
        import stamina

        def again(error: Exception) -> bool | float:
            """Whether to try again, or after how many seconds. No, if the service asks for more time than is left."""
            if not isinstance(error, _Busy):
                return False
            left = (clock.when() or 0.0) - asyncio.get_running_loop().time()
            return True if error.wait is None else error.wait < left and max(error.wait, 0.01)

        async for tried in stamina.retry_context(
            on=again, attempts=service.limits.attempts, timeout=None, wait_initial=0.2, wait_jitter=0.2, wait_max=2.0
        ):
            with tried:
                return await attempt()
        raise AssertionError("a retry context ends with an answer or an error")

    async def _attempt(
        self, service: Service, host: "_Host", method: str, url: str, params: Mapping[str, Any], body: Mapping[str, Any] | None
    ) -> bytes:
        import httpx2

        headers = {"Accept": "application/json", "Accept-Encoding": "gzip", **service.headers}
        request = self._client.build_request(method, url, params=params or None, json=body, headers=headers)
        try:
            for _ in range(MAX_REDIRECTS + 1):
                await host.turn()
                response = await self._client.send(request, stream=True)
                try:
                    if not response.has_redirect_location:
                        return _checked(service, response, await _body(service, response))
                finally:
                    await response.aclose()
                request = await self._redirected(service, request, response)
        except httpx2.TransportError as error:
            raise _Busy(f"{service.name} cannot be reached ({type(error).__name__})") from error
        raise ToolUnavailable(f"{service.name} redirects in a circle")

    async def _redirected(self, service: Service, request: "httpx2.Request", response: "httpx2.Response") -> "httpx2.Request":
        """The request that a redirect asks for; raises `ToolUnavailable` if it must not be followed."""
        import httpx2

        try:
            target = request.url.join(response.headers["Location"])
        except httpx2.InvalidURL as error:
            raise ToolUnavailable(f"{service.name} redirects to an invalid address") from error
        if request.method != "GET":
            raise ToolUnavailable(f"{service.name} redirects to {target.host}; set its url to the new address")
        if target.scheme not in ("http", "https") or (request.url.scheme == "https" and target.scheme == "http"):
            raise ToolUnavailable(f"{service.name} redirects to an address of the scheme {target.scheme}, which is refused")
        if not _same_host(request.url, target):
            if target.host.lower() not in service.limits.redirect_hosts:
                shown = service.shown(target.host)
                raise ToolUnavailable(f"{service.name} redirects to another host, {shown}, which redirect_hosts does not name")
            if not service.limits.private_addresses and await _is_private(target.host):
                raise ToolUnavailable(f"{service.name} redirects to {target.host}, which is private; private_addresses does not allow it")
        headers = dict(service.headers)
        if not _same_host(httpx2.URL(service.url), target):
            headers = {"User-Agent": headers.get("User-Agent", USER_AGENT)}  # our keys are for this service only
        return self._client.build_request("GET", target, headers={"Accept": "application/json", "Accept-Encoding": "gzip", **headers})


class _Busy(ToolUnavailable):
    """An attempt failed, and the next one may succeed."""

    def __init__(self, text: str, wait: float | None = None) -> None:
        super().__init__(text)
        self.wait = wait
        """Seconds that the service asks us to wait."""


class _Host:
    """The rate of one host, and until when it rests. Used only in the thread of its client."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._per_second = 0.0
        self._limiter: AsyncLimiter
        self._failures = 0
        self._rests_until = 0.0

    def keep_to(self, per_second: float) -> None:
        """Lowers the rate to this many calls a second; a rate is never raised."""
        if self._per_second and per_second >= self._per_second:
            return
        self._per_second = per_second
        self._limiter = rate_limiter(per_second)

    async def turn(self) -> None:
        """Waits until the rate allows one more call."""
        await self._limiter.acquire()

    def admit(self, name: str) -> None:
        """Raises `ToolUnavailable` while the host rests. After the rest, one call is let through as a trial."""
        left = self._rests_until - self._now()
        if left > 0:
            raise ToolUnavailable(f"{name} is not asked for another {left:.0f} seconds, after failures or at its own request")
        if self._failures >= TRUSTED_FAILURES:
            self._rests_until = self._now() + REST

    def succeeded(self) -> None:
        self._failures, self._rests_until = 0, 0.0

    def failed(self, wait: float | None = None) -> None:
        """Counts a failure. The host rests for as long as it asked, or after too many failures."""
        self._failures += 1
        rest = max(min(wait or 0.0, LONGEST_REST), REST if self._failures >= TRUSTED_FAILURES else 0.0)
        self._rests_until = max(self._rests_until, self._now() + rest)


def rate_limiter(per_second: float) -> "AsyncLimiter":
    """Lets through so many calls a second, evenly; to be made and used in one event loop."""
    from aiolimiter import AsyncLimiter

    return AsyncLimiter(max(1.0, per_second), max(1.0, 1 / per_second))


def masked(text: str, secrets: Iterable[str]) -> str:
    """The text with `***` in place of each secret."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def is_base_url(text: str) -> bool:
    """Is it an address of the form `https://host/path`, without a query and a fragment?"""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and not (parts.query or parts.fragment)
    except ValueError:
        return False


async def _body(service: Service, response: "httpx2.Response") -> bytes:
    """The decompressed body; raises `ToolUnavailable` as soon as it exceeds the cap."""
    cap = service.limits.max_bytes
    too_long = ToolUnavailable(f"{service.name} answered with more than {cap:,} bytes, which were not read")
    declared = response.headers.get("Content-Length", "")
    if declared.isdecimal() and int(declared[:18]) > cap:
        raise too_long
    encoding = response.headers.get("Content-Encoding", "identity").lower()
    if encoding not in ("identity", "gzip"):
        raise ToolUnavailable(f"{service.name} answered in the encoding {service.shown(encoding)}, which was not asked for")
    unzip = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
    body = bytearray()
    async for chunk in response.aiter_raw():
        try:
            body += unzip.decompress(chunk, cap + 1 - len(body)) if unzip else chunk
        except zlib.error as error:
            raise ToolUnavailable(f"{service.name} answered with something that is not gzip") from error
        if len(body) > cap:
            raise too_long
    return bytes(body)


def _checked(service: Service, response: "httpx2.Response", body: bytes) -> bytes:
    status = response.status_code
    if 200 <= status < 300:
        return body
    said = service.shown(_words(body))
    what = f"HTTP {status}: {said}" if said else f"HTTP {status}"
    if status in BUSY:
        raise _Busy(f"{service.name} answered {what}", seconds_of(response.headers.get("Retry-After", "")))
    if status in service.refusals and service.refusal:
        raise ConfigError(f"{service.name} refused the request ({what}): {service.refusal}")
    if status in service.faults:
        raise ToolError(f"{service.name} refused the argument ({what})")
    raise ToolUnavailable(f"{service.name} answered {what}")


def _words(body: bytes) -> str:
    """The message in the JSON of an error, under any of the usual names."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    for name in ("error", "message", "detail", "reason"):
        value = found.get(name) if isinstance(found, dict) else None
        if isinstance(value, dict):
            value = value.get("message") or value.get("detail") or value.get("error")
        if isinstance(value, str):
            return value
    return ""


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _same_host(one: "httpx2.URL", other: "httpx2.URL") -> bool:
    """The same host and port, or the step from http to https on the usual ports."""
    if one.host.lower() != other.host.lower():
        return False
    upgraded = one.scheme == "http" and other.scheme == "https" and one.port is None and other.port is None
    return upgraded or (one.scheme, one.port) == (other.scheme, other.port)


async def _is_private(host: str) -> bool:
    """Does the host have no address, or one outside the public internet?"""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None)
    except OSError:
        return True
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    plain = [getattr(address, "ipv4_mapped", None) or address for address in addresses]
    return not all(address.is_global for address in plain)
