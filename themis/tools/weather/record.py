"""One day's weather of one city, the wording in which it is reported, and the parser of that wording.

Knows nothing of where records come from, of forecasts, or of geography: a city is a name.
"""

import math
import re
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from themis.errors import DataError
from themis.tools.dates import day_of, why_no_day

KM_PER_MILE = 1.609344
MM_PER_INCH = 25.4

_NUMBER = r"(-?\d+(?:\.\d+)?)"
_WRITTEN = re.compile(
    rf"The weather for (.+) on (\d{{4}}-\d\d-\d\d) is: \noverall weather: (.+); temperature: {_NUMBER}\(C\); "
    rf"wind speed: {_NUMBER}\(kph\), {_NUMBER}\(mph\); precipitation: {_NUMBER}\(mm\), {_NUMBER}\(inch\); "
    rf"(?:visibility: {_NUMBER}\(km\), {_NUMBER}\(miles\); )?humidity: {_NUMBER}(?:; UV index: {_NUMBER})?\."
)


@dataclass(frozen=True, slots=True)
class WeatherRecord:
    """The weather of one city on one day. A value that was not measured is None, and the wording leaves it out."""

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
    """Only if it was measured: the published miles and kilometres were rounded from a finer wind speed."""
    visibility_miles: float | None = None
    """Only if it was measured: 5 miles are 8.0 km, but these are not quite 5 miles."""


class WeatherSource(Protocol):
    """Where records come from."""

    def on(self, city: str, day: date) -> WeatherRecord:
        """The record of a city on a day; a `ToolError` says what is there instead."""


def read_day(text: str, field: str) -> date:
    """The day that a field of a file holds, in any form that `dates` reads. Raises `DataError`."""
    day = day_of(text)
    if day is None:
        raise DataError(f"{field} is '{text[:40]}', not a date such as 2004-05-03{why_no_day(text)}")
    return day


def written_weather(record: WeatherRecord) -> str:
    """A record in TARA's words: miles per hour rounded to a tenth, inches to a hundredth, miles cut to integers."""
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
    """The record behind an observation in TARA's words, or None if the text has another form."""
    match = _WRITTEN.fullmatch(text)
    if match is None:
        return None
    celsius, kph, mph, millimetres, _, humidity = (float(match[number]) for number in (4, 5, 6, 7, 8, 11))
    kilometres, uv_index = (float(match[number]) if match[number] else None for number in (9, 12))
    return WeatherRecord(match[1], date.fromisoformat(match[2]), match[3], celsius, kph, millimetres, kilometres, humidity, uv_index, mph)
