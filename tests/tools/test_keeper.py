"""What a program leaves behind is ended, whatever became of the program."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from themis.errors import ToolTimeout
from themis.tools import keeper, translate

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a keeper works on Linux alone")


def running(word: str) -> int:
    """How many processes have this word among their arguments."""
    count = 0
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            count += word.encode() in (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
    return count


def until(count: int, word: str) -> None:
    deadline = time.monotonic() + 60
    while running(word) != count:
        assert time.monotonic() < deadline, f"{running(word)} of {word} are running, not {count}"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("seconds", "left"),
    [
        ("7201.5", "sleep {} &"),
        ("7202.5", "setsid sleep {} &"),
        ("7203.5", "trap '' TERM HUP; sleep {} & setsid sleep {} &"),
        ("7204.5", "(setsid sh -c 'sleep {} & sleep {}' &);"),
    ],
)
@pytest.mark.parametrize("end", ["exit 3", "kill -9 $$", "told", "input"])
def test_nothing_outlives_its_program(seconds: str, left: str, end: str) -> None:
    script = f"{left.replace('{}', seconds)} echo ready; {'sleep 7209' if end == 'told' else 'cat' if end == 'input' else end}"
    with subprocess.Popen(keeper.kept(["sh", "-c", script]), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"ready\n"
        if end == "told":
            program.send_signal(signal.SIGTERM)
        program.communicate(timeout=60)
    assert program.returncode == {"exit 3": 3, "kill -9 $$": 256 - 9, "told": 128 + 15, "input": 0}[end]
    assert running(seconds) == 0


def test_nothing_outlives_the_owner_of_its_keeper() -> None:
    start = f"import subprocess, time; subprocess.Popen({keeper.kept(['sh', '-c', 'setsid sleep 7205.5 & cat'])!r}); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", start], stdin=subprocess.PIPE) as owner:
        until(1, "7205.5")
        owner.kill()
        until(0, "7205.5")


def test_the_streams_are_the_program_s() -> None:
    done = subprocess.run(keeper.kept(["sh", "-c", "cat; echo bad >&2"]), input=b"x", capture_output=True)
    assert (done.stdout, done.stderr, done.returncode) == (b"x", b"bad\n", 0)


def test_a_translator_that_is_late_is_ended_with_all_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "apertium"
    script.write_text("#!/bin/sh\nsleep 7206.5 | cat\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(ToolTimeout, match="apertium did not answer within 2 seconds"):
        translate._run(["apertium", "-u"], "Hola", 2.0)
    assert running("7206.5") == 0
