"""Cases, traces and verdicts as data; the protocol of a judge; a trace as text and tokens. Imports no torch."""

from themis.traces.case import Case, Message, case_from_json, case_key
from themis.traces.judge import Judge
from themis.traces.pair import Pair, Side
from themis.traces.trace import Action, Observation, Reason, Status, Step, Trace, Usage, Verdict, verdict_from_json

__all__ = [
    "Action",
    "Case",
    "Judge",
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
    "case_key",
    "verdict_from_json",
]
