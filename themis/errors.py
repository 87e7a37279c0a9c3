"""Every error Themis raises on purpose, and for whom it is.

ThemisError
├── ConfigError    the user can fix a setting: it names the setting and the value
├── DataError      the user can fix a file: it names the file, the line and the field
│   └── LeftOutError   a row of a known form that cannot be an example
├── ChatError      an endpoint cannot be asked any more; what it said is kept (themis.chat)
│   └── BudgetSpent   the budget of requests, tokens or money is used up
├── ServerError    a judge behind a server cannot be asked (themis.inference.client)
├── NoRewardError  a trainer needs a number, and there is no reward; nobody has chosen one (themis.integrations)
├── RunawayError   a policy left its reference too far, or its reward left its scale (themis.rlhf)
├── ModelError     a model directory is missing, cut off, or not ours
└── ToolError      the judge can act on it: its text becomes the observation
    ├── ToolUnavailable   the world failed (no network, no recording store, no such service)
    └── ToolTimeout       the deadline passed

The command line prints `ThemisError` as one sentence and exits with status 2. Anything else is a
bug of ours and surfaces as a traceback.
"""

from pathlib import Path
from traceback import extract_tb


class ThemisError(Exception):
    """Base of all errors that somebody outside the code can act on."""


class ConfigError(ThemisError):
    """A setting, recipe key or option is wrong."""


class DataError(ThemisError):
    """An input file is wrong, or a recording lacks an answer."""


class LeftOutError(DataError):
    """A row of a known form that cannot be an example. It costs itself alone; `reason` says why."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where}: {reason}")
        self.reason = reason


class ServerError(ThemisError):
    """The server of a judge is away, too busy, or answers in an unknown form."""


class NoRewardError(ThemisError):
    """A verdict has no reward, and the trainer cannot leave the sample out."""


class RunawayError(ThemisError):
    """A run was stopped, because what it learned is no longer what was asked for; its last checkpoint is kept."""


class ModelError(ThemisError):
    """A model directory cannot be used."""


class ToolError(ThemisError):
    """The tool says no; the judge reads why."""


class ToolUnavailable(ToolError):
    """The world behind the tool failed; nobody's argument was wrong."""


class ToolTimeout(ToolError):
    """The tool did not answer before its deadline."""


def where_raised(error: BaseException) -> str:
    """The kind of an error and the line that raised it, for the operator. Its words may hold what a client sent."""
    places = extract_tb(error.__traceback__)
    return f"{type(error).__name__}" + (f" at {Path(places[-1].filename).name}, line {places[-1].lineno}" if places else "")
