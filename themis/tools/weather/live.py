"""Weather of past days by the network: Open-Meteo's geocoding and archive to `WeatherRecord`, in TARA's words.

Values are the day's mean temperature, its highest wind at 10 m, its sum of precipitation and the mean of its hourly
relative humidity. The overall weather is the worst of the day, as Open-Meteo counts it. The archive is a reanalysis
without visibility and UV index. From 2022 on, Open-Meteo's archive of forecasts gives the mean visibility of the hours
and the day's highest UV index. Without them, the observation leaves them out.

The published observations came from another service (weatherapi.com): the wording is the same, the values are close.
Source: open-meteo.com's documentation.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from statistics import fmean
from typing import Any, TypeGuard

from themis.errors import ToolError, ToolUnavailable
from themis.http.client import Client, Service
from themis.phrases import document
from themis.tools.base import AnyTool
from themis.tools.setup.backend import Options, backend
from themis.tools.setup.options import text_option
from themis.tools.setup.services import service_of
from themis.tools.weather.places import lies_in, parts_of, without_commas
from themis.tools.weather.record import WeatherRecord
from themis.tools.weather.tool import WeatherRecords, weather_tool

ARCHIVE = "https://archive-api.open-meteo.com"
GEOCODING = "https://geocoding-api.open-meteo.com"
FORECASTS = "https://historical-forecast-api.open-meteo.com"
FORECASTS_SINCE = date(2022, 1, 1)
"""The first day of the archive of forecasts."""
LATE = timedelta(days=14)
"""A day that the archive lacks may come to it so much later."""

OVERALL: Mapping[int, str] = document(__package__, "codes.yaml")
"""Open-Meteo's WMO codes in the words of the published observations, which have one drizzle and no hail."""

_DAILY = {"weather_code": "wmo code", "temperature_2m_mean": "°C", "wind_speed_10m_max": "km/h", "precipitation_sum": "mm"}
_HOURLY = {"relative_humidity_2m": "%"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a city is."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class OpenMeteo:
    """The three services behind the tool."""

    geocoding: Service
    archive: Service
    forecasts: Service | None
    """None if visibility and UV index are not wanted."""

    def place(self, city: str) -> Place:
        """The largest place of a name; what stands behind it (`Paris, Texas`) must be its country or region."""
        name, regions = parts_of(city)
        if not name:
            raise ToolError("expected a city, found none")
        rows = self._named(name, 100 if regions else 1)
        for shorter, region in without_commas(name) if not rows and not regions else ():
            rows, regions = self._named(shorter, 100), (region,)
            if any(_is_in(row, region) for row in rows):
                break
        for row in rows:
            if all(_is_in(row, region) for region in regions):
                return Place(_number(self.geocoding, row, "latitude"), _number(self.geocoding, row, "longitude"))
        why = f"expected a city that is on the map, found '{city[:60]}'"
        strange = next((region for region in regions if not any(_is_in(row, region) for row in rows)), "")
        if rows and strange:
            first = ", ".join(text for text in (_text(rows[0], key) for key in ("name", "admin1", "country")) if text)
            why += f": no place of that name lies in '{strange[:60]}'; the largest is {self.geocoding.shown(first)}"
        raise ToolError(why)

    def _named(self, name: str, count: int) -> list[dict[str, Any]]:
        found = self.geocoding.get("/v1/search", {"name": name, "count": count, "language": "en", "format": "json"})
        # Where nothing was found there is no list, but the time that it took.
        rows = found.get("results", [] if "generationtime_ms" in found else None) if isinstance(found, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self.geocoding.misread("the list 'results'")
        return rows

    def at(self, city: str, place: Place, day: date) -> WeatherRecord:
        """The weather of a day at a place, in the units of `WeatherRecord`."""
        table = _Table(self.archive, self.archive.get("/v1/archive", _asked(place, day, _DAILY, _HOURLY)))
        values = {name: table.only("daily", name, unit) for name, unit in _DAILY.items()}
        humidity = table.mean("hourly", "relative_humidity_2m", "%")
        known = {name: value + 0.0 for name, value in values.items() if value is not None}  # -0.0 becomes 0.0
        if len(known) < len(values) or humidity is None:
            why = f"no weather is recorded for {city[:60]} on {day.isoformat()}"
            if date.today() - day < LATE:
                raise ToolUnavailable(f"{why} yet: the last days come late to the archive")
            raise ToolError(why)
        overall = OVERALL.get(round(known["weather_code"]))
        if overall is None:
            raise self.archive.misread("a weather code that is known")
        wind, rain = known["wind_speed_10m_max"], known["precipitation_sum"]
        record = WeatherRecord(city, day, overall, known["temperature_2m_mean"], wind, rain, None, round(humidity), None)
        return self._with_forecast(record, place)

    def _with_forecast(self, record: WeatherRecord, place: Place) -> WeatherRecord:
        if self.forecasts is None or record.day < FORECASTS_SINCE:
            return record
        asked = _asked(place, record.day, {"uv_index_max": ""}, {"visibility": "m"})
        table = _Table(self.forecasts, self.forecasts.get("/v1/forecast", asked))
        metres, uv_index = table.mean("hourly", "visibility", "m"), table.only("daily", "uv_index_max", "")
        return replace(record, visibility_km=None if metres is None else round(metres / 1000, 1), uv_index=uv_index)


class _Table:
    """Values by name in an answer, with their units checked."""

    def __init__(self, service: Service, found: Any) -> None:
        self._service = service
        if not isinstance(found, dict):
            raise service.misread("an object")
        self._found = found

    def only(self, period: str, name: str, unit: str) -> float | None:
        """The one value of a day; None if it is not known."""
        values = self._values(period, name, unit)
        if len(values) != 1:
            raise self._service.misread(f"the value of one day for '{name}'")
        return values[0]

    def mean(self, period: str, name: str, unit: str) -> float | None:
        """The mean of the known hours."""
        known = [value for value in self._values(period, name, unit) if value is not None]
        return fmean(known) if known else None

    def _values(self, period: str, name: str, unit: str) -> list[float | None]:
        rows, units = self._found.get(period), self._found.get(f"{period}_units")
        values = rows.get(name) if isinstance(rows, dict) else None
        if not isinstance(values, list) or not all(value is None or _is_number(value) for value in values):
            raise self._service.misread(f"the list '{period}.{name}'")
        if not isinstance(units, dict) or units.get(name) != unit:
            raise self._service.misread(f"the unit '{unit}' of {name}")
        return values


def open_meteo(options: Options, client: Client | None = None) -> AnyTool:
    """`history_weather` by Open-Meteo."""
    services = [
        service_of(name, {**options, "url": text_option(options, option) or url}, client)
        for name, option, url in (
            ("Open-Meteo's geocoding", "geocoding_url", GEOCODING),
            ("Open-Meteo's archive", "url", ARCHIVE),
            ("Open-Meteo's archive of forecasts", "forecasts_url", FORECASTS),
        )
    ]
    return weather_tool(_ByCity(OpenMeteo(*services)), deadline=sum(service.limits.deadline for service in services) + 2)


class _ByCity:
    """Open-Meteo by names of cities, each of which is looked up once."""

    def __init__(self, source: OpenMeteo) -> None:
        self._source = source
        self._place: Callable[[str], Place] = lru_cache(maxsize=10_000)(source.place)

    def on(self, city: str, day: date) -> WeatherRecord:
        return self._source.at(city, self._place(city), day)


def _asked(place: Place, day: date, daily: Mapping[str, str], hourly: Mapping[str, str]) -> dict[str, str | int | float]:
    return {
        "latitude": place.latitude,
        "longitude": place.longitude,
        "start_date": day.isoformat(),
        "end_date": day.isoformat(),
        "daily": ",".join(daily),
        "hourly": ",".join(hourly),
        "timezone": "auto",
    }


_REGIONS, _COUNTRY = ("admin1", "admin2", "admin3"), ("country", "country_code")


def _is_in(row: Mapping[str, Any], region: str) -> bool:
    regions, country = ([text for name in names if (text := _text(row, name))] for names in (_REGIONS, _COUNTRY))
    return lies_in(region, regions, country)


def _text(row: Mapping[str, Any], name: str) -> str:
    return value if isinstance(value := row.get(name), str) else ""


def _number(service: Service, row: Mapping[str, Any], name: str) -> float:
    value = row.get(name)
    if not _is_number(value):
        raise service.misread(f"the number '{name}'")
    return float(value)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e6


BACKENDS = (backend(weather_tool(WeatherRecords([])), "open_meteo", open_meteo),)
