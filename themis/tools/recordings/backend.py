"""A backend that every tool can have: it answers from a file of recordings alone.

Unlike the mode `replay` it serves one tool, and the others may be live. The file is a store of observations, or an
export of one (JSON lines).
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from themis.errors import ConfigError, DataError, ToolError, ToolTimeout, ToolUnavailable
from themis.tools.base import AnyTool, normalised
from themis.tools.recordings.store import Call, ObservationStore
from themis.tools.setup.backend import Backend, Options
from themis.tools.setup.options import text_option

_ERRORS = {"error": ToolError, "unavailable": ToolUnavailable, "timeout": ToolTimeout}
Reader = Callable[[Path], ObservationStore]


def read_recordings(path: Path) -> ObservationStore:
    """The observations of an export, or of a store."""
    if path.suffix != ".jsonl":
        return ObservationStore(path)
    store = ObservationStore(":memory:")
    store.import_jsonl(path)
    return store


def recorded_backend(
    tool: AnyTool, read: Reader = read_recordings, form: str = "an export of observations (.jsonl), or a store of them"
) -> Backend:
    """The backend `recordings` of a tool. Only the tool's name and schema count."""

    def build(options: Options) -> AnyTool:
        lacking = missing(options)
        if lacking is not None:
            raise ConfigError(f"{tool.name}: {lacking}")
        return replace(tool, function=_answers(tool.name, read(_path(options))))

    def missing(options: Options) -> str | None:
        if not text_option(options, "path"):
            return f"no recordings: set the option 'path' to {form}"
        return None if _path(options).is_file() else "the option 'path' names no file"

    return Backend(tool, "recordings", "what was recorded before, without network", {"path": form}, build, missing, offline=True)


def _path(options: Options) -> Path:
    return Path(text_option(options, "path")).expanduser()


def _answers(name: str, store: ObservationStore) -> Callable[..., str]:
    def answer(**arguments: Any) -> str:
        observation = store.get(Call(name, normalised(arguments)))
        if observation is None:
            raise DataError(f"{store.path}: no recording of {name} with {normalised(arguments)}")
        if observation.status != "ok":
            raise _ERRORS[observation.status](observation.text)
        return observation.text

    return answer
