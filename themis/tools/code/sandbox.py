"""Runs hostile Python, and says what it did: the sandbox as the rest of the program sees it.

There are two tiers. `namespaces` has its own users, processes, mounts, network and IPC, Landlock, seccomp and limits.
`landlock` has the last three, for machines and containers that bar namespaces. They are tried in this order, with a
real job and an attempted escape, before the first program. If neither holds, nothing runs but what was asked to run
`bare`. No bubblewrap: it has the walls of the first tier and no warm process, 39-63 ms a run in place of 3-8.

Knows nothing of tests, verdicts (`checks`) or tools (`tool`). What a job reports is hostile, too. It is read as data,
and only in lines with the job's own token.
"""

import contextlib
import json
import logging
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from themis.closing import Closing
from themis.errors import ToolUnavailable

Tier = Literal["namespaces", "landlock", "bare"]
TIERS: tuple[Tier, ...] = ("namespaces", "landlock")
"""The tiers with walls, the better one first."""
End = Literal["exited", "crashed", "timed out", "flooded"]

_GRACE = 60.0
"""Seconds that the supervisor may take beyond a job's own."""
_BOOT = """
import sys, types
for name, path in zip(("themis", "themis.tools", "themis.tools.code"), sys.argv[3:]):
    package = sys.modules[name] = types.ModuleType(name)
    package.__path__ = [path]
from themis.tools.code.worker import main
main()
"""
"""Our packages as empty shells, so that the worker loads its few modules and not the whole of Themis."""
_CANARY = """
import os, socket
escapes = []
def attempt(name, act):
    try:
        act()
    except OSError:
        return
    escapes.append(name)
attempt("it reads other files", lambda: open({secret!r}).read())
attempt("it writes other files", lambda: open({secret!r}, "a"))
attempt("it lists other directories", lambda: os.listdir({folder!r}))
attempt("it opens connections", lambda: socket.create_connection(("127.0.0.1", {port}), 2))
attempt("it signals other processes", lambda: os.kill({pid}, 0))
attempt("it starts processes", lambda: os.fork() or os._exit(0))
attempt("it has a /proc", lambda: os.listdir("/proc/self"))
if set(os.environ) or os.getuid() == 0:
    escapes.append("it keeps its environment or its user")
"""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a job may use."""

    seconds: float = 5.0
    """Of processor time. By the clock it is three times as long, as the machine may be busy with other work.

    The slowest right answer in TARA, MBPP and HumanEval takes half of it.
    """
    memory_mb: int = 256
    scratch_mb: int = 16
    """Of files, in the tier `namespaces`. The tier `landlock` cannot cap them, so nothing may be written."""


@dataclass(frozen=True, slots=True)
class Program:
    """What a job runs before its check."""

    text: str
    readings: Sequence[Sequence[str]] = ()
    """Blocks of code to try in its place, the likeliest first: the first that is Python is run."""
    given: str = ""
    """Code of the question. Its imports and helpers stand before the program."""
    asked: Sequence[str] = ()
    """Names that the program must define itself."""
    name: str = "answer"
    """Of its module. As `__main__`, the main part of a script runs."""


@dataclass(frozen=True, slots=True)
class Run:
    """What came of a job."""

    end: End
    reports: tuple[tuple[Any, ...], ...]
    """Its well-formed reports, in order: `("values", place, values)`, `("error", type, text)`, `("end",)`."""
    tampered: bool
    """Something other than the check wrote reports."""
    output: str
    """Standard output and error, cut after a megabyte."""
    tier: Tier


class Sandbox(Closing):
    """A warm worker that forks for each job. It starts with the first job. Thread-safe, also after a fork."""

    def __init__(self, limits: Limits | None = None, *, tiers: Sequence[Tier] = TIERS) -> None:
        self.limits = limits or Limits()
        self._tiers = tuple(tiers)
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(os.cpu_count() or 1)
        self._worker: _Worker | None = None
        self._owner = os.getpid()

    @property
    def tier(self) -> Tier:
        """The tier that holds here. If none does, `ToolUnavailable` gives the reason of each."""
        return self._started().tier

    def run(self, program: str | Program, check: str = "", limits: Limits | None = None) -> Run:
        """Runs a program, then a check that sees its names. Raises `ToolUnavailable` if nothing can be run."""
        with self._slots:
            worker = self._started()
            try:
                return worker.run(Program(program) if isinstance(program, str) else program, check, limits or self.limits)
            except OSError as error:
                self._discard(worker)
                raise ToolUnavailable(f"the sandbox did not answer ({error})") from error

    def close(self) -> None:
        """Ends the worker and whatever runs in it."""
        with self._lock:
            if self._worker is not None and self._owner == os.getpid():
                self._worker.close()
            self._worker = None

    def _started(self) -> "_Worker":
        with self._lock:
            if self._owner != os.getpid():  # this process is a fork of the worker's owner
                self._owner, self._worker = os.getpid(), None
            if self._worker is None:
                self._worker = _first_that_holds(self._tiers)
            return self._worker

    def _discard(self, worker: "_Worker") -> None:
        with self._lock:
            if self._worker is worker:
                self._worker = None
        worker.close()


class _Worker:
    """The worker's process, seen from outside."""

    def __init__(self, tier: Tier) -> None:
        if sys.platform != "linux":
            raise OSError("its walls are those of Linux")
        self.tier = tier
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        packages = [str(folder) for folder in reversed(Path(__file__).parents[:3])]
        arguments = ["-S", "-s", "-P", "-B", "-X", "utf8", "-c", _BOOT, str(theirs.fileno()), tier, *packages]
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # No secret of ours enters its memory, and sets have the same order in every run.
            env={"PYTHONHASHSEED": "0"},
            cwd="/",
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        theirs.close()
        self._control = ours
        self.close = weakref.finalize(self, _end, self._process, ours, os.getpid())
        ours.settimeout(60)
        said = ours.recv(1000).decode("utf-8", "replace")
        if said != "ready":
            self.close()
            raise OSError(said or "the worker ended at once")

    def run(self, program: Program, check: str, limits: Limits) -> Run:
        """Raises `OSError` if no answer comes."""
        token = secrets.token_hex(16)
        job = {**asdict(program), "check": check, "token": token, **asdict(limits), "wall_seconds": 3 * limits.seconds}
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                socket.send_fds(self._control, [b"job"], [theirs.fileno()])
            ours.settimeout(3 * limits.seconds + _GRACE)
            ours.sendall(json.dumps(job).encode() + b"\n")
            end, output, reported = _reply(ours)
        reports, tampered = _reports(reported, token, cut=end == "flooded")
        if reports[:1] != (("ready",),):
            # Sent before the program runs: without it the machine has failed, not the program.
            raise OSError("a job could not be walled in")
        return Run(end, reports[1:], tampered, output, self.tier)


def _first_that_holds(tiers: Sequence[Tier]) -> _Worker:
    reasons = []
    for tier in tiers:
        try:
            worker = _Worker(tier)
        except OSError as error:
            reasons.append(f"{tier}: {error}")
            continue
        fault = None if tier == "bare" else _fault(worker)
        if fault is None:
            return worker
        worker.close()
        reasons.append(f"{tier}: {fault}")
        _log.warning("the sandbox's tier %s does not hold here: %s", tier, fault)
    raise ToolUnavailable(f"no sandbox holds on this machine ({'; '.join(reasons)}); code that you trust can be run with --unsafe")


def _fault(worker: _Worker) -> str | None:
    """What is wrong with a tier: a job must work and an escape must not."""
    with tempfile.TemporaryDirectory(prefix="themis-canary-") as folder, socket.create_server(("127.0.0.1", 0)) as server:
        secret = Path(folder) / "secret"
        secret.touch()
        # Open to everybody: the sandbox must keep the job out, not the file's mode.
        os.chmod(folder, 0o777)
        os.chmod(secret, 0o666)
        canary = _CANARY.format(secret=str(secret), folder=folder, port=server.getsockname()[1], pid=os.getpid())
        try:
            run = worker.run(Program(canary), "import json, zlib\n__themis_report__(0, escapes, 6 * 7)", Limits(seconds=10))
        except OSError as error:
            return f"a job came to nothing ({error})"
    if run.reports == (("values", 0, [["list"], 42]), ("end",)):
        return None
    if run.reports and run.reports[0][0] == "values":
        return ", ".join(run.reports[0][2][0][1:])
    return f"a job did not run ({run.end}{''.join(f', {report[-1]}' for report in run.reports)})"


def _end(process: "subprocess.Popen[bytes]", control: socket.socket, owner: int) -> None:
    control.close()
    if os.getpid() != owner:
        return  # it belongs to the process that was forked
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    process.wait()


def _reply(stream: socket.socket) -> tuple[End, str, str]:
    """How the job ended, its output and its reports, from the supervisor, which is ours and has capped them."""
    with stream.makefile("rb") as answer:
        head = answer.readline()
        if not head.endswith(b"\n"):
            raise OSError("the supervisor ended without an answer")
        end, *sizes = json.loads(head)
        output, reports = (answer.read(size).decode("utf-8", "replace") for size in sizes)
    return end, output, reports


def _reports(text: str, token: str, *, cut: bool) -> tuple[tuple[tuple[Any, ...], ...], bool]:
    """The reports in what a job wrote, and whether there was anything else. `cut` off, the last is not whole."""
    reports: list[tuple[Any, ...]] = []
    for line in text.split("\n")[:-1]:
        report = _report(line, token)
        if report is None:
            return tuple(reports), True
        reports.append(report)
    return tuple(reports), not text.endswith("\n") and bool(text) and not cut


def _report(line: str, token: str) -> tuple[Any, ...] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, list) or len(found) < 2 or found[0] != token:
        return None
    match found[1:]:
        case ["values", int(place), list(values)]:
            return ("values", place, values)
        case ["error", str(kind), str(text)]:
            return ("error", kind, text)
        case ["ready" | "end" as kind]:
            return (kind,)
        case _:
            return None
