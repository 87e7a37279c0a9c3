"""A build in a process of its own, to be killed: `python -m tests.builder.steps.killed DATA OUT`."""

import sys
from pathlib import Path

from tests.builder.steps.tiny import RECIPE, TINY
from themis.builder.steps import rows
from themis.builder.steps.pipeline import build

rows.CHUNK = 10  # many small files, so that there is much to be killed between

if __name__ == "__main__":
    build(RECIPE, Path(sys.argv[2]), TINY, Path(sys.argv[1]))
