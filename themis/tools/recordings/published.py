"""Published calls as recordings, so that released data are judged offline.

Each is recorded twice: by its argument, for a judge that asks in the same words, and by its case, for one that asks
the same tool in other words (`Transport.near`); what comes back then is marked `replayed_near` in the trace.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from themis.errors import ConfigError, ToolError
from themis.tools.base import normalised, read_argument
from themis.tools.recordings.replay_check import PublishedCall
from themis.tools.recordings.store import Call, ObservationStore, case_digest
from themis.tools.setup.registry import MODULES, without_source
from themis.tools.toolbox import Toolbox, builtin_tools
from themis.traces import Observation


def record_published(calls: Iterable[PublishedCall], toolbox: Toolbox, store: ObservationStore) -> int:
    """Records the calls of those tools that the toolbox has; returns of how many."""
    schemas = {schema["function"]["name"]: schema["function"]["parameters"] for schema in toolbox.schemas()}
    known = [call for call in calls if call.action.tool in schemas]
    store.put_all(recording for call in known for recording in _recordings(call, schemas))
    return len(known)


def known_tools(names: Collection[str] = ()) -> Toolbox:
    """Our own tools by name and schema, whether or not they work here; of all of them, or of those named. Not to be called."""
    tools = [*(tool for tool in builtin_tools() if tool.name not in MODULES), *map(without_source, MODULES)]
    unknown = sorted(set(names) - {tool.name for tool in tools})
    if unknown:
        raise ConfigError(f"there is no tool {', '.join(unknown)}; the tools are {', '.join(tool.name for tool in tools)}")
    return Toolbox([tool for tool in tools if not names or tool.name in names])


def _recordings(published: PublishedCall, schemas: Mapping[str, dict[str, Any]]) -> Iterator[tuple[Call, Observation]]:
    tool, text = published.action.tool, published.action.argument
    try:
        argument = normalised(read_argument(schemas[tool], text))
    except ToolError:  # our tool would not take it: near enough, all the same
        argument = normalised({"text": text})
    observation = Observation(published.observation)
    yield Call(tool, argument), observation
    yield Call(tool, argument, case_digest(published.case)), observation
