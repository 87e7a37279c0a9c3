"""How the server lives and ends: what is in flight ends first, and whoever comes then is refused.

Knows nothing of what requests ask.
"""

import os
from dataclasses import dataclass
from types import FrameType
from typing import Any

import uvicorn

LAST_WORDS = 5
"""Seconds that clients have to read their answers once the last one is made."""


@dataclass
class Lifecycle:
    """Whether new requests are taken, and how many are under way."""

    draining: bool = False
    requests: int = 0

    @property
    def may_end(self) -> bool:
        """Was the server told to end, and is nothing under way?"""
        return self.draining and self.requests == 0


class DrainingServer(uvicorn.Server):
    """SIGTERM or Ctrl-C lets what is in flight end, while new requests get 503; a second one ends at once."""

    def __init__(self, config: uvicorn.Config, lifecycle: Lifecycle) -> None:
        config.timeout_graceful_shutdown = LAST_WORDS
        super().__init__(config)
        self.lifecycle = lifecycle

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """uvicorn would stop listening first, and so refuse connections where a client expects 503."""
        if self.lifecycle.draining:
            os._exit(128 + sig)
        self.lifecycle.draining = True

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second."""
        return await super().on_tick(counter) or self.lifecycle.may_end


def config_of(app: Any) -> uvicorn.Config:
    """Of a server that logs no request, and drops clients that are too slow."""
    from themis.serve.connections import Connection

    return uvicorn.Config(app, http=Connection, ws="none", lifespan="off", log_level="warning", access_log=False, server_header=False)
