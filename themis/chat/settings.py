"""Settings of an endpoint: its address, rates, and budget; read from a recipe.

Knows nothing of prompts. No setting holds the API key: one names the environment variable that does.
"""

import os
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal
from urllib.parse import urlsplit

from themis.errors import ConfigError
from themis.http.client import is_base_url

Form = Literal["json_schema", "json_object", "text"]
"""How to ask for JSON: with a schema that the server enforces, as any JSON object, or in words."""
FORMS: tuple[Form, ...] = ("json_schema", "json_object", "text")


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of a million tokens, in any currency. Zero for a server of your own."""

    input: float = 0.0
    output: float = 0.0
    cached_input: float | None = None
    """Of input that the server had cached. If not given, it costs as other input."""
    currency: str = "USD"

    def cost(self, input_tokens: int, cached_tokens: int, output_tokens: int) -> Decimal:
        """The exact cost. The `input_tokens` include the `cached_tokens`."""
        cached = self.input if self.cached_input is None else self.cached_input
        fresh = input_tokens - cached_tokens
        total = fresh * Decimal(str(self.input)) + cached_tokens * Decimal(str(cached)) + output_tokens * Decimal(str(self.output))
        return total / 1_000_000


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits on all runs that share a cache. None: no limit."""

    money: float | None = None
    """In the currency of the prices."""
    tokens: int | None = None
    """Input and output."""
    requests: int | None = None
    """Requests sent, failed ones included."""


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """An OpenAI-compatible endpoint."""

    base_url: str
    """The address before `/chat/completions`, such as `http://localhost:8000/v1`."""
    model: str
    api_key_env: str | None = None
    """The name of the environment variable that holds the API key, if the server needs one."""
    structured: Form = "json_schema"
    """If the server refuses a form, the next weaker one is tried, and kept if it works."""
    stream: bool = True
    temperature: float | None = 0.7
    """null: not sent, as some models refuse it."""
    max_tokens: int = 1024
    """Of one answer. It limits what a request can cost."""
    max_tokens_name: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    send_seed: bool = True
    """Whether each request has its own seed, which some servers refuse."""
    extra: dict[str, Any] = field(default_factory=dict)
    """More fields of the request's body, such as `reasoning_effort`."""
    concurrency: int = 8
    """Requests in flight at once."""
    per_minute: float | None = None
    """Requests a minute at most."""
    attempts: int = 6
    """Attempts to send a request before the endpoint counts as down."""
    backoff: float = 1.0
    """Seconds before the second attempt; each further wait is twice as long, up to half a minute."""
    repairs: int = 2
    """How often to ask again after a reply of the wrong form."""
    silence: float = 60.0
    """Seconds between two pieces of an answer."""
    deadline: float = 300.0
    """Seconds for one attempt, from start to end."""
    longest_wait: float = 600.0
    """The longest wait in seconds that an endpoint may ask for (Retry-After) before it counts as down."""
    max_bytes: int = 4_000_000
    """Of one answer, with the server's JSON around it."""
    prices: Prices = Prices()
    budget: Budget = Budget()
    cache: str | None = None
    """A file for the replies. Without it, the caller chooses one."""

    def __post_init__(self) -> None:
        check_address(self.base_url)
        if not self.model.strip():
            raise ConfigError("the endpoint's key 'model' is empty; name the model as its server does")
        if self.structured not in FORMS:
            raise ConfigError(f"the endpoint's key 'structured' must be one of {', '.join(FORMS)}, found '{self.structured}'")
        for name in ("max_tokens", "concurrency", "attempts", "max_bytes", "silence", "deadline", "backoff", "per_minute"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"the endpoint's key '{name}' must be more than 0, found {value}")
        limits = {f"budget.{name}": getattr(self.budget, name) for name in ("money", "tokens", "requests")}
        prices = {f"prices.{name}": getattr(self.prices, name) for name in ("input", "output", "cached_input")}
        for name, value in {**limits, **prices, "repairs": self.repairs, "longest_wait": self.longest_wait}.items():
            if value is not None and not value >= 0:
                raise ConfigError(f"the endpoint's key '{name}' must not be negative, found {value}")
        if self.budget.money is not None and not (self.prices.input or self.prices.output):
            raise ConfigError("the endpoint has a budget in money but no prices; set prices.input and prices.output, per million tokens")

    @property
    def host(self) -> str:
        """The host, as error messages name it."""
        return urlsplit(self.base_url).netloc

    def key(self) -> str | None:
        """The key from the environment. Raises `ConfigError` if the variable is not set or cannot be sent."""
        if self.api_key_env is None:
            return None
        key = os.environ.get(self.api_key_env, "").strip()
        if not key:
            raise ConfigError(f"the environment variable {self.api_key_env}, which should hold the key of {self.host}, is not set")
        if not key.isascii() or not key.isprintable():
            raise ConfigError(f"the key in {self.api_key_env} holds characters that cannot be sent in a header")
        return key


def check_address(base_url: str) -> None:
    """Raises `ConfigError` for an unusable address, or one with a secret, which error messages would show."""
    if "@" in base_url.partition("//")[2].partition("/")[0]:
        raise ConfigError("the endpoint's key 'base_url' holds a user name; put the secret in the variable that api_key_env names")
    if not is_base_url(base_url):
        raise ConfigError(f"the endpoint's key 'base_url' must be an address of the form https://host/v1, found '{base_url[:100]}'")
