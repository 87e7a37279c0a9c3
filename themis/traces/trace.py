"""What one judgement looked like: the steps taken, the conclusion, the reward.

Knows nothing of tokens (`segments`) or of running tools (`themis.tools`).
Source: Tool-Augmented Reward Modeling, arXiv:2310.01045.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

Status = Literal["ok", "error", "unavailable", "timeout"]
"""`error`: the tool refuses, and the judge can act on it. `unavailable`, `timeout`: the world failed."""
STATUSES: tuple[Status, ...] = get_args(Status)


Origin = Literal["", "replayed_near", "read_from_case", "off"]
"""`replayed_near`: recorded for the same case and tool, but for a call in other words. `read_from_case`: the argument
was refused, and the tool found what it needs in the case. `off`: the tool is switched off here.
Empty: nothing to say."""
ORIGINS: tuple[Origin, ...] = get_args(Origin)


def status_of(word: object) -> Status | None:
    """The status a text names, if it names one."""
    return next((status for status in STATUSES if status == word), None)


def origin_of(word: object) -> Origin | None:
    """The origin a text names, if it names one."""
    return next((origin for origin in ORIGINS if origin == word), None)


Reason = Literal["empty_answer", "too_long", "malformed", "budget", "tool_unavailable", "no_evidence", "contradiction", "failed"]
"""Why a verdict has no reward, or why its reward deserves less trust. `failed`: an error of the judge, of a server."""


@dataclass(frozen=True, slots=True)
class Action:
    """A tool by its name, and the text given to it."""

    tool: str
    argument: str


@dataclass(frozen=True, slots=True)
class Observation:
    """What came back from a tool."""

    text: str
    status: Status = "ok"
    origin: Origin = field(default="", compare=False)
    """Not part of the written form: two observations are equal where the judge reads the same."""

    @property
    def is_refusal(self) -> bool:
        """The call's argument was refused, also where the tool then read the case."""
        return self.status == "error" or self.origin == "read_from_case"


@dataclass(frozen=True, slots=True)
class Step:
    """A thought, and if it acts, the call with what came back."""

    thought: str
    action: Action | None = None
    observation: Observation | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """The steps in order and the written conclusion."""

    steps: tuple[Step, ...] = ()
    rationale: str | None = None
    """None where none was written, as when only the early reward was read."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What one judgement cost."""

    tool_calls: int = 0
    read_tokens: int = 0
    """Tokens the model was given: the case and the observations."""
    new_tokens: int = 0
    """Tokens the model wrote."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """A trace with its reward, or with the reason why it has no reward."""

    id: str
    reward: float | None
    reason: Reason | None
    trace: Trace = field(default_factory=Trace)
    usage: Usage = field(default_factory=Usage)
    probability: float | None = None
    """That the answer beats a fair rival, one of average reward. None without a reward, or where no scale is known."""
    unfamiliar: bool | None = None
    """The case is far from what the judge was trained on: trust the verdict less. None where that is not known."""
    least_likely: float | None = None
    """The lowest log-probability that the model gave a token of its thoughts and calls."""

    @property
    def status(self) -> Literal["scored", "degraded", "unscored"]:
        """`degraded`: a reward was given, and there is a reason to trust it less."""
        if self.reward is None:
            return "unscored"
        return "degraded" if self.reason else "scored"

    def to_json(self) -> dict[str, Any]:
        """The row that `themis score` writes."""
        return {
            "id": self.id,
            "reward": self.reward,
            "status": self.status,
            "reason": self.reason,
            "probability": self.probability,
            "unfamiliar": self.unfamiliar,
            "least_likely": self.least_likely,
            "trace": asdict(self.trace),
            "usage": asdict(self.usage),
        }


def calls_of(verdict: Verdict) -> tuple[int, int]:
    """How many calls the judge made, and how many of them a tool answered as they stand."""
    seen = [step.observation for step in verdict.trace.steps if step.action and step.observation]
    return len(seen), sum(observation.status == "ok" and not observation.is_refusal for observation in seen)


def counts_of(verdicts: Sequence[Verdict]) -> dict[str, list[int]]:
    """What trainers log of their samples, as a number for each: 1 for its status, and its calls."""
    calls = [calls_of(verdict) for verdict in verdicts]
    return {
        **{f"themis_{status}": [int(verdict.status == status) for verdict in verdicts] for status in ("scored", "degraded", "unscored")},
        "themis_calls": [made for made, _ in calls],
        "themis_valid_calls": [answered for _, answered in calls],
    }


def verdict_from_json(row: Mapping[str, Any]) -> Verdict:
    """What `Verdict.to_json` wrote; raises KeyError, TypeError or ValueError for anything else."""
    trace = Trace(tuple(map(step_from_json, row["trace"]["steps"])), row["trace"]["rationale"])
    reward = row["reward"]
    sure = {name: row.get(name) for name in ("probability", "unfamiliar", "least_likely")}
    return Verdict(str(row["id"]), None if reward is None else float(reward), row["reason"], trace, Usage(**row["usage"]), **sure)


def step_from_json(row: Mapping[str, Any]) -> Step:
    """A step as `asdict` makes it; raises as `verdict_from_json` does."""
    action, observation = row["action"], row["observation"]
    return Step(row["thought"], Action(**action) if action else None, Observation(**observation) if observation else None)
