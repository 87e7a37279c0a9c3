"""The peer's virtual environment: made once, with our torch and transformers, so that TRL alone differs."""

import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path

TRL = "1.12.0"
"""The last release with `trl.experimental.ppo.PPOTrainer`; 1.13.0 has none."""


def python_of(folder: Path) -> Path:
    """The interpreter of the environment in a folder, which is made if it is not there."""
    wanted = [f"{name}=={version(name).partition('+')[0]}" for name in ("torch", "transformers", "accelerate")]
    mark, program = folder / "installed.txt", folder / "bin" / "python"
    packages = [*wanted, f"trl=={TRL}", "rich"]
    if mark.is_file() and mark.read_text().split() == packages:
        return program
    print(f"makes {folder} with {' '.join(packages)}", file=sys.stderr)
    venv.create(folder, with_pip=True, clear=(folder / "pyvenv.cfg").is_file())
    for some in ([wanted[0]], packages):  # torch first: what depends on it would else choose its own build
        subprocess.run([program, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *some], check=True)
    mark.write_text("\n".join(packages) + "\n")
    return program
