"""What the commands that judge have in common: their options, the budget, the toolbox.

Here and in the commands, whatever is slow to import is imported where it is used.
"""

import functools
import inspect
import os
import signal
import sys
import threading
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from themis.errors import ConfigError

if TYPE_CHECKING:
    from themis.inference import Budget
    from themis.inference.judgement import Tools
    from themis.tools import Toolbox
    from themis.traces import Judge

Rationale = Literal["write", "skip"]
Mode = Literal["live", "record", "replay", "auto"]
"""That of `themis.tools`."""

_RATIONALE_HELP = "Write a rationale before the reward, or read the reward without one, which takes about half the time."
_FUZZY_REPLAY_HELP = "With --store: answer a call that is not recorded by the most similar one of the same case and tool."
_RAY_HELP = "Judge on a Ray cluster: `auto`, HOST:PORT or ray://HOST:PORT; without a value on one of its own, on this machine."
_UNSAFE_HELP = "Run the code of answers without the sandbox: with your files and your network. Each observation says so."
_STRICT_HELP = "Give no reward where it would be degraded; the reason stays."
_MODE_HELP = "Call tools live, record what they say, replay it, or replay what is there and record the rest (auto)."
_SETTINGS_HELP = "Settings of the tools."
_SETTINGS_DEFAULT = "the nearest themis.toml"
_WITHOUT_HELP = "Switch off a tool, or a family such as Calendar; its calls are answered so. May be given again."
_TOOL_HELP = "A setting of a tool, such as translate.backend=apertium; may be given again."

_JUDGE_HELP = "`nano`, `small`, a model directory, a Hub repository, the address of a `themis serve`, or a chat model as `openai:MODEL`."
_THREADS_HELP = "Threads of the CPU that compute."
_THREADS_DEFAULT = "1 for a model under 50M parameters, else PyTorch's number"
_DEVICE_HELP = "Where the model computes: cpu (a small model in float32), or cuda, cuda:N, mps, xpu (in the stored number type)."

ModelOption = Annotated[str, typer.Option("--model", "-m", help="`nano`, `small`, a model directory, or a Hub repository.")]
JudgeOption = Annotated[str, typer.Option("--model", "-m", help=_JUDGE_HELP)]
Threads = Annotated[int | None, typer.Option(min=1, help=_THREADS_HELP, show_default=_THREADS_DEFAULT)]
Device = Annotated[str | None, typer.Option(help=_DEVICE_HELP, show_default="cuda if there is one, else cpu")]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON on stdout instead.")]
RationaleOption = Annotated[Rationale, typer.Option(help=_RATIONALE_HELP)]
Strict = Annotated[bool, typer.Option("--strict", help=_STRICT_HELP)]
BatchSize = Annotated[int, typer.Option(min=1, help="Judgements in one batch.")]
ToolsMode = Annotated[Mode | None, typer.Option(help=_MODE_HELP, show_default="auto with --store, else live")]
Store = Annotated[Path | None, typer.Option(help="SQLite file of recorded observations.", dir_okay=False)]
SettingsFile = Annotated[Path | None, typer.Option("--settings", help=_SETTINGS_HELP, dir_okay=False, show_default=_SETTINGS_DEFAULT)]
ToolFlags = Annotated[list[str] | None, typer.Option("--tool", help=_TOOL_HELP, metavar="NAME.OPTION=VALUE", show_default=False)]
Without = Annotated[list[str] | None, typer.Option("--without", help=_WITHOUT_HELP, metavar="TOOL", show_default=False)]
Unsafe = Annotated[bool, typer.Option("--unsafe", help=_UNSAFE_HELP)]
Ray = Annotated[str | None, typer.Option("--ray", help=_RAY_HELP, metavar="[ADDRESS]", show_default="this process judges")]
FuzzyReplay = Annotated[bool, typer.Option("--fuzzy-replay", help=_FUZZY_REPLAY_HELP)]


@dataclass(frozen=True)
class ModelOptions:
    """Which model judges, and how it computes; `with_options` makes options of a command of it."""

    model: JudgeOption = "nano"
    rationale: RationaleOption = "write"
    strict: Strict = False
    threads: Threads = None
    device: Device = None

    def check(self) -> None:
        """Raises an error for a mistyped model or device, before torch is imported, which takes seconds."""
        from themis.inference.load import check_device, check_nothing_computes, check_server_decides
        from themis.model.named import check_name, is_address, is_prompted

        check_device(self.device)
        for model in self.models:
            changed = [f"--{name.replace('_', '-')}" for name in self._changed()]
            if is_address(model):
                check_server_decides(model, changed)
            elif is_prompted(model):
                from themis.inference.prompted import settings_of

                settings_of(model).key()
                check_nothing_computes(model, [name for name in changed if name in ("--device", "--threads")])
            else:
                check_name(model)

    @property
    def models(self) -> tuple[str, ...]:
        """All models that the command judges with."""
        return (self.model,)

    def check_here(self, why: str) -> None:
        """Raises `ConfigError` for a judge behind a server."""
        from themis.model.named import is_address

        if found := next(filter(is_address, self.models), None):
            raise ConfigError(f"--model {found} is a server, and this command cannot {why}: give a model")

    def _changed(self) -> list[str]:
        """The options in place of their defaults, of those that a server has itself."""
        own = {field.name for group in (ModelOptions, JudgeOptions) for field in fields(group)} - {"model"}
        return [field.name for field in fields(self) if field.name in own and getattr(self, field.name) not in (field.default, [])]

    def load(self, toolbox: "Tools", batch_size: int, budget: "Budget | None" = None, model: str | None = None) -> "Judge":
        """The judge, or another model in its place."""
        from themis.inference import load_judge
        from themis.model.named import is_address

        if is_address(model or self.model):
            return load_judge(model or self.model)
        return load_judge(
            model or self.model,
            toolbox=toolbox,
            budget=budget,
            rationale=self.rationale,
            batch_size=batch_size,
            strict=self.strict,
            device=self.device,
            threads=self.threads,
        )

    def known_as(self, tools: Mapping[str, Any], budget: "Budget", model: str | None = None) -> dict[str, Any]:
        """All that decides a verdict, as kept verdicts say it."""
        from themis.inference import known_by

        return known_by(model or self.model, tools, budget, self.rationale, self.strict, self.device)


@dataclass(frozen=True)
class JudgeOptions(ModelOptions):
    """What a command that judges with the tools that are on here takes."""

    batch_size: BatchSize = 16
    tools_mode: ToolsMode = None
    store: Store = None
    fuzzy_replay: FuzzyReplay = False
    settings: SettingsFile = None
    tool: ToolFlags = None
    without: Without = None
    unsafe: Unsafe = False
    tool_calls: Annotated[int | None, typer.Option(min=0, help="Most tool calls of one judgement.")] = None
    call_tokens: Annotated[int | None, typer.Option(min=1, help="Most tokens of one call; a longer one counts as malformed.")] = None
    second_tries: Annotated[
        int | None,
        typer.Option(min=0, help="How often a call that is refused, beside the point or of a tool that is off is written again."),
    ] = None
    rationale_tokens: Annotated[int | None, typer.Option(min=1, help="Most tokens of the rationale; a longer one is cut.")] = None
    new_tokens: Annotated[int | None, typer.Option(min=1, help="Most tokens that one judgement may write.")] = None
    seconds: Annotated[float | None, typer.Option(min=0, help="Most seconds that one judgement may take.")] = None

    def budget(self) -> "Budget":
        """The default budget, with what was given in its place."""
        from themis.inference import Budget

        given = {field.name: getattr(self, field.name) for field in fields(Budget)}
        return Budget(**{name: value for name, value in given.items() if value is not None})

    def toolbox(self, tara: Path | None = None) -> "AbstractContextManager[Toolbox]":
        """The tools that a judge may use; where only servers judge, their names."""
        from themis.model.named import is_address

        if all(map(is_address, self.models)):
            return _tools_of(self.model)
        return open_toolbox(
            self.tools_mode, self.store, tara, self.settings, self.tool, self.fuzzy_replay, unsafe=self.unsafe, without=self.without
        )

    def judge(self, toolbox: "Toolbox", model: str | None = None) -> "Judge":
        """The judge, or another model in its place."""
        return self.load(toolbox, self.batch_size, self.budget(), model)

    def known_by(self, toolbox: "Toolbox", model: str | None = None) -> dict[str, Any]:
        """All that decides a verdict, as kept verdicts say it."""
        return self.known_as(toolbox.known_by(), self.budget(), model)


def model_name(model: str) -> str:
    """By which others know a model: a folder's own name says nothing of where it is."""
    return Path(model).resolve().name if Path(model).is_dir() else model


@dataclass(frozen=True)
class PlacedJudge:
    """The judge of some options, for any process of a cluster; a `JudgeSource` of `themis.cluster`."""

    judging: JudgeOptions

    @contextmanager
    def opened(self) -> "Iterator[Judge]":
        """A judge with its tools."""
        with self.judging.toolbox() as toolbox:
            import_libraries()
            yield self.judging.judge(toolbox)

    def known_by(self) -> dict[str, Any]:
        """All that decides a verdict, without loading the model."""
        with self.judging.toolbox() as toolbox:
            import_libraries()
            return self.judging.known_by(toolbox)


def placed_judge(judging: JudgeOptions) -> PlacedJudge:
    """A process of a cluster runs in another folder: what is named from this one gets its whole path."""
    from themis.tools.setup.settings import read_settings

    settings = read_settings(judging.settings).file
    model = str(Path(judging.model).absolute()) if Path(judging.model).is_dir() else judging.model
    store = judging.store.absolute() if judging.store else None
    return PlacedJudge(replace(judging, model=model, store=store, settings=settings.absolute() if settings else None))


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Turn each parameter of a dataclass into an option for each of its fields."""
    hints = typing.get_type_hints(command, include_extras=True)
    groups: dict[str, type[Any]] = {name: hint for name, hint in hints.items() if is_dataclass(hint) and isinstance(hint, type)}
    options: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        of_group = _options_of(groups[name]) if name in groups else None
        options += of_group or [parameter.replace(annotation=hints[name], kind=parameter.KEYWORD_ONLY)]

    @functools.wraps(command)
    def with_flags(**values: Any) -> None:
        given = {name: group(**{field.name: values.pop(field.name) for field in fields(group)}) for name, group in groups.items()}
        command(**values, **given)

    with_flags.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    with_flags.__annotations__ = {option.name: option.annotation for option in options}
    return with_flags


def _options_of(group: type[Any]) -> list[inspect.Parameter]:
    """Those of a bench come before those of every command that judges."""
    hints = typing.get_type_hints(group, include_extras=True)
    inherited = {field.name for field in fields(JudgeOptions)}
    ordered = sorted(fields(group), key=lambda field: field.name in inherited)
    kind = inspect.Parameter.KEYWORD_ONLY
    return [inspect.Parameter(field.name, kind, default=field.default, annotation=hints[field.name]) for field in ordered]


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
    mode = mode or ("auto" if store else "live")
    if store and mode == "replay" and not store.exists():
        raise ConfigError(f"there is no store {store} to replay: record one first with --tools-mode record")
    with ExitStack() as stack:
        recordings = stack.enter_context(ObservationStore(store)) if store else None
        toolbox = default_toolbox(mode, recordings, tara=tara, settings=chosen, fuzzy_replay=fuzzy_replay, without=without or ())
        yield stack.enter_context(toolbox)


def _tools_of(server: str) -> "Toolbox":
    """Those of our tools that the judge of a server has, by name. Not to be called."""
    from themis.inference import load_judge
    from themis.inference.client import JudgeClient
    from themis.tools import Toolbox, known_tools
    from themis.tools.setup.registry import TOOLS

    with load_judge(server) as client:
        assert isinstance(client, JudgeClient)
        names = [name for name in client.about().tools if name in TOOLS]
    return known_tools(names) if names else Toolbox([])


@contextmanager
def extra(name: str, of: str) -> Iterator[None]:
    """The block imports what the command `of` needs. Raises `ConfigError` where its extra is not installed."""
    try:
        yield
    except ImportError as error:
        raise ConfigError(f"`themis {of}` needs the extra '{name}' ({error.name} is missing): pip install 'themis-rm[{name}]'") from None


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
