"""The one door to HTTP services: deadlines, retries, rates, caps, redirects, and one kind of failure for each cause.

A call ends by its deadline, whatever the other side does (names that do not resolve, headers that trickle): all
calls run in one event loop, in a thread of its own, where they can be cancelled. A host that fails time and again
is left alone for a while. An answer is never read past its cap, also when it is compressed. A redirect leads to the
same host or, where the settings name it, to another one, and is refused before a connection is opened.

The world's failures become `ToolUnavailable` and `ToolTimeout`, a refused argument a `ToolError`, a refused key a
`ConfigError`. Keys travel in headers and bodies only, never in an address, and stand in no message.

Knows nothing of any service in particular. The libraries behind it are imported with the first call: whoever
scores without live tools needs none of them.
"""

import asyncio
import ipaddress
import json
import logging
import re
import time
import zlib
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import urlsplit

from themis import __version__
from themis.background import BackgroundLoop
from themis.errors import ConfigError, ToolError, ToolTimeout, ToolUnavailable
from themis.tools.setup.backend import Options
from themis.tools.setup.options import number_option, text_option, texts_option, truth_option

if TYPE_CHECKING:
    import httpx2
    from aiolimiter import AsyncLimiter

T = TypeVar("T")

# Each retry is logged; without a handler of the application's, the words would go to the terminal of whoever runs us.
logging.getLogger("stamina").addHandler(logging.NullHandler())

USER_AGENT = f"themis-rm/{__version__}"
MAX_REDIRECTS = 3
TRUSTED_FAILURES = 5
"""Calls that may fail in a row before a host is left alone."""
REST = 30.0
"""Seconds for which it is left alone."""
LONGEST_REST = 600.0
"""Seconds that a service may ask for by Retry-After."""
BUSY = (429, 500, 502, 503, 504)
SHOWN = 120
"""Characters of a service's own words that stand in a message."""

HTTP_OPTIONS: Mapping[str, str] = {
    "url": "the address of the service",
    "deadline": "seconds for a call with all its attempts; 10 where not given",
    "attempts": "how often a call is tried; 3 where not given",
    "per_second": "calls a second to the host, over all tools; 5 where not given",
    "max_bytes": "longest answer that is read; 2,000,000 where not given",
    "redirect_hosts": "other hosts the service may redirect to; none where not given",
    "private_addresses": "true where those hosts may have private addresses",
    "contact": "an address or a page of yours for the User-Agent, as some services ask",
}
"""The options of every backend that speaks HTTP."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a service may cost and where it may lead."""

    deadline: float = 10.0
    """Seconds, of a call with all its attempts."""
    attempts: int = 3
    per_second: float = 5.0
    """Calls to the host, over all services; of two services on one host, the slower rate holds."""
    max_bytes: int = 2_000_000
    """Of an answer, decompressed."""
    redirect_hosts: frozenset[str] = frozenset()
    """Names of other hosts that it may redirect to."""
    private_addresses: bool = False
    """May those hosts have addresses that are not of the public internet?"""


@dataclass(frozen=True, slots=True)
class Service:
    """One HTTP service that speaks JSON. Raises `ToolUnavailable`, `ToolTimeout`, `ToolError` and `ConfigError`."""

    name: str
    """As failures name it."""
    url: str
    """What the paths are put behind; without a slash at its end."""
    web: "Web"
    limits: Limits = Limits()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """May hold keys."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Texts that stand in no message, also when the service repeats them."""
    refusal: str = ""
    """What to mend where it refuses us; without it, that is the world's failure."""
    refusals: frozenset[int] = frozenset({401, 403})
    """The statuses by which it refuses us."""
    faults: frozenset[int] = frozenset({400, 413, 414, 422})
    """The statuses by which it says that the argument is wrong."""

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc.rpartition("@")[2]

    def get(self, path: str, params: Mapping[str, str | int | float]) -> Any:
        """The decoded JSON of an answer."""
        return self._decoded(self.web.run(self.web.fetch(self, "GET", self.url + path, params, None)))

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The decoded JSON of the answer to a JSON body."""
        return self._decoded(self.web.run(self.web.fetch(self, "POST", self.url + path, {}, body)))

    def misread(self, expected: str) -> ToolUnavailable:
        """The failure of a service that answers in another form than it should."""
        return ToolUnavailable(f"{self.name} answered in an unknown form: {expected} is missing")

    def shown(self, said: str) -> str:
        """What a service said, short enough and without our keys."""
        for secret in self.secrets:
            said = said.replace(secret, "***")
        return " ".join(said.split())[:SHOWN]

    def _decoded(self, body: bytes) -> Any:
        try:
            return json.loads(body, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            raise ToolUnavailable(f"{self.name} answered with something that is not JSON") from error


def service_of(
    name: str,
    options: Options,
    web: "Web | None" = None,
    *,
    url: str = "",
    headers: Mapping[str, str] | None = None,
    secrets: tuple[str, ...] = (),
    refusal: str = "",
    refusals: frozenset[int] = frozenset({401, 403}),
    per_second: float = 5.0,
    faults: frozenset[int] = frozenset({400, 413, 414, 422}),
) -> Service:
    """The service that a backend's options describe; raises `ConfigError`, and opens no connection."""
    address = text_option(options, "url", url).rstrip("/")
    if not address:
        raise ConfigError(f"{name} needs the option 'url': the address of the service")
    try:
        parts = urlsplit(address)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        whole = False
    if not whole or parts.query or parts.fragment:
        raise ConfigError(f"{name}: the option 'url' must be an address of the form https://host/path")
    limits = Limits(
        deadline=number_option(options, "deadline", 10.0),
        attempts=round(number_option(options, "attempts", 3)) or 1,
        per_second=number_option(options, "per_second", per_second),
        max_bytes=round(number_option(options, "max_bytes", 2_000_000)) or 1,
        redirect_hosts=frozenset(host.lower() for host in texts_option(options, "redirect_hosts")),
        private_addresses=truth_option(options, "private_addresses"),
    )
    contact = text_option(options, "contact")
    agent = f"{USER_AGENT} ({contact})" if contact else USER_AGENT
    # httpx says which character of a header is wrong by showing the header: a key would stand in its message.
    for header in (agent, *(headers or {}).values()):
        if not header.isascii() or not header.isprintable():
            raise ConfigError(f"{name}: the key and the contact must be printable ASCII, as HTTP headers are")
    headers = {**(headers or {}), "User-Agent": agent}
    return Service(name, address, web or shared_web(), limits, headers, secrets, refusal, refusals, faults)


@cache
def shared_web() -> "Web":
    """The door that all tools of a process share, so that rates and rests hold over all of them."""
    return Web()


class Web:
    """Connections, rates and rests by host. Safe to use from many threads; a test hands in the transport and the clock of the rests."""

    def __init__(self, transport: "httpx2.AsyncBaseTransport | None" = None, now: Callable[[], float] = time.monotonic) -> None:
        self._transport = transport
        self._now = now
        self._loop = BackgroundLoop("themis-http", self._open, lambda: self._client.aclose())
        self._client: httpx2.AsyncClient
        self._hosts: dict[str, _Host] = {}

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        """What a coroutine gives, run in the thread of this door."""
        return self._loop.submit(call).result()

    async def fetch(self, service: Service, method: str, url: str, params: Mapping[str, Any], body: Mapping[str, Any] | None) -> bytes:
        """The body of a successful answer, within the deadline, after as many attempts as it takes."""
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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

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
            """Whether to try again, or after how many seconds; not where the service asks for more time than is left."""
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
        """The request that a redirect asks for; raises `ToolUnavailable` where it leads to where it must not."""
        import httpx2

        try:
            target = request.url.join(response.headers["Location"])
        except httpx2.InvalidURL as error:
            raise ToolUnavailable(f"{service.name} redirects to something that is no address") from error
        if request.method != "GET":
            raise ToolUnavailable(f"{service.name} redirects to {target.host}; set its url to where it is")
        if target.scheme not in ("http", "https") or (request.url.scheme == "https" and target.scheme == "http"):
            raise ToolUnavailable(f"{service.name} redirects to an address of the kind {target.scheme}, which is refused")
        if not _same_host(request.url, target):
            if target.host.lower() not in service.limits.redirect_hosts:
                shown = service.shown(target.host)
                raise ToolUnavailable(f"{service.name} redirects to another host, {shown}, which redirect_hosts does not name")
            if not service.limits.private_addresses and await _is_private(target.host):
                raise ToolUnavailable(f"{service.name} redirects to {target.host}, which is private; private_addresses does not allow it")
        headers = dict(service.headers)
        if not _same_host(httpx2.URL(service.url), target):
            headers = {"User-Agent": headers.get("User-Agent", USER_AGENT)}  # our keys are for the service alone
        return self._client.build_request("GET", target, headers={"Accept": "application/json", "Accept-Encoding": "gzip", **headers})


class _Busy(ToolUnavailable):
    """An attempt failed in a way in which the next one may not."""

    def __init__(self, text: str, wait: float | None = None) -> None:
        super().__init__(text)
        self.wait = wait
        """Seconds the service asks us to wait."""


class _Host:
    """The rate of one host, and whether it is left alone. Used in the thread of its door only."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._per_second = 0.0
        self._limiter: AsyncLimiter
        self._failures = 0
        self._rests_until = 0.0

    def keep_to(self, per_second: float) -> None:
        """From now on at most so many calls a second; never more than was said before."""
        from aiolimiter import AsyncLimiter

        if self._per_second and per_second >= self._per_second:
            return
        self._per_second = per_second
        self._limiter = AsyncLimiter(max(1.0, per_second), max(1.0, 1 / per_second))

    async def turn(self) -> None:
        """Waits until the rate allows for one more call."""
        await self._limiter.acquire()

    def admit(self, name: str) -> None:
        """Raises `ToolUnavailable` while the host is left alone; then lets one call through to see how it fares."""
        left = self._rests_until - self._now()
        if left > 0:
            raise ToolUnavailable(f"{name} is not asked for another {left:.0f} seconds, after it failed or asked for rest")
        if self._failures >= TRUSTED_FAILURES:
            self._rests_until = self._now() + REST

    def succeeded(self) -> None:
        self._failures, self._rests_until = 0, 0.0

    def failed(self, wait: float | None = None) -> None:
        """Counts a failure; the host is left alone for as long as it asked, or where it failed too often."""
        self._failures += 1
        rest = max(min(wait or 0.0, LONGEST_REST), REST if self._failures >= TRUSTED_FAILURES else 0.0)
        self._rests_until = max(self._rests_until, self._now() + rest)


async def _body(service: Service, response: "httpx2.Response") -> bytes:
    """The body, decompressed; raises `ToolUnavailable` as soon as it is longer than allowed."""
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
        raise _Busy(f"{service.name} answered {what}", _retry_after(response.headers.get("Retry-After", "")))
    if status in service.refusals and service.refusal:
        raise ConfigError(f"{service.name} refused us ({what}): {service.refusal}")
    if status in service.faults:
        raise ToolError(f"{service.name} refused the argument ({what})")
    raise ToolUnavailable(f"{service.name} answered {what}")


def _words(body: bytes) -> str:
    """The message in an error's JSON, under one of the names that services give it."""
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
    raise ValueError(f"{name} is no JSON")


def _retry_after(value: str) -> float | None:
    """Seconds of a Retry-After, which is a number or a date."""
    if re.fullmatch(r"\d{1,9}", value.strip(), re.ASCII):
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value).astimezone(UTC) - datetime.now(UTC)).total_seconds())
    except (ValueError, OverflowError):
        return None


def _same_host(one: "httpx2.URL", other: "httpx2.URL") -> bool:
    """The same host and port, or the step from http to https on the usual ports."""
    if one.host.lower() != other.host.lower():
        return False
    upgraded = one.scheme == "http" and other.scheme == "https" and one.port is None and other.port is None
    return upgraded or (one.scheme, one.port) == (other.scheme, other.port)


async def _is_private(host: str) -> bool:
    """Has the host an address that is not of the public internet, or none at all?"""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None)
    except OSError:
        return True
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    plain = [getattr(address, "ipv4_mapped", None) or address for address in addresses]
    return not all(address.is_global for address in plain)
