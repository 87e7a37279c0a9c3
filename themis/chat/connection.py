"""The connection to one chat endpoint: sends a request and reads its reply, within deadline, cap and rate.

Each cause of failure has one kind of error. Attempts run in one event loop, in a thread of its own, where they can be
cancelled whatever the server does. Redirects are not followed: key and questions are meant for the configured host
only.

Knows nothing of retries, caches or money (`chat`). The libraries behind it are imported with the first request.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from themis.background import BackgroundLoop
from themis.chat.answer import Assembly, Broken, decoded_body, error_words
from themis.chat.prompt import ChatError, Said
from themis.chat.settings import ChatSettings
from themis.chat.spending import tokens_of
from themis.errors import ConfigError
from themis.http.client import USER_AGENT, masked, rate_limiter
from themis.http.retry_after import seconds_of

if TYPE_CHECKING:
    import httpx2
    from aiolimiter import AsyncLimiter

_BUSY = frozenset({408, 409, 425, 429})
_FAULTS = frozenset({400, 405, 413, 415, 422, 501})
_ERROR_BYTES = 64_000
"""How much of an error's body is read."""
TOO_LONG = "too_long"
"""The finish reason of a reply longer than `max_bytes`."""


class Again(ChatError):
    """An attempt failed, and the next one may succeed."""

    def __init__(self, text: str, began: bool = False, written: int = 0) -> None:
        super().__init__(text)
        self.began = began
        """An answer had begun, so the server may charge for it."""
        self.written = written
        """About how many of its tokens arrived."""


class Rejected(ChatError):
    """The server rejects this request."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.code = code


class Connection:
    """Connections to one endpoint. Thread-safe."""

    def __init__(self, settings: ChatSettings) -> None:
        self._settings = settings
        self._key = settings.key()
        self._url = settings.base_url.rstrip("/") + "/chat/completions"
        self._loop = BackgroundLoop("themis-chat", self._open, lambda: self._client.aclose())
        self._rests_until = 0.0
        self._client: httpx2.AsyncClient
        self._limiter: AsyncLimiter | None = None

    def send(self, body: Mapping[str, Any], read_tokens: int) -> Said:
        """The reply to a request body; raises `Again`, `Rejected`, `ChatError` and `ConfigError`.

        `read_tokens` is our estimate of the body's length.
        """
        future = self._loop.submit(self._send(body, read_tokens))
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Closes all connections and ends the thread."""
        self._loop.close()

    def _open(self) -> None:
        import httpx2

        limits = httpx2.Limits(max_connections=self._settings.concurrency)
        self._client = httpx2.AsyncClient(timeout=None, follow_redirects=False, limits=limits)
        if self._settings.per_minute:
            self._limiter = rate_limiter(self._settings.per_minute / 60)

    async def _send(self, body: Mapping[str, Any], read_tokens: int) -> Said:
        import httpx2

        settings, assembly = self._settings, Assembly()
        await asyncio.sleep(max(0.0, self._rests_until - time.monotonic()))
        if self._limiter is not None:
            await self._limiter.acquire()
        headers = {"Accept": "application/json, text/event-stream", "Accept-Encoding": "identity", "User-Agent": USER_AGENT}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key}"
        try:
            async with asyncio.timeout(settings.deadline):
                response = await self._client.send(self._client.build_request("POST", self._url, json=body, headers=headers), stream=True)
                try:
                    if response.status_code >= 300:
                        raise await self._failure(response)
                    too_long = await self._read(response, assembly)
                finally:
                    await response.aclose()
        except TimeoutError as error:
            raise self._again(f"did not end its answer within {settings.deadline:g} seconds", assembly) from error
        except Broken as error:
            raise self._again(f"sent {self._shown(str(error))}", assembly) from error
        except httpx2.TransportError as error:
            raise self._again(f"cannot be reached, or dropped the connection ({type(error).__name__})", assembly) from error
        said = assembly.said((read_tokens, _written(assembly)), (self._key,) if self._key else ())
        return Said("", finish=TOO_LONG, input_tokens=read_tokens, output_tokens=said.output_tokens, estimated=True) if too_long else said

    async def _read(self, response: "httpx2.Response", assembly: Assembly) -> bool:
        """Fills the assembly; True if the answer exceeds the cap and the rest was not read."""
        streams = response.headers.get("Content-Type", "").lower().startswith("text/event-stream")
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise Broken("a compressed answer, which was not asked for")
        read, whole = 0, bytearray()
        async for piece in self._pieces(response, self._settings.silence if streams else None):
            read += len(piece)
            if read > self._settings.max_bytes:
                return True
            if streams:
                assembly.feed(piece)
                if assembly.done:
                    return False
            else:
                whole += piece
        if streams:
            assembly.feed(b"\n")
        else:
            assembly.take(decoded_body(bytes(whole)))
        if streams and not assembly.finish and not assembly.done:
            raise Broken("a stream that ended before its answer did")
        if not streams and not (assembly.finish or any(assembly.text) or any(assembly.refusal)):
            raise Broken("an answer without choices")
        return False

    async def _pieces(self, response: "httpx2.Response", silence: float | None) -> AsyncIterator[bytes]:
        pieces = response.aiter_raw()
        while True:
            try:
                async with asyncio.timeout(silence):
                    piece = await anext(pieces)
            except StopAsyncIteration:
                return
            except TimeoutError as error:
                raise Broken(f"nothing for {silence:g} seconds in the middle of an answer") from error
            yield piece

    async def _failure(self, response: "httpx2.Response") -> ChatError | ConfigError:
        """The error that an HTTP status other than success means."""
        status, host = response.status_code, self._settings.host
        if status < 400:
            return ConfigError(f"{host} redirects elsewhere (HTTP {status}), which is not followed; set base_url to the new address")
        words, code = await self._words(response)
        what = f"HTTP {status}: {words}" if words else f"HTTP {status}"
        if status == 402 or code == "insufficient_quota":
            return ChatError(f"{host} asks for payment ({what}); all answers so far are kept: pay, then run the same command again")
        if status in (401, 403):
            key = f"check the key in {self._settings.api_key_env}" if self._settings.api_key_env else "set api_key_env if it needs a key"
            return ConfigError(f"{host} refused the request ({what}); {key}")
        if status == 404:
            return ConfigError(f"{host} knows no such address or model ({what}); check base_url and model '{self._settings.model}'")
        if status in _FAULTS:
            return Rejected(what, code)
        if status not in _BUSY and status < 500:
            return ChatError(f"{host} answered {what}; all answers so far are kept")
        wait = seconds_of(response.headers.get("Retry-After", ""))
        if wait is not None and wait > self._settings.longest_wait:
            return ChatError(f"{host} asks to wait {wait:.0f} seconds ({what}); nothing is lost: run the same command again after that")
        self._rests_until = max(self._rests_until, time.monotonic() + (wait or 0.0))
        return Again(f"{host} answered {what}")

    async def _words(self, response: "httpx2.Response") -> tuple[str, str]:
        """The message and the code of an error's JSON."""
        body = bytearray()
        async for piece in self._pieces(response, self._settings.silence):
            body += piece
            if len(body) > _ERROR_BYTES:
                return "", ""
        try:
            found = decoded_body(bytes(body))
        except Broken:
            return "", ""
        error = (found.get("error") or found) if isinstance(found, dict) else ""
        code = error.get("code") if isinstance(error, dict) else None
        return self._shown(error_words(error)), code if isinstance(code, str) else ""

    def _again(self, what: str, assembly: Assembly) -> Again:
        written = _written(assembly)
        return Again(f"{self._settings.host} {what}", written > 0, written)

    def _shown(self, words: str) -> str:
        return masked(words, (self._key,) if self._key else ())


def _written(assembly: Assembly) -> int:
    return tokens_of("".join(assembly.text) + "".join(assembly.refusal))
