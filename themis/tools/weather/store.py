"""A store of weather records on disk: one SQLite file, read a record at a time.

A city is found in any case and spacing, with or without accents. What follows its name in brackets (`London (GBR)`)
may be left out if only one city has that name.
"""

import difflib
import re
import sqlite3
import threading
import unicodedata
from collections.abc import Iterable
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

from themis.closing import Closing
from themis.errors import ConfigError, DataError, ToolError
from themis.tools.weather.places import lies_in, parts_of
from themis.tools.weather.record import WeatherRecord

APPLICATION_ID = 0x7E315701
"""Marks an SQLite file as ours, in the first version of its form."""

_FIELDS = tuple(field.name for field in fields(WeatherRecord))[2:]
"""All but the city and the day."""
_TABLES = (
    f"CREATE TABLE IF NOT EXISTS records (city TEXT, day TEXT, {', '.join(_FIELDS)}, PRIMARY KEY (city, day)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS cities (city TEXT PRIMARY KEY, written TEXT NOT NULL) WITHOUT ROWID",
)
_IN_BRACKETS = re.compile(r"[\s,]*\([^()]*\)$")


class WeatherStore(Closing):
    """A store, open for reading. Thread-safe; a context manager."""

    def __init__(self, path: Path) -> None:
        """Raises `DataError` if the file is missing, cut off or not one of our stores."""
        self.path = path
        self._lock = threading.Lock()
        if not path.is_file():
            raise DataError(f"{path}: there is no such file; make one with: themis tools import-weather FILE.csv --out {path}")
        try:
            self._connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False)
            _check_ours(self._connection, path)
        except sqlite3.Error as error:
            raise _unreadable(path, error) from error
        self._cities: dict[str, str] = dict(self._rows("SELECT city, written FROM cities ORDER BY city"))
        self._by_name: dict[str, list[str]] = {}
        for city in self._cities:
            self._by_name.setdefault(_without_brackets(city), []).append(city)

    @property
    def cities(self) -> list[str]:
        """Their names as imported, in order."""
        return list(self._cities.values())

    def __len__(self) -> int:
        count: int = self._rows("SELECT count(*) FROM records")[0][0]
        return count

    def on(self, city: str, day: date) -> WeatherRecord:
        """The record of a city on a day; a `ToolError` says what is there instead."""
        key = self._key(city)
        found = self._rows(f"SELECT {', '.join(_FIELDS)} FROM records WHERE city = ? AND day = ?", key, day.isoformat())
        if not found:
            days, first, last = self._rows("SELECT count(*), min(day), max(day) FROM records WHERE city = ?", key)[0]
            span = f"its {days} recorded days lie between {first} and {last}"
            raise ToolError(f"no weather is recorded for {self._cities[key]} on {day.isoformat()}; {span}")
        return WeatherRecord(self._cities[key], day, *found[0])

    def close(self) -> None:
        self._connection.close()

    def _key(self, city: str) -> str:
        key = _folded(city)
        if key in self._cities:
            return key
        name, regions = parts_of(city)
        named = self._by_name.get(key) or self._by_name.get(_folded(name), [])
        if key not in self._by_name and regions:
            named = [each for each in named if all(_lies_in(region, each) for region in regions)]
        if len(named) > 1:
            raise ToolError(f"several cities are named {city[:60]}: {', '.join(self._cities[each] for each in named)}")
        if named:
            return named[0]
        similar = difflib.get_close_matches(_folded(name), self._by_name, n=1)
        hint = f"; did you mean {self._cities[self._by_name[similar[0]][0]]}?" if similar else ""
        raise ToolError(f"expected a city with recorded weather, found '{city[:60]}'{hint}")

    def _rows(self, statement: str, *values: str) -> list[Any]:
        with self._lock:
            try:
                return self._connection.execute(statement, values).fetchall()
            except sqlite3.Error as error:
                raise _unreadable(self.path, error) from error


def add_records(path: Path, records: Iterable[WeatherRecord]) -> int:
    """Adds records to a store, replacing those of the same city and day; makes the file if needed.

    All or none: if the records raise an error, the store is unchanged. Returns how many were added.
    """
    is_new = not path.exists()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=60, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise ConfigError(f"{path} cannot be written: {error}") from error
    try:
        if not is_new:
            _check_ours(connection, path)
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        for table in _TABLES:
            connection.execute(table)
        count = _insert(connection, records)
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise _unreadable(path, error) from error
    finally:
        connection.close()  # without a COMMIT, nothing changes
        if is_new and path.exists() and path.stat().st_size == 0:
            path.unlink()
    return count


def _insert(connection: sqlite3.Connection, records: Iterable[WeatherRecord]) -> int:
    count = 0
    places = ", ".join("?" * (2 + len(_FIELDS)))
    for record in records:
        key = _folded(record.city)
        connection.execute("INSERT OR REPLACE INTO cities VALUES (?, ?)", (key, " ".join(record.city.split())))
        row = (key, record.day.isoformat(), *(getattr(record, name) for name in _FIELDS))
        connection.execute(f"INSERT OR REPLACE INTO records VALUES ({places})", row)
        count += 1
    return count


def _check_ours(connection: sqlite3.Connection, path: Path) -> None:
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise DataError(f"{path} is not a store of weather; name another file")


def _unreadable(path: Path, error: sqlite3.Error) -> DataError:
    return DataError(f"{path} cannot be read as a store of weather ({error}); import it again into a new file")


def _folded(city: str) -> str:
    """In lower case, without accents, with single blanks."""
    plain = "".join(each for each in unicodedata.normalize("NFKD", city.casefold()) if not unicodedata.combining(each))
    return " ".join(plain.split())


def _lies_in(region: str, key: str) -> bool:
    """By what stands in the brackets of a city."""
    return any(lies_in(region, [part], [part]) for part in parts_of(key)[1])


def _without_brackets(folded: str) -> str:
    return _IN_BRACKETS.sub("", folded) or folded
