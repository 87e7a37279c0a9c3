"""Illustrative weather: made-up records for twelve cities, 1 to 20 May 2024, so that a demo needs no data.

Nobody measured these. They are drawn around each city's usual May, always the same, and only show what the tool does.
For real weather, bring your own records or recordings.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from random import Random

from themis.phrases import document
from themis.tools.weather.record import WeatherRecord

FIRST_DAY, DAYS = date(2024, 5, 1), 20

_MAY: Mapping[str, list[float]] = document(__package__, "demo.yaml")
"""For each city the usual temperature (C) and humidity (%) of a day in May, and the share of rainy days."""
_DRY = (("Sunny", 0.45), ("Partly cloudy", 0.8), ("Cloudy", 0.92), ("Overcast", 1.0))
_WET = ((1.0, "Patchy rain possible"), (4.0, "Light rain shower"), (12.0, "Moderate rain"), (float("inf"), "Heavy rain"))


def demo_records() -> list[WeatherRecord]:
    """The records, city by city and day by day."""
    draw = Random(2024).random  # of all its methods, only `random` gives the same numbers in every version of Python
    return [_record(city, FIRST_DAY + timedelta(days=day), draw()) for city in _MAY for day in range(DAYS)]


def _record(city: str, day: date, seed: float) -> WeatherRecord:
    draw = Random(seed).random
    temperature, humidity, wet_share = _MAY[city]
    wet = draw() < wet_share
    rain = round(0.2 + 24 * draw() ** 3, 1) if wet else 0.0
    sky = draw()
    overall = next(name for most, name in _WET if rain <= most) if wet else next(name for name, share in _DRY if sky <= share)
    return WeatherRecord(
        city,
        day,
        overall,
        temperature_c=round(temperature + 8 * (draw() - 0.5) - 2.5 * wet, 1),
        wind_kph=round(5 + 24 * draw() * draw(), 1),
        precipitation_mm=rain,
        visibility_km=round(10 - 4 * draw() * (rain > 4), 1),
        humidity=float(min(98, round(humidity + 20 * (draw() - 0.5) + 12 * wet))),
        uv_index=float(max(1, round(temperature / 4 + 2 * draw() - 2.5 * wet))),
    )
