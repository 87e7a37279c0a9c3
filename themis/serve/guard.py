"""The door: which requests come in, how large and how slow they may be, and what happens when a client goes away.

An ASGI middleware around the whole app. What is behind it gets bodies whole, and is cancelled at once where nobody
waits for its answer any more. Knows nothing of judging.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from themis.errors import where_raised
from themis.serve.lifecycle import Lifecycle
from themis.serve.listening import LOOPBACK, comes_from_loopback, has_token, names_loopback
from themis.serve.refusal import Forms, Refusal, said

LARGEST_BODY = 8 * 2**20
SLOWEST_BODY = 30.0
CLIENT_LEFT = 499
"""nginx's number for it; nobody reads it but the metrics."""
OPEN = ("/health", "/ready")
"""What a load balancer asks, without a token. They say nothing of any case."""
ALWAYS = (*OPEN, "/metrics")
"""What is answered while the server ends."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Door:
    """Who may come in."""

    host: str = "127.0.0.1"
    token: str = ""
    largest_body: int = LARGEST_BODY
    slowest_body: float = SLOWEST_BODY
    lifecycle: Lifecycle = field(default_factory=Lifecycle)

    def check(self, scope: Scope) -> None:
        """Raises `Refusal` for whom the server does not answer."""
        if self.host in LOOPBACK:
            if not names_loopback(scope):
                raise Refusal(421, "this server answers requests to localhost alone: the header Host names another")
            if not comes_from_loopback(scope):
                raise Refusal(403, "this server answers no page of another origin: the header Origin names one")
        if self.token and scope["path"] not in OPEN and not has_token(scope, self.token):
            raise Refusal(401, "a bearer token is required", headers={"WWW-Authenticate": "Bearer"})

    async def body(self, scope: Scope, receive: Receive) -> bytes:
        """All of it. Raises `Refusal` where it is too large or too slow, and `ClientLeft`."""
        too_large = Refusal(413, f"the body is larger than {self.largest_body} bytes")
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length) > self.largest_body:
            raise too_large
        body = bytearray()
        try:
            async with asyncio.timeout(self.slowest_body):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientLeft
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                    if len(body) > self.largest_body:
                        raise too_large
        except TimeoutError:
            raise Refusal(408, f"the body did not come within {self.slowest_body:g} seconds", headers={"Connection": "close"}) from None
        return bytes(body)

    def check_open(self, scope: Scope) -> None:
        """Raises `Refusal` where the server is about to end."""
        if self.lifecycle.draining and scope["path"] not in ALWAYS:
            raise Refusal(503, "the server is about to end, and takes no more requests", retry_after=1)


class ClientLeft(Exception):
    """Nobody waits for the answer."""


class Guard:
    """Lets requests through the door, and says of each how it was answered."""

    def __init__(self, app: ASGIApp, door: Door, forms: Forms, answered: Callable[[Scope, int], None]) -> None:
        """`answered` gets each request once it is over, with its status."""
        self._app, self._door, self._forms, self._answered = app, door, forms, answered

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        status = CLIENT_LEFT

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._let_in(scope, receive, sent)
        except Refusal as refusal:
            await said(refusal, scope["path"], self._forms)(scope, receive, sent)
        except ClientLeft:
            pass
        except Exception as error:  # a bug of ours: it is answered, so what is left is to say it
            logger.error("%.200r failed: %s", scope["path"], where_raised(error))
        finally:
            self._answered(scope, status)

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        door = self._door
        door.check(scope)
        body = await door.body(scope, receive)
        door.check_open(scope)
        door.lifecycle.requests += 1
        try:
            await _while_connected(self._app(scope, _once(body), send), receive)
        finally:
            door.lifecycle.requests -= 1


async def _while_connected(answer: Awaitable[None], receive: Receive) -> None:
    """Await an answer, and cancel it as soon as its client goes away."""
    answering = asyncio.ensure_future(answer)
    leaving = asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        client_left = answering.cancel()
    try:
        await answering
    except asyncio.CancelledError:
        if not client_left:
            raise


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _once(body: bytes) -> Receive:
    """The whole body as one message. Nothing comes after it: whoever leaves is noticed here."""
    messages: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop()

    return receive
