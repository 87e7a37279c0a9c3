"""Commands of `themis` in processes of their own, and what runs below them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from themis.model.named import NANO

ROOT = Path(__file__).parents[2]
PATIENCE = 300.0
"""Seconds; a busy machine takes minutes for what else takes some seconds."""
needs_nano = pytest.mark.skipif(not NANO.is_dir(), reason="no nano model here: `themis train nano --out themis/model/nano`")


@contextmanager
def command(*words: object) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "NO_COLOR": "1", "PYTHONPATH": str(ROOT), "THEMIS_DATA": ""}
    given = [sys.executable, "-m", "themis", *map(str, words)]
    with subprocess.Popen(given, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def below(process: subprocess.Popen[str], opening: str) -> list[psutil.Process]:
    """The processes that it started, and those that these started, whose names begin so."""
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            if child.cmdline()[0].startswith(opening):
                found.append(child)
        except (psutil.Error, IndexError):
            continue
    return found


def listening_beyond_loopback(process: subprocess.Popen[str]) -> list[str]:
    found = []
    for child in (psutil.Process(process.pid), *below(process, "")):
        for socket in child.net_connections("inet"):
            if socket.status == psutil.CONN_LISTEN and socket.laddr.ip.removeprefix("::ffff:") not in ("127.0.0.1", "::1"):
                found.append(f"{' '.join(child.cmdline())[:60]}: {socket.laddr}")
    return found


def wait_until(holds: Callable[[], Any], process: subprocess.Popen[str]) -> None:
    ends = time.monotonic() + PATIENCE
    while not holds():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < ends
        time.sleep(0.05)


def weekdays(count: int, first: int = 0) -> list[dict[str, str]]:
    """Cases that nano judges by a call."""
    days = [date(2015, 3, 1) + timedelta(first + place) for place in range(count)]
    return [{"question": f"What day of the week is {day}?", "answer": f"{day} is a {day:%A}."} for day in days]


def write_lines(path: Path, rows: list[dict[str, str]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
