"""Illustrative weather: made-up records for twelve cities, 1 to 20 May 2024, so that a demo needs no data.

Nobody measured these. They are drawn around each city's usual May, always the same, and only show what the tool does.
For real weather, bring your own records or recordings.
"""

from datetime import date, timedelta
from random import Random

from themis.tools.weather.record import WeatherRecord

FIRST_DAY, DAYS = date(2024, 5, 1), 20

# City: usual temperature (C) and humidity (%) of a day in May, and the share of rainy days.
_MAY = {
    "Beijing": (24.0, 42.0, 0.15),
    "Berlin": (18.0, 55.0, 0.35),
    "Buenos Aires": (16.5, 74.0, 0.3),
    "Cairo": (31.0, 28.0, 0.0),
    "Lisbon": (21.5, 60.0, 0.2),
    "London": (16.5, 64.0, 0.45),
    "Nairobi": (23.0, 70.0, 0.6),
    "New York": (20.0, 58.0, 0.35),
    "Paris": (18.5, 61.0, 0.4),
    "Singapore": (31.0, 79.0, 0.65),
    "Sydney": (18.5, 66.0, 0.35),
    "Tokyo": (22.5, 62.0, 0.35),
}
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
