"""The tool `history_weather`: the weather of past days, from records or from a store.

The backend `records` has three places, and a later one wins: made-up records (`demo`), TARA's recordings (observation
texts, parsed into records), and the user's file. The backend `store` reads a store on disk (`store`), imported from
CSV or Parquet (`importer`). The backend `open_meteo` asks the network (`live`).
"""

import difflib
import math
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from themis.config import data_root
from themis.errors import ConfigError, DataError, ToolError
from themis.files import LeftOut, data_rows, json_object, text_field
from themis.tools.base import AnyTool, tool
from themis.tools.setup.backend import Options, backend, error_of
from themis.tools.setup.options import text_option
from themis.tools.weather.demo import demo_records
from themis.tools.weather.in_text import weather_in
from themis.tools.weather.places import parts_of
from themis.tools.weather.record import WeatherRecord, WeatherSource, read_day, record_of_text, written_weather
from themis.tools.weather.store import WeatherStore

RECORDINGS = Path("recordings") / "weather_history.json"
"""Recorded weather in TARA's folder."""
_MEASURES = ("temperature_c", "wind_kph", "precipitation_mm", "visibility_km", "humidity", "uv_index")


def read_records(path: Path) -> list[WeatherRecord]:
    """Records of a JSON list or of JSON lines, with the fields of `WeatherRecord`; the day is the field `date`.

    Rows that cannot be read are left out, and named in the log.
    """
    records = LeftOut().kept(data_rows(path), lambda row: _record(row[2], row[1]))
    if 0 < max((record.humidity or 0 for record in records), default=0) <= 1:
        raise DataError(f"{path}: the values of 'humidity' look like fractions; write percent, such as 63 for 0.63")
    return records


def read_recordings(path: Path) -> list[WeatherRecord]:
    """Records of TARA's `weather_history.json`, an object of observation texts by `City, date`."""

    def recorded(entry: tuple[str, Any]) -> WeatherRecord:
        record = record_of_text(str(entry[1]))
        if record is None:
            raise DataError(f"{path}: the recording of '{entry[0]}' is not in TARA's wording")
        return record

    return LeftOut().kept(json_object(path).items(), recorded)


class WeatherRecords:
    """Records by city and day. Of two for the same city and day, the later one counts."""

    def __init__(self, records: Iterable[WeatherRecord]) -> None:
        self._cities: dict[str, dict[date, WeatherRecord]] = {}
        for record in records:
            self._cities.setdefault(_folded(record.city), {})[record.day] = record

    def on(self, city: str, day: date) -> WeatherRecord:
        """The record of a city on a day; a `ToolError` says what is there instead."""
        days = self._cities.get(_folded(city))
        if not days:
            similar = difflib.get_close_matches(_folded(parts_of(city)[0]), self._cities, n=1)
            hint = f"; did you mean {next(iter(self._cities[similar[0]].values())).city}?" if similar else ""
            raise ToolError(f"expected a city with recorded weather, found '{city[:60]}'{hint}")
        if day not in days:
            span = f"its {len(days)} recorded days lie between {min(days).isoformat()} and {max(days).isoformat()}"
            raise ToolError(f"no weather is recorded for {next(iter(days.values())).city} on {day.isoformat()}; {span}")
        return days[day]


def weather_tool(records: WeatherSource, *, deadline: float = 10.0) -> AnyTool:
    """The tool `history_weather` over some records, with a deadline in seconds."""

    @tool(name="history_weather", deadline=deadline, in_text=weather_in)
    def history_weather(city: str, day: date) -> str:
        """The weather of a city on a past day, e.g. `Lisbon, 2024-05-03`.

        Overall weather, temperature, wind speed, precipitation, visibility, humidity and UV index.
        """
        return written_weather(records.on(city, day))

    return history_weather


def _folded(city: str) -> str:
    return " ".join(city.split()).casefold()


def _record(row: Mapping[str, Any], where: str) -> WeatherRecord:
    city, written, overall = (text_field(row, name, where) for name in ("city", "date", "overall"))
    for name in _MEASURES:
        if not _is_number(row.get(name)):
            raise DataError(f"{where}: field '{name}' is missing or not a number")
    if row.get("wind_mph") is not None and not _is_number(row["wind_mph"]):
        raise DataError(f"{where}: field 'wind_mph' is not a number")
    day = read_day(written, f"{where}: field 'date'")
    measures = {name: float(row[name]) + 0.0 for name in _MEASURES}  # -0.0 becomes 0.0
    return WeatherRecord(city, day, overall, **measures, wind_mph=row.get("wind_mph"))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def records_tool(tara: Path | None = None, path: Path | None = None) -> AnyTool:
    """`history_weather` over made-up records, then TARA's recordings if there are any, then a file; later ones win."""
    recorded = read_recordings(tara / RECORDINGS) if tara and (tara / RECORDINGS).is_file() else []
    return weather_tool(WeatherRecords([*demo_records(), *recorded, *(read_records(path) if path else [])]))


def _build_records(options: Options) -> AnyTool:
    path, tara = text_option(options, "path"), text_option(options, "tara")
    if tara and not (Path(tara).expanduser() / RECORDINGS).is_file():
        raise ConfigError(f"the option 'tara' of history_weather names a folder without {RECORDINGS}")
    data = data_root()
    folder = Path(tara).expanduser() if tara else data / "tara" if data else None
    return records_tool(folder, Path(path).expanduser() if path else None)


def _records_missing(options: Options) -> str | None:
    """Without options it needs nothing; the recordings of THEMIS_DATA are checked when they are read."""
    return error_of(_build_records, options) if options else None


def _build_store(options: Options) -> AnyTool:
    path = text_option(options, "path")
    if not path:
        raise ConfigError("the option 'path' of history_weather is not set: the file made by `themis tools import-weather`")
    return weather_tool(WeatherStore(Path(path).expanduser()))


_TOOL = weather_tool(WeatherRecords([]))

BACKENDS = (
    backend(_TOOL, "records", _build_records, _records_missing, offline=True, default=True),
    backend(_TOOL, "store", _build_store, lambda options: error_of(_build_store, options), offline=True),
)
