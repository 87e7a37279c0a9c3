"""Published calls as recordings, so that released data are judged offline.

Each call is recorded twice: by its argument, for a judge that asks in the same words, and by its case, for a judge
that asks the same tool in other words (`Recorder.fuzzy_replay`). The trace marks the second kind `replayed_near`.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from themis.errors import ToolError
from themis.tools.base import normalised, read_argument
from themis.tools.recordings.replay_check import PublishedCall
from themis.tools.recordings.store import Call, ObservationStore, case_digest
from themis.tools.toolbox import Toolbox
from themis.traces import Observation


def record_published(calls: Iterable[PublishedCall], toolbox: Toolbox, store: ObservationStore) -> int:
    """Records the calls of tools that the toolbox has; returns how many calls."""
    schemas = {schema["function"]["name"]: schema["function"]["parameters"] for schema in toolbox.schemas()}
    known = [call for call in calls if call.action.tool in schemas]
    store.put_all(recording for call in known for recording in _recordings(call, schemas))
    return len(known)


def _recordings(published: PublishedCall, schemas: Mapping[str, dict[str, Any]]) -> Iterator[tuple[Call, Observation]]:
    tool, text = published.action.tool, published.action.argument
    try:
        argument = normalised(read_argument(schemas[tool], text))
    except ToolError:  # our tool refuses this argument, but a fuzzy replay can still find it
        argument = normalised({"text": text})
    observation = Observation(published.observation)
    yield Call(tool, argument), observation
    yield Call(tool, argument, case_digest(published.case)), observation
