"""Runs a program, and ends all that it started once it has ended, is told to end, or has lost its owner.

`python -I -S keeper.py PROGRAM ARGUMENT...`: the standard streams are the program's. As a subreaper it inherits what
the program leaves behind, out of its group and session too. Only on Linux; imports nothing of ours, to start at once.
"""

import ctypes
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

GRACE, SECONDS = 0.5, 3.0
"""Seconds that programs have to end once they are asked to, and in which those that did not must be gone."""
END = signal.SIGTERM if sys.platform == "linux" else signal.SIGKILL
"""What the group of a program is sent to end it: elsewhere than on Linux there is no keeper in it."""
_TOLD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_DIE_WITH_PARENT, _SUBREAPER = 1, 36


def kept(command: list[str]) -> list[str]:
    """The command line that runs a program with a keeper."""
    return [sys.executable, "-I", "-S", __file__, *command] if sys.platform == "linux" and sys.executable else command


def _below(ancestor: int) -> set[int]:
    """The processes that a process started, and those that they did."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            parents[int(entry.name)] = int((entry / "stat").read_bytes().rpartition(b")")[2].split()[1])
    found = {ancestor}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {ancestor}


def _end_all() -> None:
    for each in _TOLD:
        signal.signal(each, signal.SIG_IGN)  # said once is enough
    for number, seconds in ((signal.SIGTERM, GRACE), (signal.SIGKILL, SECONDS)):
        until, told = time.monotonic() + seconds, set[int]()
        while (below := _below(os.getpid())) and time.monotonic() < until:
            for pid in below if number == signal.SIGKILL else below - told:
                with suppress(OSError):
                    os.kill(pid, number)
            told |= below
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            time.sleep(0.01)


def _leave(number: int, frame: object) -> NoReturn:
    raise SystemExit(128 + number)


def main(command: list[str]) -> int:
    """The status of the program."""
    control = ctypes.CDLL(None).prctl
    control(_SUBREAPER, 1, 0, 0, 0)
    control(_DIE_WITH_PARENT, signal.SIGTERM, 0, 0, 0)
    for each in _TOLD:
        signal.signal(each, _leave)
    try:
        program = os.posix_spawnp(command[0], command, os.environ, setsigdef=[signal.SIGPIPE])
        os.closerange(0, 2)  # else its end of the pipes would stay open here
        while (ended := os.waitpid(-1, 0))[0] != program:
            pass
        return os.waitstatus_to_exitcode(ended[1]) % 256
    finally:
        _end_all()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
