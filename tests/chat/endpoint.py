"""A fake OpenAI-compatible server: it listens on loopback, gives prepared answers, and records its requests.

It streams, stalls, sends half an answer, breaks JSON, refuses, limits its rate, fails, and drops the connection.
"""

import json
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self

from themis.chat import ChatSettings

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Says:
    """One answer: a reply of a model, or what stands in its place."""

    content: str | None = ""
    refusal: str | None = None
    finish: str = "stop"
    usage: tuple[int, int] | None = (100, 10)
    """Tokens read and written; None: not counted."""
    cached: int = 0
    status: int = 200
    raw: bytes | None = None
    """A body in place of a reply."""
    headers: Mapping[str, str] = field(default_factory=dict)
    stall: float = 0.0
    """Seconds of silence: in the middle of a stream, else before the answer."""
    drop: Literal["", "at once", "in the middle"] = ""

    def encoded(self) -> bytes:
        turn = {"role": "assistant", "content": self.content, "refusal": self.refusal}
        return json.dumps({"choices": [{"message": turn, "finish_reason": self.finish}], "usage": self._usage()}).encode()

    def pieces(self) -> list[bytes]:
        """The events of a stream, each word one."""
        events: list[Any] = [{"choices": [{"delta": {"role": "assistant", "content": ""}, "finish_reason": None}]}]
        for word in (self.content or "").split(" "):
            events.append({"choices": [{"delta": {"content": word if len(events) == 1 else f" {word}"}, "finish_reason": None}]})
        if self.refusal:
            events.append({"choices": [{"delta": {"refusal": self.refusal}}]})
        events.append({"choices": [{"delta": {}, "finish_reason": self.finish}]})
        if self.usage:
            events.append({"choices": [], "usage": self._usage()})
        return [b": a word to keep the connection\n\n", *(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)]

    def _usage(self) -> Body | None:
        if self.usage is None:
            return None
        return {
            "prompt_tokens": self.usage[0],
            "completion_tokens": self.usage[1],
            "prompt_tokens_details": {"cached_tokens": self.cached},
        }


def failing(status: int, words: str, **headers: str) -> Says:
    """An error in OpenAI's form."""
    return Says(status=status, raw=json.dumps({"error": {"message": words}}).encode(), headers=headers)


def saying(value: Any, **more: Any) -> Says:
    """A reply that is JSON."""
    return Says(json.dumps(value), **more)


Answer = Says | Callable[[Body], Says]


class Endpoint:
    """Gives its answers in turn, the last one for ever; a context manager."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[Body] = []
        self.headers: list[dict[str, str]] = []
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()
        self._leave = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def settings(self, **more: Any) -> ChatSettings:
        """Settings that ask this server and wait for nothing."""
        return replace(ChatSettings(self.url, "tiny", backoff=0.01, attempts=3), **more)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._leave.set()
        self._server.shutdown()
        self._server.server_close()

    def _next(self, body: Body, headers: dict[str, str]) -> Says:
        with self._lock:
            self.asked.append(body)
            self.headers.append(headers)
            answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
        return answer if isinstance(answer, Says) else answer(body)

    def _count(self, more: int) -> None:
        with self._lock:
            self.at_once += more
            self.most_at_once = max(self.most_at_once, self.at_once)

    def _handler(endpoint: "Endpoint") -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the handler's
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
                headers = {name.lower(): value for name, value in self.headers.items()} | {"path": self.path}
                endpoint._count(1)
                try:
                    self._say(endpoint._next(body, headers), bool(body.get("stream")))
                except OSError:  # the other side has heard enough
                    pass
                finally:
                    endpoint._count(-1)

            def _say(self, says: Says, stream: bool) -> None:
                if says.drop == "at once":
                    self._reset()
                    return
                stream = stream and says.raw is None
                if not stream and says.stall and endpoint._leave.wait(says.stall):
                    return
                self.send_response(says.status)
                for name, value in says.headers.items():
                    self.send_header(name.replace("_", "-"), value)
                if not any(name.lower() == "content-type" for name in says.headers):
                    self.send_header("Content-Type", "text/event-stream" if stream else "application/json")
                pieces = says.pieces() if stream else [says.encoded() if says.raw is None else says.raw]
                if says.drop and not stream:
                    self.send_header("Content-Length", str(len(pieces[0])))
                self.send_header("Connection", "close")
                self.end_headers()
                self._write(says, pieces if stream else [pieces[0][: len(pieces[0]) // 2], pieces[0][len(pieces[0]) // 2 :]], stream)

            def _write(self, says: Says, pieces: list[bytes], stream: bool) -> None:
                for at, piece in enumerate(pieces):
                    if at == len(pieces) // 2:
                        if says.drop:
                            return
                        if stream and says.stall and endpoint._leave.wait(says.stall):
                            return
                    self.wfile.write(piece)
                    self.wfile.flush()
                if stream:
                    self.wfile.write(b"data: [DONE]\n\n")

            def _reset(self) -> None:
                """Closes with RST, as a server that falls over does."""
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()

            def log_message(self, format: str, *args: Any) -> None:
                """Tests print nothing."""

        return Handler
