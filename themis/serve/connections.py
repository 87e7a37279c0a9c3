"""A connection whose client must keep up: one that sends half a request, or does not read its answer, is dropped.

`guard` has the time that a body may take. Knows nothing of what is asked.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

SECONDS = 30.0
"""That a client may take to send the head of a request, or to read what was sent to it."""


class Connection(H11Protocol):
    """That of uvicorn, which would wait for any time, with two clocks."""

    seconds = SECONDS

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._sending: asyncio.TimerHandle | None = None
        self._reading: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_request()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._expect_request()
        else:
            self._stop_sending()

    def on_response_complete(self) -> None:
        self._stop_sending()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """So much is unread that nothing more is sent."""
        super().pause_writing()
        self._reading = self._reading or self.loop.call_later(self.seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_sending()
        self._stop_reading()
        super().connection_lost(exc)

    def _expect_request(self) -> None:
        self._sending = self._sending or self.loop.call_later(self.seconds, self.transport.abort)

    def _stop_sending(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None

    def _stop_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
