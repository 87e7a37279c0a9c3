"""The cases of `themis demo` as pairs."""

from themis.phrases import phrases
from themis.traces import Pair, Side

DEMO_PAIRS = tuple(
    Pair(title, question, Side(chosen, 1.0), Side(rejected, -1.0))
    for title, (question, chosen, rejected) in phrases(__package__, "demo.yaml").items()
)
