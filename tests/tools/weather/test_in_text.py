"""The weather tool, asked with running text."""

import time
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from themis.tools.toolbox import Toolbox
from themis.tools.weather.in_text import weather_in
from themis.tools.weather.record import WeatherRecord, written_weather
from themis.tools.weather.tool import WeatherRecords, weather_tool
from themis.traces import Action

CAIRO = WeatherRecord("Cairo", date(2024, 5, 4), "Sunny", 34.4, 13.5, 0.0, 10.0, 20.0, 8.0)
PLAIN = written_weather(CAIRO)
BOX = Toolbox([weather_tool(WeatherRecords([CAIRO]))])


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Cairo on the 4th of May 2024", ""),
        ("weather in Cairo, May 4, 2024", ""),
        ("Cairo's weather on Saturday, May 4, 2024", ""),
        ("In Cairo it was 34.4 degrees on 4 May 2024.", " 34.4 C is right: the temperature is 34.4 C."),
        ("In Cairo it was 34 °C on 4 May 2024.", " 34 C is right: the temperature is 34.4 C."),
        ("On 4 May 2024 it was 94 F in Cairo.", " 94 F is right: the temperature is 34.4 C, which is 93.92 F."),
        ("Was it 80 °F in Cairo on 4 May 2024?", " 80 F is wrong: the temperature is 34.4 C, which is 93.92 F."),
        ("Cairo was 30 degrees on 4 May 2024", " 30 degrees is wrong: the temperature is 34.4 C, which is 93.92 F."),
        ("Cairo was 30 C on 4 May 2024", " 30 C is wrong: the temperature is 34.4 C."),
    ],
)
def test_the_city_and_the_day_of_a_text_and_the_temperature_it_claims(text: str, verdict: str) -> None:
    assert BOX.call(Action("history_weather", text)).text == PLAIN + verdict


@pytest.mark.parametrize(
    ("text", "city"),
    [
        ("Berlin on the 15th of May 2024", "Berlin"),
        ("weather in London, May 7, 2024", "London"),
        ("Rio de Janeiro on 4 May 2024", "Rio de Janeiro"),
        ("Weather for São Paulo on 4 May 2024", "São Paulo"),
        ("in Mexico City, Mexico, 4 May 2024", "Mexico City, Mexico"),
        ("Washington, D.C. on 4 May 2024", "Washington, D.C."),
        ("at St. Louis on 4 May 2024", "St. Louis"),
        ("She lives in Paris. On 4 May 2024 it was 20 °C there.", "Paris"),
        ("北京 2024年5月4日", "北京"),
        ("À Paris le 4 mai 2024", "Paris"),
    ],
)
def test_a_city_is_what_stands_before_the_date_or_behind_in(text: str, city: str) -> None:
    found = weather_in(text)
    assert found is not None
    assert found.arguments["city"] == city


@pytest.mark.parametrize(
    "text",
    [
        *("In Cairo it was not 34 degrees on 4 May 2024", "Cairo", "it rained on 4 May 2024", "in the morning of 4 May 2024"),
        *("between Cairo and Paris on 4 May 2024", "the day after 4 May 2024 in Cairo", "colder in Cairo than in Paris on 4 May 2024"),
        *("In Cairo it was 30 to 34 degrees on 4 May 2024", "In Cairo on 4 May 2024 and 5 May 2024", "Cairo in Egypt on 4 May 2024"),
        *(
            "The high in Cairo on 4 May 2024 was 40 C",
            "John was in hospital on 4 May 2024",
            "Anna was in Cairo on 4 May 2024",
            "In May on 4 May 2024",
        ),
    ],
)
def test_what_is_in_doubt_is_not_read(text: str) -> None:
    assert weather_in(text) is None
    assert BOX.call(Action("history_weather", text)).status == "error"


@given(st.text(alphabet="InCairoABtws °F3.4,-'’\ue000\ue001", max_size=150))
def test_any_text_is_read_without_an_error(text: str) -> None:
    weather_in(f"In {text} 4 May 2024 {text}")


@pytest.mark.parametrize(
    "piece", ["In Cairo ", "In A B ", "In A, B, ", "A ", "A-", "A.B.", "was ", "34 C ", "degrees ", "Cairo was 3 ", "° "]
)
def test_no_text_takes_long(piece: str) -> None:
    for letters in (1_900, 10_000):
        started = time.process_time()
        weather_in(f"In Cairo on 4 May 2024 {piece * ((letters - 30) // len(piece))}")
        weather_in(f"{piece * ((letters - 30) // len(piece))} 4 May 2024")
        assert time.process_time() - started < 0.2
