"""Weather of past days, from stores of records; and the one wording in which a record is reported.

The backend `records` has them from three places, the later ones in front: the illustrative ones of `demo_weather`,
TARA's recordings (observation texts, read back into records), and a file of the user's own. The backend `store` has
them from a store (`weather_store`), imported from CSV or Parquet (`weather_import`).

Knows nothing of forecasts, of the network, or of where on earth a city lies: a city is a name.
"""

import difflib
import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol

from themis.config import data_root
from themis.errors import ConfigError, DataError, ThemisError, ToolError
from themis.tools.base import AnyTool, tool
from themis.tools.setup.backend import Backend, Options
from themis.tools.setup.options import text_option

KM_PER_MILE = 1.609344
MM_PER_INCH = 25.4

_NUMBER = r"(-?\d+(?:\.\d+)?)"
_WRITTEN = re.compile(
    rf"The weather for (.+) on (\d{{4}}-\d\d-\d\d) is: \noverall weather: (.+); temperature: {_NUMBER}\(C\); "
    rf"wind speed: {_NUMBER}\(kph\), {_NUMBER}\(mph\); precipitation: {_NUMBER}\(mm\), {_NUMBER}\(inch\); "
    rf"(?:visibility: {_NUMBER}\(km\), {_NUMBER}\(miles\); )?humidity: {_NUMBER}(?:; UV index: {_NUMBER})?\."
)
_MEASURES = ("temperature_c", "wind_kph", "precipitation_mm", "visibility_km", "humidity", "uv_index")


@dataclass(frozen=True, slots=True)
class WeatherRecord:
    """The weather of one city on one day. What was not measured is None, and the wording leaves it out."""

    city: str
    day: date
    overall: str | None
    temperature_c: float | None
    wind_kph: float | None
    precipitation_mm: float | None
    visibility_km: float | None
    humidity: float | None
    """Percent."""
    uv_index: float | None
    wind_mph: float | None = None
    """Only where it was measured: the published miles and kilometres were rounded from a finer wind speed."""
    visibility_miles: float | None = None
    """Only where it was measured: 5 miles are 8.0 km, which are not quite 5 miles."""


class WeatherSource(Protocol):
    """Where records come from."""

    def on(self, city: str, day: date) -> WeatherRecord:
        """The record of a city on a day; raises `ToolError` that says what is there instead."""


def written_weather(record: WeatherRecord) -> str:
    """A record in TARA's words. Miles per hour are rounded to a tenth, inches to a hundredth; miles are cut off to whole ones."""
    parts = []
    if record.overall is not None:
        parts.append(f"overall weather: {record.overall}")
    if record.temperature_c is not None:
        parts.append(f"temperature: {float(record.temperature_c)}(C)")
    if record.wind_kph is not None:
        mph = round(record.wind_kph / KM_PER_MILE, 1) if record.wind_mph is None else record.wind_mph
        parts.append(f"wind speed: {float(record.wind_kph)}(kph), {float(mph)}(mph)")
    if record.precipitation_mm is not None:
        inches = round(record.precipitation_mm / MM_PER_INCH, 2)
        parts.append(f"precipitation: {float(record.precipitation_mm)}(mm), {float(inches)}(inch)")
    if record.visibility_km is not None:
        miles = record.visibility_km / KM_PER_MILE if record.visibility_miles is None else record.visibility_miles
        parts.append(f"visibility: {float(record.visibility_km)}(km), {float(math.floor(miles))}(miles)")
    if record.humidity is not None:
        parts.append(f"humidity: {float(record.humidity)}")
    if record.uv_index is not None:
        parts.append(f"UV index: {float(record.uv_index)}")
    return f"The weather for {record.city} on {record.day.isoformat()} is: \n{'; '.join(parts)}."


def record_of_text(text: str) -> WeatherRecord | None:
    """The record behind an observation in TARA's words, or None where it is none."""
    match = _WRITTEN.fullmatch(text)
    if match is None:
        return None
    celsius, kph, mph, millimetres, _, humidity = (float(match[number]) for number in (4, 5, 6, 7, 8, 11))
    kilometres, uv_index = (float(match[number]) if match[number] else None for number in (9, 12))
    return WeatherRecord(match[1], date.fromisoformat(match[2]), match[3], celsius, kph, millimetres, kilometres, humidity, uv_index, mph)


def read_records(path: Path) -> list[WeatherRecord]:
    """Records of a JSON list or a JSONL file, with the fields of `WeatherRecord`; the day is the field `date`."""
    text = path.read_text(encoding="utf-8")
    if text.lstrip().startswith("["):
        rows = [(f"{path}: record {number}", row) for number, row in enumerate(_decoded(text, str(path)), start=1)]
    else:
        lines = [(f"{path}:{number}", line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
        rows = [(where, _decoded(line, where)) for where, line in lines]
    return [_record(row, where) for where, row in rows]


def read_recordings(path: Path) -> list[WeatherRecord]:
    """Records of TARA's `weather_history.json`, an object of observation texts by `City, date`."""
    recordings = _decoded(path.read_text(encoding="utf-8"), str(path))
    if not isinstance(recordings, dict):
        raise DataError(f"{path}: expected an object of observations by 'City, date', found {type(recordings).__name__}")
    records = {key: record_of_text(text) for key, text in recordings.items()}
    unread = next((key for key, record in records.items() if record is None), None)
    if unread is not None:
        raise DataError(f"{path}: the recording of '{unread}' is not in TARA's wording")
    return [record for record in records.values() if record is not None]


class WeatherRecords:
    """Records by city and day; of two for the same, the later one counts."""

    def __init__(self, records: Iterable[WeatherRecord]) -> None:
        self._cities: dict[str, dict[date, WeatherRecord]] = {}
        for record in records:
            self._cities.setdefault(_folded(record.city), {})[record.day] = record

    def on(self, city: str, day: date) -> WeatherRecord:
        """The record of a city on a day; raises `ToolError` that says what is there instead."""
        days = self._cities.get(_folded(city))
        if not days:
            similar = difflib.get_close_matches(_folded(city), self._cities, n=1)
            hint = f"; did you mean {next(iter(self._cities[similar[0]].values())).city}?" if similar else ""
            raise ToolError(f"expected a city with recorded weather, found '{city[:60]}'{hint}")
        if day not in days:
            span = f"its {len(days)} recorded days lie between {min(days).isoformat()} and {max(days).isoformat()}"
            raise ToolError(f"no weather is recorded for {next(iter(days.values())).city} on {day.isoformat()}; {span}")
        return days[day]


def weather_tool(records: WeatherSource, *, deadline: float = 10.0) -> AnyTool:
    """The tool `history_weather` over some records; the deadline in seconds."""

    @tool(name="history_weather", deadline=deadline)
    def history_weather(city: str, day: date) -> str:
        """The weather of a city on a past day, e.g. `Lisbon, 2024-05-03`.

        Overall weather, temperature, wind speed, precipitation, visibility, humidity and UV index.
        """
        return written_weather(records.on(city, day))

    return history_weather


def _folded(city: str) -> str:
    return " ".join(city.split()).casefold()


def _decoded(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise DataError(f"{where}: not JSON ({error})") from error


def _record(row: Any, where: str) -> WeatherRecord:
    if not isinstance(row, dict):
        raise DataError(f"{where}: expected an object, found {type(row).__name__}")
    for name in ("city", "date", "overall"):
        if not isinstance(row.get(name), str) or not row[name].strip():
            raise DataError(f"{where}: field '{name}' is missing or not text")
    for name in _MEASURES:
        if not _is_number(row.get(name)):
            raise DataError(f"{where}: field '{name}' is missing or not a number")
    if row.get("wind_mph") is not None and not _is_number(row["wind_mph"]):
        raise DataError(f"{where}: field 'wind_mph' is not a number")
    try:
        day = date.fromisoformat(row["date"])
    except ValueError as error:
        raise DataError(f"{where}: field 'date' is '{row['date']}', not a date such as 2004-05-03") from error
    measures = {name: float(row[name]) for name in _MEASURES}
    return WeatherRecord(row["city"], day, row["overall"], **measures, wind_mph=row.get("wind_mph"))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _build_records(options: Options) -> AnyTool:
    from themis.tools.weather.demo import demo_records

    path, tara = text_option(options, "path"), text_option(options, "tara")
    data = data_root()
    folder = Path(tara).expanduser() if tara else data / "tara" if data else None
    recordings = folder / "recordings" / "weather_history.json" if folder else None
    recorded = read_recordings(recordings) if recordings and (tara or recordings.is_file()) else []
    return weather_tool(WeatherRecords([*demo_records(), *recorded, *(read_records(Path(path).expanduser()) if path else [])]))


def _records_missing(options: Options) -> str | None:
    try:
        _build_records(options)
    except ThemisError as error:
        return str(error)
    except OSError as error:
        return f"{error.filename} cannot be read: {error.strerror}"
    return None


def _build_store(options: Options) -> AnyTool:
    from themis.tools.weather.store import WeatherStore

    path = text_option(options, "path")
    if not path:
        raise ConfigError("the option 'path' of history_weather is not set: the file made by `themis tools import-weather`")
    return weather_tool(WeatherStore(Path(path).expanduser()))


def _store_missing(options: Options) -> str | None:
    try:
        _build_store(options)
    except ThemisError as error:
        return str(error)
    return None


BACKENDS = (
    Backend(
        tool="history_weather",
        name="records",
        summary="made-up weather of twelve cities in May 2024, for demos; TARA's recordings and records of your own in front",
        options={
            "path": "a JSON list or JSONL file of records, in front of all others",
            "tara": "the folder of the published TARA files; without it, that of THEMIS_DATA",
        },
        build=_build_records,
        missing=_records_missing,
        offline=True,
    ),
    Backend(
        tool="history_weather",
        name="store",
        summary="records imported from CSV or Parquet by `themis tools import-weather`",
        options={"path": "the file of the store"},
        build=_build_store,
        missing=_store_missing,
        offline=True,
    ),
)
