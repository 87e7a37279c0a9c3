"""The HTTP service behind a backend, from its options. All tools of a process share one client.

Knows no particular service. `themis.http.client` makes the calls.
"""

from collections.abc import Mapping
from functools import cache

from themis.errors import ConfigError
from themis.http.client import USER_AGENT, Client, Limits, Service, is_base_url
from themis.tools.setup.backend import Options
from themis.tools.setup.options import number_option, text_option, texts_option, truth_option


def service_of(
    name: str,
    options: Options,
    client: Client | None = None,
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
    if not is_base_url(address):
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
    # httpx shows the header in which a character is wrong, so a key would appear in its message.
    for header in (agent, *(headers or {}).values()):
        if not header.isascii() or not header.isprintable():
            raise ConfigError(f"{name}: the key and the contact must be printable ASCII, as HTTP headers are")
    headers = {**(headers or {}), "User-Agent": agent}
    return Service(name, address, client or shared_client(), limits, headers, secrets, refusal, refusals, faults)


@cache
def shared_client() -> Client:
    """The client that all tools of a process share, so that rates and rests hold for all together."""
    return Client()
