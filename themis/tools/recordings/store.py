"""The store of recorded observations, and the recorder that answers calls from it: modes live, record, replay, auto.

The store is one SQLite file in WAL mode, which several processes may write at once. It holds observations as the judge
read them, cut to their cap. Failures of the world (`unavailable`, `timeout`) are left out: a later run may succeed.

Knows nothing of tools: a call is a name, a normalised argument and a digest of the case.
"""

import hashlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, astuple, dataclass, replace
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, Literal, get_args

from themis.closing import Closing
from themis.errors import ConfigError, DataError
from themis.files import LeftOut, checked_text, json_lines, writing_whole
from themis.traces import Case, Observation, Status
from themis.traces.trace import STATUSES

Mode = Literal["live", "record", "replay", "auto"]
"""`auto` replays a recorded call, and makes and records any other."""

_TABLE = """CREATE TABLE IF NOT EXISTS observations (
    tool TEXT NOT NULL, argument TEXT NOT NULL, case_digest TEXT NOT NULL, status TEXT NOT NULL, text TEXT NOT NULL,
    PRIMARY KEY (tool, argument, case_digest)) WITHOUT ROWID"""
_COLUMNS = ("tool", "argument", "case_digest", "status", "text")
_LASTING: tuple[Status, ...] = ("ok", "error")


@dataclass(frozen=True, slots=True)
class Call:
    """What makes two calls the same call."""

    tool: str
    argument: str
    """Normalised: equal for equal arguments, however they were written."""
    case_digest: str = ""
    """Empty if the tool does not see the case, except for published calls, which `closest` finds by their case."""


def case_digest(case: Case | None) -> str:
    """A digest of all fields of a case but its id."""
    if case is None:
        return ""
    content = {name: value for name, value in asdict(case).items() if name != "id"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


class ObservationStore(Closing):
    """Observations by call, in one SQLite file. Safe for many threads and processes."""

    def __init__(self, path: Path | str) -> None:
        self.path = str(path)
        self._lock = threading.Lock()
        try:
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.path, timeout=60, isolation_level=None, check_same_thread=False)
            _prepare(self._connection)
        except (sqlite3.Error, OSError) as error:
            raise DataError(f"{self.path}: cannot be opened as a store of observations ({error})") from error

    def get(self, call: Call) -> Observation | None:
        """The recorded observation of a call, if there is one."""
        with self._lock:
            row = self._connection.execute(
                "SELECT text, status FROM observations WHERE tool = ? AND argument = ? AND case_digest = ?", astuple(call)
            ).fetchone()
        return Observation(row[0], row[1]) if row else None

    def closest(self, call: Call) -> Observation | None:
        """The observation for the same case and tool whose recorded argument is most similar."""
        if not call.case_digest:
            return None
        with self._lock:
            rows = self._connection.execute(
                "SELECT argument, text, status FROM observations WHERE tool = ? AND case_digest = ? ORDER BY argument",
                (call.tool, call.case_digest),
            ).fetchall()
        if not rows:
            return None
        _, text, status = max(rows, key=lambda row: SequenceMatcher(None, call.argument, row[0], autojunk=False).ratio())
        return Observation(text, status, "replayed_near")

    def put(self, call: Call, observation: Observation) -> None:
        """Records an observation in place of any other of the same call."""
        self.put_all([(call, observation)])

    def put_all(self, observations: Iterable[tuple[Call, Observation]]) -> None:
        """Records observations: all, or on failure none."""
        self._put_rows([(*astuple(call), observation.status, observation.text) for call, observation in observations])

    def claim(self, settings: Mapping[str, str]) -> None:
        """Notes how tools and servers are set. Raises `ConfigError` for recordings of one that was set otherwise.

        Recordings of which nothing is noted, such as imported ones, answer for any setting.
        """
        recorded = {part for name in self.tools() for part in (name, f"{name.partition('.')[0]}.")}
        with self._lock, suppress(sqlite3.OperationalError):  # of a store that can only be read
            self._connection.execute("CREATE TABLE IF NOT EXISTS settings (tool TEXT PRIMARY KEY, setting TEXT NOT NULL)")
            noted = dict(self._connection.execute("SELECT tool, setting FROM settings"))
            for tool in recorded & settings.keys():
                if (was := noted.get(tool, settings[tool])) != settings[tool]:
                    why = f"recordings of {tool} that was set otherwise ({was}, and now {settings[tool]})"
                    raise ConfigError(f"{self.path} holds {why}: give another --store, or --tools-mode replay")
            fresh = [(tool, setting) for tool, setting in settings.items() if tool not in recorded]
            self._connection.executemany("INSERT OR REPLACE INTO settings VALUES (?, ?)", fresh)

    def tools(self) -> frozenset[str]:
        """The names of the tools with recordings."""
        with self._lock:
            return frozenset(name for (name,) in self._connection.execute("SELECT DISTINCT tool FROM observations"))

    def __len__(self) -> int:
        with self._lock:
            count: int = self._connection.execute("SELECT count(*) FROM observations").fetchone()[0]
        return count

    def lines(self) -> list[str]:
        """All observations, sorted by call, a JSON object a line."""
        with self._lock:
            rows = self._connection.execute(f"SELECT {', '.join(_COLUMNS)} FROM observations ORDER BY 1, 2, 3").fetchall()
        return [json.dumps(dict(zip(_COLUMNS, row, strict=True)), ensure_ascii=False) + "\n" for row in rows]

    def export_jsonl(self, path: Path) -> int:
        """Writes `lines` to a file; returns how many."""
        lines = self.lines()
        with writing_whole(path) as file:
            file.writelines(lines)
        return len(lines)

    def import_jsonl(self, path: Path) -> int:
        """Records the observations of an exported file, in place of equal calls; returns how many.

        Lines that cannot be read, and failures of the world, are left out and named in the log.
        """
        left_out = LeftOut()
        rows = left_out.kept(json_lines(path, left_out), lambda line: _row(line[1], f"{path}, line {line[0]}"))
        self._put_rows(rows)
        return len(rows)

    def close(self) -> None:
        self._connection.close()

    def _put_rows(self, rows: list[tuple[str, ...]]) -> None:
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.executemany("INSERT OR REPLACE INTO observations VALUES (?, ?, ?, ?, ?)", rows)
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise DataError(f"{self.path}: nothing can be recorded there ({error})") from error


@dataclass(frozen=True, slots=True)
class Recorder:
    """Answers a call from a recording or makes it live, and records what came back."""

    mode: Mode = "live"
    store: ObservationStore | None = None
    fuzzy_replay: bool = False
    """In the modes `replay` and `auto`, an unrecorded call gets that of a similar call for its case and tool."""

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise ConfigError(f"the tools' mode is one of {', '.join(get_args(Mode))}, not '{self.mode}'")
        if self.mode != "live" and self.store is None:
            raise ConfigError(f"the tools' mode '{self.mode}' needs a store of observations")
        if self.fuzzy_replay and self.mode not in ("replay", "auto"):
            raise ConfigError(f"fuzzy replay works in the modes replay and auto only, not '{self.mode}'")

    def observe(self, call: Call, live: Callable[[], Observation], case_digest: str = "", changes: bool = False) -> Observation:
        """The observation of a call; raises `DataError` if a replay lacks it.

        `case_digest` is that of the judged case, also for a tool that does not see it. What `changes` from day to day
        is recorded, but only the mode `replay` reads it back.
        """
        if self.store is None:
            return live()
        if self.mode == "replay" or (self.mode == "auto" and not changes):
            recorded = self.store.get(call)
            if recorded is not None:
                return recorded
            found = self.store.closest(replace(call, case_digest=case_digest or call.case_digest)) if self.fuzzy_replay else None
            if found is not None:
                return found
        if self.mode == "replay":
            raise DataError(f"{self.store.path}: no recording of {call.tool} with {call.argument}; record it with the mode 'auto'")
        observation = live()
        if self.mode in ("record", "auto") and observation.status in _LASTING:
            self.store.put(call, observation)
        return observation


def _prepare(connection: sqlite3.Connection) -> None:
    """Sets WAL mode, which SQLite refuses, without waiting, while another process is just doing so."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if tables and "observations" not in tables:
        raise sqlite3.DatabaseError("it is a database of something else")
    for _ in range(200):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            time.sleep(0.02)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(_TABLE)


def _row(row: Mapping[str, Any], where: str) -> tuple[str, ...]:
    texts = tuple(checked_text(row.get(name), name, where) for name in _COLUMNS)
    if row["status"] not in STATUSES:
        raise DataError(f"{where}: field 'status' is '{row['status']}', not one of {', '.join(STATUSES)}")
    if row["status"] not in _LASTING:
        raise DataError(f"{where}: field 'status' is '{row['status']}', a failure of the world, which is not recorded")
    return texts
