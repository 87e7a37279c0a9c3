"""The peer's virtual environment: TRL alone in it, beside our own packages, so that nothing else differs."""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

TRL = "1.12.0"
"""The last release with `trl.experimental.ppo.PPOTrainer`; 1.13.0 has none."""


def python_of(folder: Path) -> Path:
    """The interpreter of the environment in a folder, which is made if it is not there."""
    packages = sysconfig.get_path("purelib")
    mark, program, wanted = folder / "installed.txt", folder / "bin" / "python", f"trl=={TRL}\n{packages}\n"
    if mark.is_file() and mark.read_text() == wanted:
        return program
    print(f"makes {folder} with trl {TRL}", file=sys.stderr)
    venv.create(folder, with_pip=True, clear=(folder / "pyvenv.cfg").is_file())
    subprocess.run([program, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", f"trl=={TRL}"], check=True)
    own = sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)})
    (Path(own) / "beside.pth").write_text(f"{packages}\n")  # what lies in the environment itself comes first
    mark.write_text(wanted)
    return program
