"""A loop in the background: its work ends or is cancelled, and it starts again after its end and in a fork."""

import asyncio
import os
import threading
from concurrent.futures import CancelledError

import pytest

from themis.background import BackgroundLoop


class Counted:
    """Says how often a loop was opened and closed."""

    def __init__(self) -> None:
        self.opened = self.closed = 0
        self.loop = BackgroundLoop("counted", self._open, self._close)

    def _open(self) -> None:
        self.opened += 1

    async def _close(self) -> None:
        self.closed += 1


async def _thread() -> str:
    return threading.current_thread().name


def test_work_runs_in_a_thread_of_its_own_which_the_first_piece_begins() -> None:
    counted = Counted()
    assert counted.opened == 0
    assert [counted.loop.submit(_thread()).result(5) for _ in range(2)] == ["counted", "counted"]
    assert (counted.opened, counted.closed) == (1, 0)
    counted.loop.close()
    assert all(thread.name != "counted" for thread in threading.enumerate())


def test_after_its_end_it_begins_anew_and_ends_but_once() -> None:
    counted = Counted()
    counted.loop.close()
    for times in (1, 2):
        counted.loop.submit(_thread()).result(5)
        counted.loop.close()
        counted.loop.close()
        assert (counted.opened, counted.closed) == (times, times)


def test_what_is_cancelled_goes_no_further() -> None:
    counted = Counted()
    began, cancelled = threading.Event(), threading.Event()

    async def endless() -> None:
        began.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    work = counted.loop.submit(endless())
    assert began.wait(5)
    work.cancel()
    with pytest.raises(CancelledError):
        work.result(5)
    assert cancelled.wait(5)
    counted.loop.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_of_the_process_has_a_loop_of_its_own() -> None:
    counted = Counted()
    counted.loop.submit(_thread()).result(5)
    child = os.fork()
    if not child:
        answered = False
        try:
            answered = counted.loop.submit(_thread()).result(5) == "counted" and counted.opened == 2
        finally:
            os._exit(0 if answered else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    counted.loop.close()
