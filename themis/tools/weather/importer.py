"""Reads weather from CSV or Parquet into a store: finds the columns by their names, and converts their units.

A column is named by its quantity and unit, in any case, with any signs between: `temperature_c`, `Temp (°F)`,
`Mean.Wind.SpeedMPH`. Needed are the city, the date, and one quantity with a known unit:

    temperature     c f k                   visibility   km m miles mi
    wind            kph kmh mph ms kn       humidity     percent fraction (without either in the name: percent)
    precipitation   mm cm in inch inches    uv index     (no unit)
    overall         text; or events, in words such as Rain-Snow; where both are empty, from the cloud cover in oktas

A row is one city on one day; columns may be named as means (`mean`, `avg`, `average`). An empty cell, NA, -999 or
-9999 was not measured, nor was a value that no weather can have. If more than one in ten values of a column are
impossible, its unit is wrong. Humidity or cloud cover that names no unit and looks like a fraction is refused. Columns
with other names are ignored.

Parquet needs pyarrow (the extra `parquet`).
"""

import logging
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from themis.errors import DataError
from themis.files import LeftOut, csv_rows, parquet_rows
from themis.tools.numbers import plain
from themis.tools.weather.record import KM_PER_MILE, MM_PER_INCH, WeatherRecord, read_day
from themis.tools.weather.store import add_records

ENDINGS = (".csv", ".csv.gz", ".parquet")
MOST_OUTLIERS = 0.1
"""Of the values of a column."""

Row = Mapping[str, Any]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Quantity:
    """What a column may hold, in the unit of `WeatherRecord`."""

    names: tuple[str, ...]
    units: Mapping[str, Callable[[float], float]]
    """How each unit is converted. Of several columns of a quantity, that with the first unit here counts."""
    least: float
    most: float
    """No weather on earth is outside."""


def _times(factor: float) -> Callable[[float], float]:
    return lambda value: value * factor


_CELSIUS: dict[str, Callable[[float], float]] = {"c": _times(1), "f": lambda value: (value - 32) * 5 / 9, "k": lambda value: value - 273.15}
_KPH = {"kph": 1, "kmh": 1, "mph": KM_PER_MILE, "ms": 3.6, "kn": 1.852, "knots": 1.852}
_MILLIMETRES = {"mm": 1, "cm": 10, "in": MM_PER_INCH, "inch": MM_PER_INCH, "inches": MM_PER_INCH}
_KILOMETRES = {"km": 1, "m": 0.001, "mi": KM_PER_MILE, "miles": KM_PER_MILE}
QUANTITIES: dict[str, _Quantity] = {
    "temperature_c": _Quantity(("temperature", "temp"), _CELSIUS, -95, 65),
    "wind_kph": _Quantity(("wind", "windspeed"), {unit: _times(factor) for unit, factor in _KPH.items()}, 0, 420),
    "precipitation_mm": _Quantity(
        ("precipitation", "precip", "rain", "rainfall"), {unit: _times(factor) for unit, factor in _MILLIMETRES.items()}, 0, 2_000
    ),
    "visibility_km": _Quantity(("visibility", "vis"), {unit: _times(factor) for unit, factor in _KILOMETRES.items()}, 0, 400),
    "humidity": _Quantity(("humidity", "relativehumidity"), {"": _times(1), "percent": _times(1), "fraction": _times(100)}, 0, 100),
    "uv_index": _Quantity(("uv", "uvindex"), {"": _times(1)}, 0, 45),
    "cloud_oktas": _Quantity(
        ("cloud", "cloudcover"), {"": _times(1), "oktas": _times(1), "percent": _times(0.08), "fraction": _times(8)}, 0, 8
    ),
}
_TEXTS = {
    "city": ("city", "location", "place"),
    "date": ("date", "day"),
    "overall": ("overall", "condition"),
    "events": ("events", "event"),
}
_MEASURED = tuple(name for name in QUANTITIES if name != "cloud_oktas")
_MEAN = re.compile(r"^(mean|average|avg)|(mean|average|avg)$")
_NOT_MEASURED = ("", "na", "nan", "null", "none", "-999", "-9999")
_TRACE = "t"
"""A trace: rain too little to be measured."""
_SKIES = ((1, "Clear"), (5, "Partly cloudy"), (7, "Cloudy"), (8, "Overcast"))
"""The sky's words up to a cover in oktas."""


def import_weather(file: Path, out: Path) -> int:
    """Adds the records of a CSV or Parquet file to the store `out`, which is made if needed. Returns how many.

    A row that cannot be read is left out, and named in the log. Raises `DataError` with file, line (of Parquet: row)
    and field where that is at least half of them, or a column is wrong; the store then stays as it was.
    """
    if not file.name.lower().endswith(ENDINGS):
        raise DataError(f"{file}: expected a file named {', '.join('*' + ending for ending in ENDINGS)}")
    return add_records(out, _Import(file).records())


@contextmanager
def without_notes() -> Iterator[None]:
    """Log nothing of impossible values, for whoever imports many files and needs no line for each."""
    level = _log.level
    _log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        _log.setLevel(level)


@dataclass(frozen=True, slots=True)
class _Column:
    """One column that we read."""

    name: str
    """As the file has it."""
    unit: str
    quantity: _Quantity


class _Import:
    """The reading of one file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._values: Counter[str] = Counter()
        self._sizes: Counter[tuple[str, bool]] = Counter()  # positive values, by whether they are above 1
        self._outliers: dict[str, list[str]] = {}
        self._left_out = LeftOut()
        self._place = "row" if file.suffix == ".parquet" else "line"

    def records(self) -> Iterator[WeatherRecord]:
        """One a row that measured something. Raises `DataError` where at least half of the rows are wrong."""
        names, rows = csv_rows(self._file, self._left_out) if self._place == "line" else _parquet(self._file)
        texts, columns = self._columns(names)
        seen: dict[tuple[str, date], int] = {}
        for number, row in rows:
            where = f"{self._file}, {self._place} {number}"
            record: WeatherRecord | None = None
            with self._left_out.row():
                record = self._record(row, texts, columns, where)
            if record is None:
                continue
            before = seen.setdefault((record.city, record.day), number)
            if before != number:
                day = f"{record.city} on {record.day.isoformat()}"
                raise DataError(f"{where}: a second row of {day}, after {before}; expected one row a day")
            if any(getattr(record, name) is not None for name in ("overall", *_MEASURED)):
                yield record
        self._left_out.tell(max(0, len(seen) - self._left_out.count))
        self._judge_outliers()
        self._refuse_fractions(columns.values())

    def _record(self, row: Row, texts: Mapping[str, str], columns: Mapping[str, _Column], where: str) -> WeatherRecord:
        city, day = _city(row, texts["city"], where), _day(row, texts["date"], where)
        values = {name: self._value(row, column, where) for name, column in columns.items()}
        return _record(city, day, _overall(row, texts, values), values, columns, row)

    def _columns(self, names: list[str]) -> tuple[dict[str, str], dict[str, _Column]]:
        """The columns of text and of quantities. Raises `DataError` if one is missing or has no known unit."""
        by_plain = {_plain(name): name for name in reversed(names)}
        texts = {field: by_plain[word] for field, words in _TEXTS.items() for word in reversed(words) if word in by_plain}
        for field in ("city", "date"):
            if field not in texts:
                raise DataError(f"{self._head}: no column '{field}'; found {', '.join(names[:12]) or 'none'}")
        columns: dict[str, _Column] = {}
        for field, quantity in QUANTITIES.items():
            for unit in reversed(tuple(quantity.units)):
                for word in reversed(quantity.names):
                    if word + unit in by_plain:
                        columns[field] = _Column(by_plain[word + unit], unit, quantity)
            self._refuse_without_unit(field, quantity, columns, by_plain)
        if not (columns.keys() & set(_MEASURED) or texts.keys() & {"overall", "events"}):
            raise DataError(f"{self._head}: no column of weather, such as temperature_c; found {', '.join(names[:12])}")
        return texts, columns

    def _refuse_without_unit(self, field: str, quantity: _Quantity, columns: Mapping[str, _Column], by_plain: Mapping[str, str]) -> None:
        bare = next((by_plain[word] for word in quantity.names if word in by_plain), None)
        if field not in columns and bare is not None:
            named = " or ".join(f"{quantity.names[0]}_{unit}" for unit in quantity.units)
            raise DataError(f"{self._head}: the column '{bare}' does not name its unit; call it {named}")

    @property
    def _head(self) -> str:
        return str(self._file) if self._place == "row" else f"{self._file}, line 1"

    def _value(self, row: Row, column: _Column, where: str) -> float | None:
        """In our unit; None if it was not measured or is impossible."""
        given = _number(row.get(column.name), column.name, where)
        if given is None:
            return None
        self._values[column.name] += 1
        self._sizes[column.name, given > 1] += given > 0
        value = column.quantity.units[column.unit](given)
        if column.quantity.least <= value <= column.quantity.most:
            return value
        self._outliers.setdefault(column.name, []).append(f"{where}: field '{column.name}' is {given:g}")
        return None

    def _judge_outliers(self) -> None:
        for name, outliers in self._outliers.items():
            if len(outliers) > MOST_OUTLIERS * self._values[name]:
                of = f"{len(outliers)} of {self._values[name]} values of that column"
                raise DataError(f"{outliers[0]}, which no weather has, and so are {of}: is the unit in its name the right one?")
            _log.warning("%s, which no weather has: left out, as are all %d of its column", outliers[0], len(outliers))

    def _refuse_fractions(self, columns: Iterable[_Column]) -> None:
        for name, unit, quantity in ((column.name, column.unit, column.quantity) for column in columns):
            most = self._values[name] / 2 if self._sizes[name, True] else 0
            if not unit and "fraction" in quantity.units and self._sizes[name, False] > most:
                named = " or ".join(f"{quantity.names[0]}_{each}" for each in quantity.units if each)
                raise DataError(f"{self._head}: the values of '{name}' look like fractions; call it {named}")


def _record(
    city: str, day: date, overall: str | None, values: Mapping[str, float | None], columns: Mapping[str, _Column], row: Row
) -> WeatherRecord:
    """Rounded to a tenth, as in TARA. Measured miles are kept, as rounded kilometres do not give them back."""
    measures = {name: None if (value := values.get(name)) is None else round(value, 1) + 0.0 for name in _MEASURED}  # -0.0 becomes 0.0
    miles: dict[str, float | None] = {"wind_kph": None, "visibility_km": None}
    for name in miles:
        if name in columns and columns[name].unit in ("mph", "mi", "miles") and measures[name] is not None:
            miles[name] = _number(row[columns[name].name], name, "")
    return WeatherRecord(city, day, overall, **measures, wind_mph=miles["wind_kph"], visibility_miles=miles["visibility_km"])


def _city(row: Row, name: str, where: str) -> str:
    city = row.get(name)
    if not isinstance(city, str) or not city.strip():
        raise DataError(f"{where}: field '{name}' is missing or not text")
    return city.strip()


def _day(row: Row, name: str, where: str) -> date:
    given = row.get(name)
    if isinstance(given, datetime):
        return given.date()
    if isinstance(given, date):
        return given
    return read_day(given.strip() if isinstance(given, str) else "", f"{where}: field '{name}'")


def _number(given: Any, name: str, where: str) -> float | None:
    text = plain(given).strip().lower() if isinstance(given, str) else given
    if text is None or text in _NOT_MEASURED:
        return None
    try:
        found = float(0 if text == _TRACE else text)
    except (TypeError, ValueError):
        raise DataError(f"{where}: field '{name}' is '{str(given)[:40]}', not a number") from None
    return None if math.isnan(found) or found in (-999, -9999) else found


def _overall(row: Row, texts: Mapping[str, str], values: Mapping[str, float | None]) -> str | None:
    """The file's words for the weather; else its events; else its cloud cover."""
    said, happened = (str(row[texts[field]] or "").strip() if field in texts else "" for field in ("overall", "events"))
    events = [word for word in re.split(r"[-,;\s]+", happened) if word.lower() not in _NOT_MEASURED]
    covered = values.get("cloud_oktas")
    if said.lower() not in _NOT_MEASURED:
        return said
    if events:
        return " and ".join(events).capitalize()
    return None if covered is None else next(words for most, words in _SKIES if covered <= most)


def _plain(name: str) -> str:
    """A column's name for comparison: lower-case letters, digits, `percent` for `%`, without `mean` and the like."""
    return _MEAN.sub("", re.sub(r"[^a-z0-9]", "", name.lower().replace("%", "percent").replace("m/s", "ms")))


def _parquet(file: Path) -> tuple[list[str], Iterator[tuple[int, Row]]]:
    names, rows = parquet_rows(file)
    return names, enumerate(rows, start=1)
