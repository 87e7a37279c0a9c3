"""Hostile programs against every tier that this machine has, as the user of the tests, and for root as nobody."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.tools.code import hostile
from tests.tools.code.hostile import CHECK, LIMITS, aims, held, outcomes, program
from themis.errors import ToolUnavailable
from themis.tools.code.sandbox import TIERS, Sandbox, Tier

ROOT = Path(__file__).parents[2]
UNPRIVILEGED = 61_183
"""A user that nobody is, next to those that root's sandbox drops to."""
_AS_ANOTHER = """
import sys, types
root, *tiers = sys.argv[1:]
for name in ("themis", "themis.tools", "tests", "tests.tools"):
    package = sys.modules[name] = types.ModuleType(name)
    package.__path__ = [root + "/" + name.replace(".", "/")]
from tests.tools.code.hostile import main
sys.argv[1:] = tiers
main()
"""


@cache
def why_not(tier: Tier) -> str | None:
    try:
        with Sandbox(tiers=[tier]) as sandbox:
            _ = sandbox.tier
    except ToolUnavailable as error:
        return str(error)
    return None


@cache
def unprivileged_python() -> str | None:
    """An interpreter that another user can start; ours may lie in root's home."""
    user: dict[str, Any] = {"user": UNPRIVILEGED, "group": UNPRIVILEGED, "extra_groups": []}
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        probe = f"import sys; open({str(ROOT / 'tests/tools/code/hostile.py')!r}); sys.exit(sys.version_info < (3, 11))"
        try:
            if subprocess.run([python, "-c", probe], cwd="/", capture_output=True, env={}, **user).returncode == 0:
                return python
        except OSError:
            continue
    return None


def test_there_are_hostile_programs_of_every_kind() -> None:
    assert len(hostile.PROGRAMS) >= 75
    assert len(hostile.FORGERIES) >= 25


@pytest.mark.parametrize("tier", TIERS)
def test_every_hostile_program_is_held(tier: Tier) -> None:
    if reason := why_not(tier):
        pytest.skip(reason)
    assert outcomes(tier) == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_every_hostile_program_is_held_for_an_unprivileged_user() -> None:
    python = unprivileged_python()
    if python is None:
        pytest.skip("no Python from 3.11 on that another user could start")
    tiers = [tier for tier in TIERS if why_not(tier) is None]
    user: dict[str, Any] = {"user": UNPRIVILEGED, "group": UNPRIVILEGED, "extra_groups": []}
    run = subprocess.run([python, "-c", _AS_ANOTHER, str(ROOT), *tiers], cwd="/", capture_output=True, text=True, env={}, **user)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == {"user": UNPRIVILEGED} | {tier: {} for tier in tiers}


@pytest.mark.parametrize("name", ["the user's files", "a connection", "who else is there", "/proc"])
def test_without_walls_the_same_programs_get_out(name: str) -> None:
    """Else a program that is merely broken would count as held. Only such as do no harm."""
    with Sandbox(LIMITS, tiers=["bare"]) as sandbox, aims() as (canary, port, unix):
        assert held(sandbox.run(program(name, canary, port, unix), CHECK))


@pytest.mark.parametrize("tier", TIERS)
def test_nothing_is_left_of_the_worker_and_its_jobs(tier: Tier) -> None:
    if reason := why_not(tier):
        pytest.skip(reason)
    with Sandbox(LIMITS, tiers=[tier]) as sandbox:
        for source in ("import time\ntime.sleep(99)", "import threading, time\nthreading.Thread(target=time.sleep, args=[99]).start()"):
            sandbox.run(source)
        workers = {session for pid, parent, session in processes() if parent == os.getpid() and session == pid}
        assert len(workers) == 1
        assert soon_gone(lambda: [pid for pid, _, session in processes() if session in workers and pid not in workers])
    assert soon_gone(lambda: [pid for pid, _, session in processes() if session in workers])


def soon_gone(alive: Callable[[], list[int]]) -> bool:
    """A supervisor answers before it ends, so it may live for a moment."""
    deadline = time.monotonic() + 5
    while alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    return not alive()


def processes() -> list[tuple[int, int, int]]:
    """Process, parent and session of all that live (a zombie does not)."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split() if entry.name.isdigit() else ["Z"]
        except OSError:
            continue
        if fields[0] != "Z":
            found.append((int(entry.name), int(fields[1]), int(fields[3])))
    return found
