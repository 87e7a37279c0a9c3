"""An event loop in a thread of its own. Any thread can wait for its work, and cancel it."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class BackgroundLoop:
    """Starts with the first piece of work, and again after a fork, which inherits the object but not the thread."""

    def __init__(self, name: str, opened: Callable[[], None], farewell: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """`opened` is called before the thread starts, `farewell` awaited before it ends: for the loop's resources."""
        self._name, self._opened, self._farewell = name, opened, farewell
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Starts a piece of work. Cancelling its future cancels it."""
        with self._lock:
            if not self._runs():
                self._loop = asyncio.new_event_loop()
                self._opened()
                self._thread = threading.Thread(target=self._loop.run_forever, name=self._name, daemon=True)
                self._thread.start()
            return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self) -> None:
        """Ends the thread, if it runs. The next piece of work starts another."""
        with self._lock:
            if self._thread is None or not self._runs():
                return
            asyncio.run_coroutine_threadsafe(self._farewell(), self._loop).result(timeout=5)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=5)
            self._loop.close()
            self._thread = None

    def _runs(self) -> bool:
        return self._thread is not None and self._thread.is_alive()
