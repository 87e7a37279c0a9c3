"""The tools of a build: recordings of the sources, a wiki index, weather, a sandbox; all offline.

The tools are the real ones. A call that a source recorded gets the recorded answer. Every other call goes to the
tool. Its answer is cached in the work folder, so that a resumed build asks nothing twice. If a tool is unavailable,
the row waits some seconds and asks again.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from themis.builder.draft import Draft, Observe
from themis.builder.steps.recipe import BuildRecipe
from themis.builder.steps.work import Work
from themis.errors import DataError, ToolError
from themis.tools.base import normalised, read_argument
from themis.tools.recordings.store import Call, ObservationStore, case_digest
from themis.tools.setup.settings import Settings, ToolSetting
from themis.tools.toolbox import Toolbox, default_toolbox, known_tools
from themis.traces import Action, Case, Observation

WAITS = (0.2, 2.0, 10.0)
"""Seconds before an unavailable tool is asked again."""
INTROS, WEATHER = Path("wikipedia/intros.jsonl.xz"), Path("weather_intl")
WHERE = "the tools of the builder"


Schemas: TypeAlias = Mapping[str, dict[str, Any]]
"""The parameters of each tool by its name, also of tools that are not installed."""


@dataclass(slots=True)
class BuildTools:
    """The tools as the agents call them; safe for many threads."""

    toolbox: Toolbox
    schemas: Schemas
    recordings_only: frozenset[str]
    """Tools that answer from recordings alone: waiting would not help."""
    waits: tuple[float, ...] = WAITS

    def observer(self, draft: Draft) -> Observe:
        """Runs the actions for a draft. Its own recordings come first, because each draft may have its own today."""
        own = recorded_calls(draft, self.schemas)

        def observe(action: Action, case: Case) -> Observation:
            found = own.get(call) if own and (call := _call(action, self.schemas)) else None
            return found or self.observe(action, case)

        return observe

    def observe(self, action: Action, case: Case) -> Observation:
        """Run a call, again if the tool is unavailable."""
        observation = self.toolbox.call(action, case)
        for seconds in () if action.tool in self.recordings_only else self.waits:
            if not _failed(observation):
                break
            time.sleep(seconds)
            observation = self.toolbox.call(action, case)
        return observation


@dataclass(frozen=True, slots=True)
class Places:
    """Where the data of the tools lie; worker processes get it too."""

    observations: Path
    tools: Mapping[str, ToolSetting]


def prepared(work: Work, recipe: BuildRecipe, drafts: Iterable[Draft], root: Path | None, settings: Settings | None = None) -> Places:
    """Makes the data of a build's tools in the work folder, unless they are there.

    `settings` configure the user's own tools, for a recipe with `tools: settings`.
    """
    drafts = list(drafts)
    tools = dict(settings.tools) if settings and recipe.tools == "settings" else {}
    tools.setdefault("code_run", ToolSetting("sandbox", {"seconds": recipe.code_seconds}, where=WHERE))
    if "wiki_search" not in tools and (index := _wiki(work, drafts, root)):
        tools["wiki_search"] = ToolSetting("index", {"path": str(index)}, where=WHERE)
    if "history_weather" not in tools and (store := _weather(work, root)):
        tools["history_weather"] = ToolSetting("store", {"path": str(store)}, where=WHERE)
    places = Places(work.folder / "observations.sqlite", tools)
    with ObservationStore(places.observations) as observations, known_tools() as known:
        record(observations, drafts, _schemas(known))
    return places


@contextmanager
def opened(places: Places) -> Iterator[BuildTools]:
    """The tools, ready to be called."""
    with ExitStack() as stack:
        observations = stack.enter_context(ObservationStore(places.observations))
        toolbox = stack.enter_context(default_toolbox("auto", observations, settings=Settings(places.tools)))
        with known_tools() as known:
            schemas = _schemas(known) | _schemas(toolbox)
        yield BuildTools(toolbox, schemas, frozenset({"translate", "google_serper", "wiki_search"} - set(places.tools)))


def record(store: ObservationStore, drafts: Iterable[Draft], schemas: Schemas) -> None:
    """Store the sources' recordings. If two observations answer one call, the draft with the first id counts."""
    said: dict[Call, Observation] = {}
    for draft in sorted(drafts, key=lambda draft: draft.id):
        for call, observation in recorded_calls(draft, schemas).items():
            said.setdefault(call, observation)
    store.put_all(said.items())


def recorded_calls(draft: Draft, schemas: Schemas) -> dict[Call, Observation]:
    """The recordings of a draft by call; raises `DataError` for a call that no tool accepts."""
    found: dict[Call, Observation] = {}
    for tool, argument, text in draft.recorded:
        call = _call(Action(tool, argument), schemas)
        if call is None:
            raise DataError(f"the source {draft.source} recorded a call in {draft.id} that no tool takes: {tool} with '{argument[:80]}'")
        found[call] = Observation(text)
    return found


def recordings(calls: Iterable[tuple[Action, Case, Observation]], tools: BuildTools) -> list[tuple[Call, Observation]]:
    """Calls in the order of a store: each once by its words, for a judge that asks the same, and once by its case.

    A call with two different answers is stored by its cases alone: today differs from row to row.
    """
    by_case: dict[Call, Observation] = {}
    by_words: dict[Call, set[Observation]] = {}
    for action, case, observation in calls:
        call = None if _failed(observation) else _call(action, tools.schemas)
        if call is not None:
            by_case[replace(call, case_digest=case_digest(case))] = observation
            if not tools.toolbox.wants_case(action.tool):
                by_words.setdefault(call, set()).add(observation)
    found = by_case | {call: next(iter(said)) for call, said in by_words.items() if len(said) == 1}
    return sorted(found.items(), key=lambda entry: (entry[0].tool, entry[0].argument, entry[0].case_digest))


def _call(action: Action, schemas: Schemas) -> Call | None:
    """A call by its words; None if the tool is unknown or refuses the argument."""
    if action.tool not in schemas:
        return None
    try:
        return Call(action.tool, normalised(read_argument(schemas[action.tool], action.argument)))
    except ToolError:
        return None


def _schemas(toolbox: Toolbox) -> dict[str, dict[str, Any]]:
    return {schema["function"]["name"]: schema["function"]["parameters"] for schema in toolbox.schemas()}


def _failed(observation: Observation) -> bool:
    return observation.status in ("unavailable", "timeout")


def _wiki(work: Work, drafts: list[Draft], root: Path | None) -> Path | None:
    """The index of Wikipedia's introductions and of the drafts' own passages; None without either."""
    from themis.tools.wiki.index import build_index

    intros = [root / INTROS] if root and (root / INTROS).is_file() else []
    passages = sorted({passage for draft in drafts for passage in draft.passages})
    if not intros and not passages:
        return None
    rows = ({"title": title, "text": text} for title, text in passages if text.strip())
    if not work.has("world/passages.jsonl"):
        work.write("world/passages.jsonl", rows)
    files = [*intros, *([work.folder / "world/passages.jsonl"] if passages else [])]
    return work.place("world/wiki", lambda beside: build_index(files, beside))


def _weather(work: Work, root: Path | None) -> Path | None:
    from themis.tools.weather.importer import import_weather

    files = sorted((root / WEATHER).glob("*.csv.gz")) if root else []
    if not files:
        return None

    def make(beside: Path) -> None:
        for file in files:
            import_weather(file, beside)

    return work.place("world/weather.sqlite", make)
