"""The sandbox for honest programs, what is kept between jobs (nothing), and its filters, run by an interpreter."""

import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.tools.code.test_sandbox_hostile import processes, why_not
from themis.errors import ToolUnavailable
from themis.tools.code import filters
from themis.tools.code.sandbox import TIERS, Limits, Run, Sandbox, Tier

DONE = (("end",),)


@pytest.fixture(scope="module", params=TIERS)
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    tier: Tier = request.param
    if reason := why_not(tier):
        pytest.skip(reason)
    with Sandbox(Limits(seconds=1), tiers=[tier]) as started:
        yield started


def workers() -> list[int]:
    return [pid for pid, parent, session in processes() if parent == os.getpid() and session == pid]


def test_nothing_is_started_before_the_first_job() -> None:
    before = workers()
    with Sandbox():
        assert workers() == before


def test_output_and_values_come_back(sandbox: Sandbox) -> None:
    run = sandbox.run("import sys\nprint('out', 'é')\nprint('err', file=sys.stderr)\nx = 2", "__themis_report__(7, x, [x, 'é'])")
    assert run == Run("exited", (("values", 7, [2, ["list", 2, "é"]]), ("end",)), False, "out é\nerr\n", sandbox.tier)


def test_the_standard_library_is_there(sandbox: Sandbox) -> None:
    names = (
        "sqlite3 lzma bz2 zlib hashlib ssl ctypes decimal xml.etree.ElementTree concurrent.futures unittest tomllib zoneinfo email.message"
    )
    assert sandbox.run(f"import {', '.join(names.split())}\nhashlib.sha256(b'x')").reports == DONE


def test_threads_asyncio_and_null_work(sandbox: Sandbox) -> None:
    program = (
        "import asyncio, concurrent.futures, contextlib, os, random, time\n"
        "with concurrent.futures.ThreadPoolExecutor(4) as pool: assert sum(pool.map(abs, [-1, 2])) == 3\n"
        "async def f():\n    await asyncio.sleep(0.01)\n    return await asyncio.to_thread(abs, -3)\n"
        "assert asyncio.run(f()) == 3\n"
        "with open(os.devnull, 'w') as null, contextlib.redirect_stdout(null): print('x')\n"
        "random.random(), time.time()"
    )
    assert sandbox.run(program).reports == DONE


def test_the_scratch_is_empty_and_takes_files_where_it_can_be_capped(sandbox: Sandbox) -> None:
    program = "import os\nassert os.listdir('.') == []\nopen('a', 'w').write('x')\nassert open('a').read() == 'x'"
    for _ in range(2):
        reports = sandbox.run(program).reports
        assert reports == DONE if sandbox.tier == "namespaces" else reports[0][1] == "PermissionError"


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("import builtins\nbuiltins.len = None", "assert len('ab') == 2"),
        ("import math\nmath.pi = 3", "import math\nassert math.pi > 3.1"),
        ("import sys\nsys.modules['json'] = None", "import json"),
        ("import os\nos.environ['LEFT'] = 'x'", "import os\nassert 'LEFT' not in os.environ"),
        ("open('left', 'w').close()", "import os\nassert not os.path.exists('left')"),
        ("import os\nos.chdir('/')\nos.umask(0o777)", "import os\nassert os.umask(0) != 0o777"),
        ("import sys\nsys.path.clear()\nsys.meta_path.clear()", "import wave"),
        (
            "import threading, time\nthreading.Thread(target=time.sleep, args=[9]).start()",
            "import threading\nassert threading.active_count() == 1",
        ),
        ("import ctypes\nctypes.string_at(0)", "pass"),
        ("import os, signal\nfor n in range(3, 9): os.close(n) if n == 3 else None", "pass"),
    ],
)
def test_nothing_is_left_of_one_job_for_the_next(sandbox: Sandbox, first: str, then: str) -> None:
    sandbox.run(first)
    assert sandbox.run(then).reports == DONE


def test_sets_have_the_same_order_in_every_sandbox() -> None:
    outputs = set()
    for _ in range(2):
        with Sandbox() as sandbox:
            outputs.add(sandbox.run("print({'alpha', 'beta', 'gamma', 'delta'})").output)
    assert len(outputs) == 1


def test_many_threads_may_ask_at_once(sandbox: Sandbox) -> None:
    with ThreadPoolExecutor(8) as pool:
        outputs = list(pool.map(lambda n: sandbox.run(f"print({n})").output, range(24)))
    assert outputs == [f"{n}\n" for n in range(24)]


def test_a_job_is_killed_when_it_is_late_by_the_clock(sandbox: Sandbox) -> None:
    started = time.monotonic()
    run = sandbox.run("import time\ntime.sleep(60)", limits=Limits(seconds=0.2))
    assert run.end == "timed out"
    assert time.monotonic() - started < 10


def test_time_in_which_the_machine_stood_still_is_not_the_jobs() -> None:
    before = set(workers())
    with Sandbox(Limits(seconds=1)) as sandbox, ThreadPoolExecutor(1) as pool:
        assert sandbox.run("pass").reports == DONE
        (worker,) = set(workers()) - before
        run = pool.submit(sandbox.run, "import time\nfor _ in range(10): time.sleep(0.1)")
        time.sleep(0.5)
        stopped = {pid for pid, _, session in processes() if session == worker} - {worker}
        assert len(stopped) == 2  # the supervisor and the job
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(4)  # the job may take 3 by the clock
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
        assert run.result().end == "exited"


def test_a_worker_that_dies_is_replaced() -> None:
    before = set(workers())
    with Sandbox(Limits(seconds=1)) as sandbox:
        assert sandbox.run("pass").reports == DONE
        (worker,) = set(workers()) - before
        os.kill(worker, signal.SIGKILL)
        with pytest.raises(ToolUnavailable, match="did not answer"):
            sandbox.run("pass")
        assert sandbox.run("pass").reports == DONE


def test_a_job_that_could_not_be_walled_in_is_no_failure_of_the_program() -> None:
    with Sandbox(Limits(memory_mb=1 << 60)) as sandbox, pytest.raises(ToolUnavailable, match="did not answer"):
        sandbox.run("pass")


def test_when_we_are_killed_the_worker_and_its_jobs_die() -> None:
    script = "from themis.tools.code.sandbox import *\nprint(flush=True)\nSandbox(Limits(seconds=90)).run('import time\\ntime.sleep(90)')"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as ours:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (found := of_worker_of(ours.pid)):
            time.sleep(0.1)
        assert len(found) > 2  # the worker, the supervisor, the job
        ours.kill()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and found & {pid for pid, _, _ in processes()}:
        time.sleep(0.1)
    assert not found & {pid for pid, _, _ in processes()}


def of_worker_of(parent: int) -> set[int]:
    """The worker that a process has started, and the worker's processes; empty until a job has lived for a while."""
    alive = processes()
    sessions = {session for pid, above, session in alive if above == parent and session == pid}
    found = {pid for pid, _, session in alive if session in sessions}
    if len(found) > 2:  # or only the job of a probe, which ends at once
        time.sleep(0.5)
        found &= {pid for pid, _, _ in processes()}
    return found if len(found) > 2 else set()


def test_a_fork_of_ours_starts_a_worker_of_its_own() -> None:
    with Sandbox(Limits(seconds=1)) as sandbox:
        assert sandbox.run("pass").reports == DONE
        child = os.fork()
        if child == 0:
            os._exit(0 if sandbox.run("pass").reports == DONE else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert sandbox.run("pass").reports == DONE


def test_no_secret_of_ours_is_in_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEMIS_TEST_SECRET", "hunter2")
    with Sandbox() as sandbox:
        before = set(workers())
        _ = sandbox.tier
        (worker,) = set(workers()) - before
        assert b"hunter2" not in Path(f"/proc/{worker}/environ").read_bytes()


def test_where_no_tier_holds_the_reason_is_told() -> None:
    with Sandbox(tiers=()) as sandbox, pytest.raises(ToolUnavailable, match="no sandbox holds on this machine"):
        sandbox.run("pass")


# --- filters ---------------------------------------------------------------------------------------

MACHINES = tuple(filters.ARCHITECTURES)


def verdict(machine: str, number: int, *arguments: int, architecture: int | None = None, pid: int = 77) -> int:
    """What the filter returns for a call, by running its instructions."""
    instructions = list(struct.iter_unpack("<HBBI", filters.seccomp_filter(machine, pid)))
    padded = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    data = struct.pack("<IIQ6Q", number, architecture or filters.ARCHITECTURES[machine], 0, *padded)
    at = accumulator = 0
    while True:
        code, if_true, if_false, constant = instructions[at]
        at += 1
        match code:
            case 0x20:
                (accumulator,) = struct.unpack_from("<I", data, constant)
            case 0x54:
                accumulator &= constant
            case 0x15:
                at += if_true if accumulator == constant else if_false
            case 0x35:
                at += if_true if accumulator >= constant else if_false
            case 0x06:
                return int(constant)


def numbers(machine: str) -> dict[str, int]:
    column = MACHINES.index(machine)
    return {name: entry[column] for name, entry in filters.NUMBERS.items() if entry[column] is not None}  # type: ignore[misc]


@pytest.mark.parametrize("machine", MACHINES)
def test_calls_that_are_not_named_fail(machine: str) -> None:
    named = {*numbers(machine).values(), filters.CLONE3}
    assert {verdict(machine, number) for number in range(600) if number not in named} == {filters.EPERM}
    assert verdict(machine, filters.CLONE3) == filters.ENOSYS
    assert verdict(machine, 0x40000000) == filters.EPERM
    assert verdict(machine, numbers(machine)["read"], architecture=0x40000003) == filters.KILL


@pytest.mark.parametrize("machine", MACHINES)
def test_calls_without_conditions_are_allowed_whatever_their_arguments(machine: str) -> None:
    for name, number in numbers(machine).items():
        if name not in filters.rules(1):
            assert verdict(machine, number, *[2**64 - 1] * 6) == filters.ALLOW


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("name", "allowed", "refused"),
    [
        ("clone", [(0x3D0F00,)], [(17,), (0x10000011,), (0x3D0F00 | 0x10000000,), (0x3D0F00 | 0x8000,), (0x100,)]),
        ("kill", [(77, 9)], [(78, 9), (0, 9), (1, 9), (2**64 - 1, 9), (2**32 - 1, 0)]),
        ("prlimit64", [(0, 7, 0), (77, 7, 0)], [(0, 7, 1), (78, 7, 0), (0, 7, 1 << 40)]),
        ("socketpair", [(1, 1, 0), (1, 1 | 0o2004000, 0)], [(2, 1, 0), (1, 2, 0), (1, 5, 0), (16, 1, 0)]),
        ("sendto", [(5, 1, 1, 0, 0)], [(5, 1, 1, 0, 1), (5, 1, 1, 0, 1 << 32)]),
        ("fcntl", [(0, 1), (0, 1030)], [(0, 8), (0, 10), (0, 15), (0, 1031), (0, 1024)]),
        ("ioctl", [(0, 0x5401)], [(0, 0x5412), (0, 0x8901)]),
        ("prctl", [(15,)], [(4,), (22,), (38,), (1,)]),
        ("clock_gettime", [(1,), (7,)], [(2**32 - 6,), (2**64 - 618,)]),
        ("getsid", [(0,), (77,)], [(1,), (76,)]),
    ],
)
def test_calls_with_conditions(machine: str, name: str, allowed: list[tuple[int, ...]], refused: list[tuple[int, ...]]) -> None:
    number = numbers(machine)[name]
    assert {verdict(machine, number, *arguments) for arguments in allowed} == {filters.ALLOW}
    assert {verdict(machine, number, *arguments) for arguments in refused} == {filters.EPERM}


def test_the_numbers_are_those_of_this_machine_s_headers() -> None:
    header = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    if not header.is_file():
        pytest.skip("the kernel's headers for x86-64 are not on this machine")
    defined = dict(line.split()[1:3] for line in header.read_text().splitlines() if line.startswith("#define __NR_"))
    assert {name: int(defined[f"__NR_{name}"]) for name in numbers("x86_64")} == numbers("x86_64")


def test_the_numbers_of_aarch64_are_those_of_the_generic_table() -> None:
    header = Path("/usr/include/asm-generic/unistd.h")
    if not header.is_file():
        pytest.skip("the kernel's generic headers are not on this machine")
    lines = [line.split() for line in header.read_text().splitlines() if line.startswith(("#define __NR_", "#define __NR3264_"))]
    defined = {words[1].removeprefix("__NR_").removeprefix("__NR3264_"): words[2] for words in lines if words[2].isdigit()}
    defined["newfstatat"] = defined.pop("fstatat")
    assert {name: int(defined[name]) for name in numbers("aarch64")} == numbers("aarch64")
