"""Servers under test, each a process of its own, and the models that they serve."""

import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from benchmarks.serving.client import HOST
from tests.serve.serving import free_port
from themis.model.checkpoint import load_model, save_model
from themis.model.export import export_classifier

PATIENCE = 120.0
THEMIS = ("themis", "serve", "--port")
PEER = ("benchmarks.serving.peer",)
SLOW = ("benchmarks.serving.slow_tool",)


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    port: int
    process: subprocess.Popen[bytes]
    stderr: IO[bytes]

    def ask(self, path: str, body: Any = None) -> Any:
        """The JSON of a call, or the text of what is no JSON."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=PATIENCE)
        connection.request("GET" if body is None else "POST", path, None if body is None else json.dumps(body))
        response = connection.getresponse()
        said = response.read().decode()
        connection.close()
        if response.status != 200:
            raise RuntimeError(f"{path} answered {response.status}: {said[:300]}")
        return json.loads(said) if "json" in response.headers["Content-Type"] else said

    def metric(self, name: str) -> float:
        """The sum of the lines of `/metrics` that begin so."""
        return sum(float(line.rpartition(" ")[2]) for line in self.ask("/metrics").splitlines() if line.startswith(name))

    def megabytes(self) -> float:
        """That the process holds in memory; NaN where /proc does not say."""
        with suppress(OSError):
            for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) / 1024
        return float("nan")

    def clocks(self) -> tuple[float, float]:
        """Seconds by the wall, and those that the process has computed; as that clock ticks, in hundredths."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return time.perf_counter(), (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def printed(self) -> str:
        """What it wrote to stderr."""
        self.stderr.seek(0)
        return self.stderr.read().decode(errors="replace")


@contextmanager
def server(words: Sequence[str], *options: str) -> Iterator[Server]:
    """A module that serves at the port which follows its name; it is ready inside the block, and ends with it."""
    port = free_port()
    settings = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryFile() as stderr:
        process = subprocess.Popen([sys.executable, "-m", *words, str(port), *options], stderr=stderr, env=settings)
        started = Server(port, process, stderr)
        try:
            _wait(started)
            yield started
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE / 4)
            process.kill()
            process.wait()


def _wait(started: Server) -> None:
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends and started.process.poll() is None:
        with suppress(OSError, RuntimeError):
            started.ask("/ready")
            return
        time.sleep(0.2)
    raise RuntimeError(f"the server did not start: {started.printed()}")


def vanilla(folder: Path) -> Path:
    """nano's weights, read without a trace: the same model as ours and, as a classifier, as that of others.

    How well it judges does not matter here. Returns the model's folder; the classifier is beside it.
    """
    model, tokenizer, meta = load_model("nano")
    save_model(folder / "vanilla", model, tokenizer, replace(meta, kind="vanilla"))
    export_classifier(folder / "vanilla", folder / "classifier")
    return folder / "vanilla"
