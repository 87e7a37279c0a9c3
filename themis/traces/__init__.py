"""Cases, traces and verdicts as data; their written form; their tokens. Imports no torch."""

from themis.traces.case import Case, Message, case_from_json
from themis.traces.pair import Pair, Side
from themis.traces.trace import Action, Observation, Reason, Status, Step, Trace, Usage, Verdict

__all__ = [
    "Action",
    "Case",
    "Message",
    "Observation",
    "Pair",
    "Reason",
    "Side",
    "Status",
    "Step",
    "Trace",
    "Usage",
    "Verdict",
    "case_from_json",
]
