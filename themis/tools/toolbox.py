"""The tools a judge may use: reads the argument, keeps the deadline and the cap, remembers equal calls.

What a tool says becomes an observation with a status, and so do its failures. Three things reach the user instead:
a recording that lacks an answer (`DataError`), a wrong setting (`ConfigError`), and a bug in a tool of ours. A bug in
a plug-in must neither stop ten thousand judgements nor be hidden. It is logged with its traceback and observed as
`unavailable`, which marks each verdict it touched as degraded.

Knows nothing of models or of the engine.
"""

import difflib
import logging
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import replace
from pathlib import Path
from typing import Any

from themis.closing import Closing
from themis.errors import ConfigError, DataError, ThemisError, ToolError, ToolTimeout, ToolUnavailable
from themis.files import digest
from themis.plugins import offered
from themis.tools.base import AnyTool, Tool, normalised, read_argument, running_text
from themis.tools.recordings.store import Call, Mode, ObservationStore, Recorder, case_digest
from themis.tools.setup.enabled import enabled_tools
from themis.tools.setup.known import known_settings
from themis.tools.setup.registry import TOOLS, without_source
from themis.tools.setup.settings import Settings, ToolSetting, read_settings
from themis.tools.weather.tool import RECORDINGS
from themis.traces import Action, Case, Observation

ENTRY_POINTS = "themis.tools"
MEMORY = 20_000
"""Calls remembered; the oldest are forgotten first."""
MAX_LATE = 8
"""When this many calls of one tool run past their deadline, it is not called again."""

_log = logging.getLogger(__name__)


class Toolbox(Closing):
    """Runs calls. Thread-safe; a context manager that ends its threads."""

    def __init__(
        self,
        tools: Iterable[AnyTool],
        mode: Mode = "live",
        store: ObservationStore | None = None,
        *,
        fuzzy_replay: bool = False,
        at_once: int = 16,
        off: Mapping[str, str] | None = None,
        without: Iterable[str] = (),
        closing: Iterable[Callable[[], None]] = (),
        settings: Settings | None = None,
    ) -> None:
        """`off` says why known tools are missing, by name, or by `family.` for a whole family. `closing` runs last.

        `without` names tools or families (`Calendar`) that stay listed but do not answer: an ablation.
        """
        self._tools: dict[str, AnyTool] = {}
        for tool in tools:
            if tool.name in self._tools:
                raise ConfigError(f"two tools are named '{tool.name}'; rename one")
            self._tools[tool.name] = tool
        self._off = dict(off or {})
        self.switched_off = tuple(sorted({name for wanted in without for name in self._named(wanted)}))
        """The tools that do not answer."""
        self._closing = tuple(closing)
        self._recorder = Recorder(mode, store, fuzzy_replay)
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="themis-tool")
        self._lock = threading.Lock()
        self._memory: OrderedDict[Call, Future[Observation]] = OrderedDict()
        self._late: Counter[str] = Counter()
        self._settings = settings or Settings()
        if settings and store is not None and mode in ("record", "auto"):
            store.claim(known_settings(settings))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the tools, in order."""
        return tuple(self._tools)

    def known_by(self) -> dict[str, Any]:
        """What the observations depend on: the tools, how they are set, and the recordings that answer for them."""
        mode, store = self._recorder.mode, self._recorder.store
        answering = None if store is None else digest(store.lines()) if mode == "replay" else str(Path(store.path).resolve())
        return {
            "tools": {name: digest([tool.description, tool.schema, tool.plugin])[:8] for name, tool in self._tools.items()},
            "settings": known_settings(self._settings),
            "without": list(self.switched_off),
            "tools_mode": mode,
            "fuzzy_replay": self._recorder.fuzzy_replay,
            "store": answering,
        }

    def wants_case(self, name: str) -> bool:
        """Does a tool look at the case under judgement?"""
        return name in self._tools and self._tools[name].wants_case

    def schemas(self) -> list[dict[str, Any]]:
        """The tools as chat templates take them (`apply_chat_template(messages, tools=...)`)."""
        return [
            {"type": "function", "function": {"name": tool.name, "description": tool.description, "parameters": tool.schema}}
            for tool in self._tools.values()
        ]

    def submit(self, action: Action, case: Case | None = None, *, literally: bool = False) -> Future[Observation]:
        """`answer` without waiting for it, or, `literally`, `call`."""
        try:
            return self._pool.submit(self.call if literally else self.answer, action, case)
        except RuntimeError as error:
            raise ConfigError("the toolbox is closed, so no tool can be called: judge before you close it, or open another") from error

    def answer(self, action: Action, case: Case | None = None) -> Observation:
        """`call`; where the argument is refused, what the tool says of the question.

        A tool that takes the case is about the answer, and reads that, too. No other does: an answer must not choose
        the fact that it is checked on.
        """
        observation = self.call(action, case)
        if case is None or observation.status != "error" or action.tool not in self._tools:
            return observation
        tool = self._tools[action.tool]
        texts = (case.question_text, case.answer) if tool.wants_case else (case.question_text,)
        said = (self._in_text(tool, text, case, observation) for text in texts)
        return next((replace(one, origin="read_from_case") for one in said if one.status == "ok"), observation)

    def call(self, action: Action, case: Case | None = None) -> Observation:
        """The observation of an action, also when the tool fails."""
        tool = self._tools.get(action.tool)
        if tool is None:
            if why := self._why_off(action.tool):
                return Observation(why, "unavailable", "off")
            return Observation(f"there is no tool '{action.tool[:60]}'; the tools are {', '.join(self.names)}", "error")
        if tool.name in self.switched_off:
            return Observation(f"{tool.name} is switched off", "unavailable", "off")
        try:
            observation = self._observed(tool, read_argument(tool.schema, action.argument), case)
        except ToolError as error:
            observation = Observation(str(error), "error")
        return self._in_text(tool, action.argument, case, observation) if observation.status == "error" else observation

    def close(self) -> None:
        """Ends the threads. A tool that runs past its deadline is not waited for."""
        self._pool.shutdown(cancel_futures=True)
        for close in self._closing:
            close()

    def _in_text(self, tool: AnyTool, argument: str, case: Case | None, refused: Observation) -> Observation:
        """What the tool says of a running text. Else the error stays, also where no recording has this call."""
        text = running_text(tool.schema, argument) if tool.in_text else None
        found = tool.in_text(text) if tool.in_text and text else None
        if found is None:
            return refused
        try:
            observation = self._observed(tool, found.arguments, case)
        except DataError:
            return refused
        if observation.status != "ok":
            return refused if observation.status == "error" else observation
        verdict = found.verdict(observation.text)
        end = " " if observation.text.endswith(".") else ". "
        return replace(observation, text=_cut(tool, f"{observation.text}{end}{verdict}")) if verdict else observation

    def _observed(self, tool: AnyTool, arguments: dict[str, Any], case: Case | None) -> Observation:
        digest = case_digest(case) if tool.wants_case or self._recorder.fuzzy_replay else ""
        call = Call(tool.name, normalised(arguments), digest if tool.wants_case else "")
        if tool.wants_case:
            arguments["case"] = case

        def observe() -> Observation:
            return self._recorder.observe(call, lambda: self._live(tool, arguments), digest, tool.changes)

        # A fuzzy replay of one case must not answer another case.
        return observe() if tool.changes else self._once(replace(call, case_digest=digest), observe)

    def _why_off(self, name: str) -> str | None:
        return self._off.get(name) or self._off.get(f"{name.partition('.')[0]}.")

    def _named(self, wanted: str) -> list[str]:
        """The tool of that name, or all of that family."""
        found = [name for name in self._tools if wanted in (name, name.partition(".")[0])]
        if not found:
            families = dict.fromkeys(name.partition(".")[0] for name in self._tools)
            near = difflib.get_close_matches(wanted, [*self._tools, *families], n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"the tools are {', '.join(self._tools)}"
            raise ConfigError(f"without: there is no tool '{wanted}'; {self._why_off(wanted) or hint}")
        return found

    def _once(self, call: Call, observe: Callable[[], Observation]) -> Observation:
        """Equal calls are made once, also when they come at the same time. Failures of the world are forgotten."""
        with self._lock:
            remembered = self._memory.get(call)
            mine: Future[Observation] = Future()
            if remembered is None:
                self._memory[call] = mine
                if len(self._memory) > MEMORY:
                    self._memory.popitem(last=False)
        if remembered is not None:
            return remembered.result()
        try:
            observation = observe()
        except BaseException as error:
            self._forget(call)
            mine.set_exception(error)
            raise
        if observation.status in ("unavailable", "timeout"):
            self._forget(call)
        mine.set_result(observation)
        return observation

    def _forget(self, call: Call) -> None:
        with self._lock:
            self._memory.pop(call, None)

    def _live(self, tool: AnyTool, arguments: dict[str, Any]) -> Observation:
        try:
            text = self._within_deadline(tool, arguments)
        except ToolUnavailable as error:
            return Observation(_cut(tool, str(error)), "unavailable")
        except ToolTimeout as error:
            return Observation(_cut(tool, str(error)), "timeout")
        except ToolError as error:
            return Observation(_cut(tool, str(error)), "error")
        return Observation(_cut(tool, text))

    def _within_deadline(self, tool: AnyTool, arguments: dict[str, Any]) -> str:
        """Each live call has its own daemon thread: a tool that never returns blocks neither pool nor exit."""
        with self._lock:
            if self._late[tool.name] >= MAX_LATE:
                raise ToolUnavailable(f"{tool.name} does not respond: {MAX_LATE} earlier calls are still running")
        result: Future[str] = Future()

        def run() -> None:
            try:
                result.set_result(_text_of(tool, arguments))
            except BaseException as error:  # raised again in the caller's thread
                result.set_exception(error)

        threading.Thread(target=run, name=f"themis-{tool.name}", daemon=True).start()
        try:
            return result.result(timeout=tool.deadline)
        except FutureTimeout:
            if result.done():  # the tool's own TimeoutError, or a result that came just now
                return result.result()
            self._count_late(tool.name, result)
            raise ToolTimeout(f"{tool.name} did not answer within {tool.deadline:g} seconds") from None

    def _count_late(self, name: str, result: Future[str]) -> None:
        def returned(_: Future[str]) -> None:
            with self._lock:
                self._late[name] -= 1

        with self._lock:
            self._late[name] += 1
        result.add_done_callback(returned)


def default_toolbox(
    mode: Mode = "live",
    store: ObservationStore | None = None,
    *,
    tara: Path | None = None,
    settings: Settings | None = None,
    fuzzy_replay: bool = False,
    at_once: int = 16,
    without: Iterable[str] = (),
) -> Toolbox:
    """The tools of this package as the settings have them, those of installed plug-ins, and those of MCP servers.

    Without `settings`, those of `themis.toml` and the environment count. Recorded weather is that of the folder
    `tara`, or of THEMIS_DATA. For `fuzzy_replay` see `Recorder`, for `without` see `Toolbox`. Raises `ConfigError` if
    a setting is wrong, or if what it asks for cannot work here.
    """
    settings = read_settings() if settings is None else settings
    settings = _with_weather_of(tara, settings) if tara else settings
    enabled = enabled_tools(settings, mode, store, plugin_tools())
    try:
        return Toolbox(
            enabled.tools,
            mode,
            store,
            fuzzy_replay=fuzzy_replay,
            at_once=at_once,
            off=enabled.off,
            without=without,
            closing=enabled.closing,
            settings=settings,
        )
    except ThemisError:
        for close in enabled.closing:
            close()
        raise


def known_tools(names: Collection[str] = ()) -> Toolbox:
    """Names and schemas of this package's tools, all or those named, whether or not they work. Not to be called."""
    if unknown := sorted(set(names) - TOOLS.keys()):
        raise ConfigError(f"there is no tool {', '.join(unknown)}; the tools are {', '.join(TOOLS)}")
    return Toolbox([without_source(name) for name in TOOLS if not names or name in names])


def _with_weather_of(tara: Path, settings: Settings) -> Settings:
    """The settings, with the weather recorded in this folder unless they name another."""
    weather = settings.tools.get("history_weather", ToolSetting("records", where=f"the folder {tara}"))
    if weather.backend != "records" or "tara" in weather.options or not (tara / RECORDINGS).is_file():
        return settings
    there = replace(weather, options={**weather.options, "tara": str(tara)})
    return replace(settings, tools={**settings.tools, "history_weather": there})


def plugin_tools() -> list[AnyTool]:
    """The tools of plug-ins: entry points of the group `themis.tools`, each a tool or a list of tools."""
    return [replace(tool, plugin=package) for package, tool in offered(ENTRY_POINTS, Tool, "a tool, nor a list of tools")]


def _text_of(tool: AnyTool, arguments: dict[str, Any]) -> str:
    try:
        text = tool(**arguments)
        if not isinstance(text, str):
            raise TypeError(f"the tool {tool.name} returned {type(text).__name__}, not a text")
        return text
    except ThemisError:
        raise
    except Exception as error:
        if not tool.plugin:
            raise
        _log.exception("the tool %s of the plug-in %s failed; its observation is 'unavailable'", tool.name, tool.plugin)
        raise ToolUnavailable(f"{tool.name} failed: {type(error).__name__}") from error


def _cut(tool: AnyTool, text: str) -> str:
    cap = tool.output_cap
    return text if len(text) <= cap else f"{text[:cap]} [cut off after {cap} of {len(text)} characters]"
