"""The warm process of the sandbox: started once, walled in once, and forking twice for each job.

The first fork is the supervisor. It gives the job its own namespaces and scratch, holds the deadline and the caps,
kills, and reports the outcome. The second fork is the job. The sandbox speaks to the worker over a socket, with one
message and one descriptor for each job, and to the supervisor over that descriptor. The worker ends when its socket
closes. It imports the standard library and its siblings alone, so that there is little in memory to steal.
"""

import ctypes
import fcntl
import gc
import importlib
import io
import json
import math
import os
import platform
import select
import signal
import socket
import sys
import time
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from themis.tools.code import kernel
from themis.tools.code.filters import seccomp_filter
from themis.tools.code.job import CHANNEL, run_job

BOX, SCRATCH = "/box", "/box/scratch"
MAX_OUTPUT = 1 << 20
"""Bytes that are kept of what a job prints."""
MAX_REPORTS = 20 << 20
"""Bytes; a job that reports more is killed. Two values of the largest size (`values`) fit."""
TICK = 0.5
"""Seconds between two looks at a job's clock."""
THREADS = 32 + 3 * (os.cpu_count() or 1)
"""Of all jobs at once, with their supervisors: the kernel counts by user, not by job."""
_USERS = range(61_184, 65_519)
"""What root becomes: user ids that systemd, Debian and the like never assign permanently."""
_PRELOADED = (
    "array ast asyncio bisect calendar cmath collections contextlib copy csv dataclasses datetime decimal enum fractions functools "
    "hashlib heapq io itertools json keyword locale math numbers operator pprint queue random re statistics string struct textwrap "
    "threading time traceback types typing unicodedata uuid"
)
"""What answers import, loaded before a job starts."""


@dataclass(frozen=True, slots=True)
class Walls:
    """What a tier sets up before the first job, and what it does for each."""

    rules: int
    """Landlock's rule set, an open descriptor; -1 without any walls."""
    threads: int
    directory: str
    """Where a job starts."""
    kept: tuple[int, ...] = ()
    """Descriptors that jobs need: those of the library, if they may not open its path."""
    around_job: Callable[[int], None] = field(default=lambda scratch_mb: None)
    """Called in the supervisor before it forks."""


def main() -> NoReturn:
    """Serves the socket whose descriptor is the first argument, in the tier named by the second."""
    control = socket.socket(fileno=int(sys.argv[1]))
    os.environ.clear()
    _preload()
    try:
        walls = TIERS[sys.argv[2]]()
    except OSError as error:
        control.send(str(error).encode())
        os._exit(1)
    control.send(b"ready")
    assert isinstance(sys.stdout, io.TextIOWrapper)
    sys.stdout.reconfigure(line_buffering=True)  # keeps what a job printed before it was killed
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for supervisors
    worker = os.getpid()
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 16, 1)
        if not message:
            os._exit(0)
        if os.fork() == 0:
            control.close()
            _supervise(socket.socket(fileno=descriptors[0]), walls, worker)
        os.close(descriptors[0])


# --- the tiers -------------------------------------------------------------------------------------


def _namespaces() -> Walls:
    """Own mounts, network, users, IPC and host name; a root of libraries only. Jobs have own processes and scratch."""
    spaces = kernel.NEW_MOUNTS | kernel.NEW_NETWORK | kernel.NEW_IPC | kernel.NEW_HOSTNAME
    shown = [*_libraries(), "/dev/null"]
    proc_self = os.open("/proc/self", os.O_PATH)
    user = _free_user()
    if os.geteuid() == 0:
        # Root mounts first and drops its rights after: others may not enter its directories.
        kernel.unshare(spaces)
        socket.sethostname("sandbox")
        kernel.enter_empty_root(shown, SCRATCH)
        kernel.become(user)
        kernel.unshare(kernel.NEW_USERS | kernel.NEW_MOUNTS)
        kernel.map_user(user, user, proc_self)
    else:
        uid, gid = os.getuid(), os.getgid()
        kernel.unshare(kernel.NEW_USERS | spaces)
        kernel.map_user(uid, gid, proc_self)
        socket.sethostname("sandbox")
        kernel.enter_empty_root(shown, SCRATCH)
    os.close(proc_self)
    # The rule is for the parent directory, as each job mounts its own scratch below it.
    writable = (os.open(BOX, os.O_PATH), kernel.READ | kernel.LIST | kernel.WRITE | kernel.CREATE_AND_REMOVE)
    rules = _rules([_directory(path) for path in _libraries()], writable)

    def around_job(scratch_mb: int) -> None:
        kernel.unshare(kernel.NEW_MOUNTS | kernel.NEW_PIDS)
        kernel.mount_scratch(SCRATCH, scratch_mb)

    return Walls(rules, THREADS, SCRATCH, around_job=around_job)


def _landlock() -> Walls:
    """The same rules on files and calls without namespaces. Nothing can be written, as nothing could cap it."""
    libraries = {path: _directory(path) for path in _libraries()}
    rules = _rules(list(libraries.values()))
    if os.geteuid() != 0:
        return Walls(rules, kernel.users_with_processes()[os.getuid()] + THREADS, "/")
    # The library may lie in root's home, closed to the user that root becomes: go by open descriptors.
    _move_path({path: f"/proc/self/fd/{descriptor}" for path, descriptor in libraries.items()})
    kernel.become(_free_user())
    return Walls(rules, THREADS, "/", kept=tuple(libraries.values()))


def _bare() -> Walls:
    """No walls: for trusted code."""
    return Walls(-1, kernel.users_with_processes()[os.getuid()] + THREADS, "/tmp")


TIERS: dict[str, Callable[[], Walls]] = {"namespaces": _namespaces, "landlock": _landlock, "bare": _bare}


def _rules(libraries: list[int], *more: tuple[int, int]) -> int:
    seccomp_filter(platform.machine(), 1)  # made once, and refuses an unknown machine before the first job
    rights = [right for library in libraries for right in kernel.library_rights(library)]
    device = os.open("/dev/null", os.O_PATH)
    rules = kernel.landlock_rules([*rights, (device, kernel.READ | kernel.WRITE), *more])
    for descriptor in {descriptor for descriptor, _ in (*rights, *more, (device, 0))} - set(libraries):
        os.close(descriptor)
    return _high(rules)


def _directory(path: str) -> int:
    return _high(os.open(path, os.O_RDONLY | os.O_DIRECTORY))


def _high(descriptor: int) -> int:
    """The same descriptor with a number too high for a job's own descriptors."""
    high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 16)
    os.close(descriptor)
    return high


def _libraries() -> list[str]:
    """The directories of the standard library: all of `sys.path`, as the worker starts without site packages.

    And the time zones that it reads.
    """
    found = [os.path.realpath(path) for path in (*sys.path, *zoneinfo.TZPATH) if os.path.isdir(path)]
    return list(dict.fromkeys(found))


def _move_path(moved: dict[str, str]) -> None:
    """From now on, imports come from other places, also the missing modules of imported packages."""
    paths = [sys.path, *(module.__path__ for module in list(sys.modules.values()) if hasattr(module, "__path__"))]
    longest_first = sorted(moved, key=len, reverse=True)
    for path in paths:
        for at, entry in enumerate(map(os.path.realpath, list(path))):
            old = next((old for old in longest_first if entry.startswith(old)), None)
            if old is not None:
                path[at] = moved[old] + entry[len(old) :]
    sys.path_importer_cache.clear()


def _free_user() -> int:
    """A user without a process, so that limits count ours alone. Workers that start together take different ones."""
    taken = kernel.users_with_processes()
    candidates = (_USERS[(os.getpid() + at) % len(_USERS)] for at in range(len(_USERS)))
    return next(uid for uid in candidates if uid not in taken)


def _preload() -> None:
    """Imports what answers import, and loads all C libraries of the standard library ahead of jobs."""
    for name in _PRELOADED.split():
        importlib.import_module(name)
    for path in sys.path:
        for file in sorted(Path(path).glob("*.so")) if path.endswith("lib-dynload") else ():
            if not file.name.startswith(("_test", "_xx", "_tkinter", "xx")):
                try:
                    ctypes.CDLL(str(file))
                except OSError:
                    continue  # it needs a library that is not installed, so it cannot be imported outside either


# --- one job ---------------------------------------------------------------------------------------


def _supervise(reply: socket.socket, walls: Walls, worker: int) -> NoReturn:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    kernel.die_with_parent()
    if os.getppid() != worker:
        os._exit(1)  # the worker ended before it was watched
    with reply.makefile("rb") as stream:
        job: dict[str, Any] = json.loads(stream.readline())
    walls.around_job(job["scratch_mb"])
    output, channel = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        _become_job(job, walls, output[1], channel[1])
    os.close(output[1])
    os.close(channel[1])
    end, printed, reports = _watch(pid, reply, job, output[0], channel[0])
    reply.sendall(json.dumps([end, len(printed), len(reports)]).encode() + b"\n")
    reply.sendall(printed)
    reply.sendall(reports)
    os._exit(0)


def _watch(pid: int, reply: socket.socket, job: dict[str, Any], output: int, channel: int) -> tuple[str, bytearray, bytearray]:
    """Reads what the job writes until it ends, is late, reports too much, or nobody waits for it any more."""
    waited, last = 0.0, time.monotonic()
    ended, asked = os.pidfd_open(pid), reply.fileno()
    read: dict[int, bytearray] = {output: bytearray(), channel: bytearray()}
    most = {output: MAX_OUTPUT, channel: MAX_REPORTS + 1}
    poll = select.poll()
    for descriptor in (output, channel, ended):
        poll.register(descriptor, select.POLLIN)
    poll.register(asked, select.POLLHUP)
    reason = ""
    while not reason:
        left = min(job["wall_seconds"] - waited, (job["seconds"] - _cpu_seconds(pid)) / (os.cpu_count() or 1))
        ready = [descriptor for descriptor, _ in poll.poll(max(5, 1000 * min(left, TICK)))]
        now = time.monotonic()
        # A longer gap means that the machine stood still, and the job with it.
        waited, last = waited + min(now - last, 2 * TICK), now
        for descriptor in ready:
            if descriptor in read and not _take(descriptor, read[descriptor], most[descriptor]):
                poll.unregister(descriptor)
        if ended in ready:
            break
        if len(read[channel]) > MAX_REPORTS:
            reason = "flooded"
        elif asked in ready or waited >= job["wall_seconds"] or _cpu_seconds(pid) >= job["seconds"]:
            reason = "timed out"
    if reason:
        _kill(pid)
    _, status = os.waitpid(pid, 0)
    for descriptor, content in read.items():
        room = most[descriptor]
        while len(content) < room and select.select([descriptor], [], [], 0)[0] and _take(descriptor, content, room):
            pass
    if not reason and len(read[channel]) > MAX_REPORTS:
        reason = "flooded"
    return reason or ("crashed" if os.WIFSIGNALED(status) else "exited"), read[output], read[channel]


def _cpu_seconds(pid: int) -> float:
    """CPU time of a process, exact. The kernel's limit counts ticks, and on a busy machine those of others."""
    try:
        return time.clock_gettime(~pid << 3 | 2)
    except OSError:
        return 0.0  # it has just ended


def _take(descriptor: int, content: bytearray, most: int) -> bool:
    """Reads a piece, and keeps it while there is room; says whether there may be more."""
    found = os.read(descriptor, 1 << 16)
    content += found[: most - len(content)]
    return bool(found)


def _kill(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(pid, signal.SIGKILL)  # it has not made its group yet


def _become_job(job: dict[str, Any], walls: Walls, output: int, channel: int) -> NoReturn:
    """The child's side of the fork. It always exits here, and never returns into the worker's loop."""
    try:
        kernel.die_with_parent()
        os.setpgid(0, 0)
        os.chdir(walls.directory)
        _arrange_descriptors(walls, output, channel)
        kernel.limit(
            # The supervisor counts exactly; this is in case it cannot.
            cpu_seconds=2 * math.ceil(job["seconds"]) + 1,
            memory_mb=job["memory_mb"],
            file_mb=job["scratch_mb"],
            threads=walls.threads,
        )
        if walls.rules >= 0:
            kernel.restrict(walls.rules, os.getpid())
        gc.enable()
        run_job(job)
    finally:
        os._exit(0)


def _arrange_descriptors(walls: Walls, output: int, channel: int) -> None:
    """0 reads nothing, 1 and 2 are the output, 3 the reports. Beyond these, only what the walls need stays open."""
    nothing = os.open("/dev/null", os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2), (channel, CHANNEL)):
        os.dup2(source, target)
    lowest = CHANNEL + 1
    for kept in sorted((*walls.kept, *((walls.rules,) if walls.rules >= 0 else ()))):
        os.closerange(lowest, kept)
        lowest = kept + 1
    os.closerange(lowest, os.sysconf("SC_OPEN_MAX"))
