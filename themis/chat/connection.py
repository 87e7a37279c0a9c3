"""Sends one request at a time to its end: deadlines, caps, rates, and one kind of failure for each cause.

All attempts run in one event loop, in a thread of its own, where they can be cancelled whatever the other side does.
A redirect is not followed: our key and the questions are for the host of the settings alone.

Knows nothing of retries, caches or money (`chat`). The libraries behind it are imported with the first request.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from themis import __version__
from themis.background import BackgroundLoop
from themis.chat.answer import Assembly, Broken, decoded_body, error_words
from themis.chat.prompt import ChatError, Said
from themis.chat.settings import ChatSettings
from themis.chat.spending import tokens_of
from themis.errors import ConfigError
from themis.http.retry_after import seconds_of

if TYPE_CHECKING:
    import httpx2
    from aiolimiter import AsyncLimiter

_BUSY = frozenset({408, 409, 425, 429})
_FAULTS = frozenset({400, 405, 413, 415, 422, 501})
_ERROR_BYTES = 64_000
"""Of an error's body, as much as is read."""
TOO_LONG = "too_long"
"""How a reply ended that was longer than `max_bytes`."""


class Again(ChatError):
    """An attempt failed in a way in which the next one may not."""

    def __init__(self, text: str, began: bool = False, written: int = 0) -> None:
        super().__init__(text)
        self.began = began
        """An answer was on its way: the server may count it."""
        self.written = written
        """About how many tokens of it came."""


class Rejected(ChatError):
    """The server takes no such request."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.code = code


class Door:
    """Connections to one endpoint. Safe to use from many threads."""

    def __init__(self, settings: ChatSettings) -> None:
        self._settings = settings
        self._key = settings.key()
        self._url = settings.base_url.rstrip("/") + "/chat/completions"
        self._loop = BackgroundLoop("themis-chat", self._open, lambda: self._client.aclose())
        self._rests_until = 0.0
        self._client: httpx2.AsyncClient
        self._limiter: AsyncLimiter | None = None

    def send(self, body: Mapping[str, Any], read_tokens: int) -> Said:
        """The reply to a body; raises `Again`, `Rejected`, `ChatError` and `ConfigError`. `read_tokens` is our estimate of its length."""
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
        from aiolimiter import AsyncLimiter

        limits = httpx2.Limits(max_connections=self._settings.concurrency)
        self._client = httpx2.AsyncClient(timeout=None, follow_redirects=False, limits=limits)
        if self._settings.per_minute:
            per_second = self._settings.per_minute / 60
            self._limiter = AsyncLimiter(max(1.0, per_second), max(1.0, 1 / per_second))

    async def _send(self, body: Mapping[str, Any], read_tokens: int) -> Said:
        import httpx2

        settings, assembly = self._settings, Assembly()
        await asyncio.sleep(max(0.0, self._rests_until - time.monotonic()))
        if self._limiter is not None:
            await self._limiter.acquire()
        headers = {"Accept": "application/json, text/event-stream", "Accept-Encoding": "identity", "User-Agent": f"themis-rm/{__version__}"}
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
        """Fills the assembly; True where the answer is longer than allowed and was left there."""
        streams = response.headers.get("Content-Type", "").lower().startswith("text/event-stream")
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise Broken("an encoded answer, which was not asked for")
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
        """What a response without an answer means."""
        status, host = response.status_code, self._settings.host
        if status < 400:
            return ConfigError(f"{host} redirects elsewhere (HTTP {status}), which is not followed; set base_url to where it is")
        words, code = await self._words(response)
        what = f"HTTP {status}: {words}" if words else f"HTTP {status}"
        if status == 402 or code == "insufficient_quota":
            return ChatError(f"{host} asks for money ({what}); what it said so far is kept: run the same command again once it is paid")
        if status in (401, 403):
            key = f"the key in {self._settings.api_key_env}" if self._settings.api_key_env else "that no api_key_env is set"
            return ConfigError(f"{host} refused us ({what}); check {key}")
        if status == 404:
            return ConfigError(f"{host} knows no such address or model ({what}); check base_url and model '{self._settings.model}'")
        if status in _FAULTS:
            return Rejected(what, code)
        if status not in _BUSY and status < 500:
            return ChatError(f"{host} answered {what}; what it said so far is kept")
        wait = seconds_of(response.headers.get("Retry-After", ""))
        if wait is not None and wait > self._settings.longest_wait:
            return ChatError(f"{host} asks for a rest of {wait:.0f} seconds ({what}); run the same command again after it: nothing is lost")
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
        return words.replace(self._key, "***") if self._key else words


def _written(assembly: Assembly) -> int:
    return tokens_of("".join(assembly.text) + "".join(assembly.refusal))
