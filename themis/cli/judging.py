"""What the commands that judge have in common: their options, the budget, the toolbox.

Here and in the commands, whatever is slow to import is imported where it is used.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from themis.inference import Budget
    from themis.tools import Toolbox

Rationale = Literal["write", "skip"]
Mode = Literal["live", "record", "replay", "auto"]
"""That of `themis.tools`."""

_RATIONALE_HELP = "Write a rationale before the reward, or read the reward without one, which takes about half the time."
_FUZZY_REPLAY_HELP = "With --store: answer a call that is not recorded by the most similar one of the same case and tool."
_UNSAFE_HELP = "Run the code of answers without the sandbox: with your files and your network. Each observation says so."
_MODE_HELP = "Call tools live, record what they say, replay it, or replay what is there and record the rest (auto)."
_SETTINGS_HELP = "Settings of the tools."
_SETTINGS_DEFAULT = "the nearest themis.toml"
_WITHOUT_HELP = "Switch off a tool, or a family such as Calendar; its calls are answered so. May be given again."
_TOOL_HELP = "A setting of a tool, such as translate.backend=apertium; may be given again."

ModelOption = Annotated[str, typer.Option("--model", "-m", help="`nano`, a model directory, or a Hub repository.")]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON on stdout instead.")]
RationaleOption = Annotated[Rationale, typer.Option(help=_RATIONALE_HELP)]
BatchSize = Annotated[int, typer.Option(min=1, help="Judgements in one batch.")]
ToolsMode = Annotated[Mode | None, typer.Option(help=_MODE_HELP, show_default="auto with --store, else live")]
Store = Annotated[Path | None, typer.Option(help="SQLite file of recorded observations.", dir_okay=False)]
SettingsFile = Annotated[Path | None, typer.Option("--settings", help=_SETTINGS_HELP, dir_okay=False, show_default=_SETTINGS_DEFAULT)]
ToolFlags = Annotated[list[str] | None, typer.Option("--tool", help=_TOOL_HELP, metavar="NAME.OPTION=VALUE", show_default=False)]
Without = Annotated[list[str] | None, typer.Option("--without", help=_WITHOUT_HELP, metavar="TOOL", show_default=False)]
Unsafe = Annotated[bool, typer.Option("--unsafe", help=_UNSAFE_HELP)]
FuzzyReplay = Annotated[bool, typer.Option("--fuzzy-replay", help=_FUZZY_REPLAY_HELP)]
ToolCalls = Annotated[int | None, typer.Option(min=0, help="Most tool calls of one judgement.")]
CallTokens = Annotated[int | None, typer.Option(min=1, help="Most tokens of one call; a longer one counts as malformed.")]
RationaleTokens = Annotated[int | None, typer.Option(min=1, help="Most tokens of the rationale; a longer one is cut.")]
NewTokens = Annotated[int | None, typer.Option(min=1, help="Most tokens that one judgement may write.")]
Seconds = Annotated[float | None, typer.Option(min=0, help="Most seconds that one judgement may take.")]


def budget_of(
    tool_calls: int | None, call_tokens: int | None, rationale_tokens: int | None, new_tokens: int | None, seconds: float | None
) -> "Budget":
    """The default budget, with what was given in its place."""
    from themis.inference import Budget

    usual = Budget()
    return Budget(
        tool_calls=usual.tool_calls if tool_calls is None else tool_calls,
        call_tokens=usual.call_tokens if call_tokens is None else call_tokens,
        rationale_tokens=usual.rationale_tokens if rationale_tokens is None else rationale_tokens,
        new_tokens=usual.new_tokens if new_tokens is None else new_tokens,
        seconds=usual.seconds if seconds is None else seconds,
    )


@contextmanager
def open_toolbox(
    mode: Mode | None = None,
    store: Path | None = None,
    tara: Path | None = None,
    settings: Path | None = None,
    flags: Sequence[str] | None = None,
    fuzzy_replay: bool = False,
    unsafe: bool = False,
    without: Sequence[str] | None = None,
) -> "Iterator[Toolbox]":
    """The tools that the settings enable, and those of plug-ins. Tools in `without` are switched off."""
    from themis.tools import ObservationStore, default_toolbox
    from themis.tools.setup.settings import read_settings

    chosen = read_settings(settings, [*(flags or ()), *(["code_run.unsafe=true"] if unsafe else [])])
    with ExitStack() as stack:
        recordings = stack.enter_context(ObservationStore(store)) if store else None
        mode = mode or ("auto" if store else "live")
        toolbox = default_toolbox(mode, recordings, tara=tara, settings=chosen, fuzzy_replay=fuzzy_replay, without=without or ())
        yield stack.enter_context(toolbox)


def import_libraries() -> None:
    """Import torch and transformers, and silence them.

    Ctrl-C then ends the process at once. Nothing is at stake yet, and an import would turn it into another error.
    """
    ours_to_handle = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours_to_handle:
        signal.signal(signal.SIGINT, _leave)
    try:
        from transformers.utils import logging

        import themis.inference.causal  # noqa: F401
    finally:
        if ours_to_handle:
            signal.signal(signal.SIGINT, signal.default_int_handler)
    logging.disable_progress_bar()
    logging.set_verbosity_error()


def _leave(*_: object) -> None:
    sys.stderr.write("themis: interrupted\n")
    sys.stderr.flush()
    os._exit(130)
