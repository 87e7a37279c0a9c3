"""Replies and their cost in one SQLite file, so that a resumed run pays nothing twice.

A reply and its price are written together, before the reply is parsed. The file holds digests of prompts, but neither
prompts nor keys. Without a path, everything is in memory.
"""

import sqlite3
import threading
from dataclasses import astuple
from decimal import Decimal
from pathlib import Path

from themis.chat.prompt import Said
from themis.chat.spending import Spending
from themis.errors import DataError

_TABLES = """
CREATE TABLE IF NOT EXISTS replies (
    key TEXT PRIMARY KEY, text TEXT NOT NULL, refusal TEXT NOT NULL, finish TEXT NOT NULL,
    input_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
    estimated INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS paid (
    id INTEGER PRIMARY KEY, model TEXT NOT NULL, requests INTEGER NOT NULL, expected_tokens INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, money TEXT NOT NULL, estimated INTEGER NOT NULL);
"""


class Ledger:
    """Replies by key, and all that was ever spent on them. Thread-safe."""

    def __init__(self, path: Path | str | None = None) -> None:
        self.path = str(path) if path else None
        self._lock = threading.Lock()
        try:
            if path:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.path or ":memory:", timeout=60, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.executescript(_TABLES)
            self._spent, self._excess = self._sum()
        except (sqlite3.Error, OSError) as error:
            raise DataError(f"{self.path}: cannot be opened as a cache of replies ({error})") from error

    def get(self, key: str) -> Said | None:
        """The reply to the same prompt, if there was one."""
        with self._lock:
            row = self._connection.execute(
                "SELECT text, refusal, finish, input_tokens, cached_tokens, output_tokens, estimated FROM replies WHERE key = ?", (key,)
            ).fetchone()
        return Said(row[0], row[1], row[2], row[3], row[4], row[5], bool(row[6])) if row else None

    def put(self, key: str, said: Said, model: str, paid: Spending, expected_tokens: int) -> None:
        """Stores a reply with its price. `expected_tokens` is the estimated input."""
        self._write(model, paid, (key, *astuple(said)), expected_tokens)

    def pay(self, model: str, paid: Spending) -> None:
        """Stores the price of a request without a reply."""
        self._write(model, paid, None, paid.input_tokens)

    @property
    def spent(self) -> Spending:
        """Spent so far by all runs that used this file."""
        with self._lock:
            return self._spent

    @property
    def excess(self) -> float:
        """The largest ratio of counted to expected tokens; 0 before anything was counted."""
        with self._lock:
            return self._excess

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _write(self, model: str, paid: Spending, reply: tuple[object, ...] | None, expected: int) -> None:
        price = (model, paid.requests, expected, paid.input_tokens, paid.output_tokens, str(paid.money), paid.estimated)
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.execute("INSERT INTO paid VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)", price)
                if reply is not None:
                    self._connection.execute("INSERT OR REPLACE INTO replies VALUES (?, ?, ?, ?, ?, ?, ?, ?)", reply)
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise DataError(f"{self.path}: no reply can be kept there ({error}); what it holds is safe") from error
            self._spent += paid
            self._excess = max(self._excess, paid.input_tokens / max(expected, 1))

    def _sum(self) -> tuple[Spending, float]:
        rows = self._connection.execute("SELECT requests, expected_tokens, input_tokens, output_tokens, money, estimated FROM paid")
        total, excess = Spending(), 0.0
        for requests, expected, read, written, money, estimated in rows:
            total += Spending(requests, read, written, Decimal(money), estimated)
            excess = max(excess, read / max(expected, 1))
        return total, excess
