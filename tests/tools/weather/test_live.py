"""Weather by the network: Open-Meteo's published JSON to records and TARA's words, with the units right."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from tests.tools.fake_service import BUSY, FAILURES, Asked, FakeService, NotedClient, Said, quick
from themis.errors import ConfigError, ToolError, ToolUnavailable
from themis.http.client import Client
from themis.tools.base import AnyTool, read_argument
from themis.tools.weather import live
from themis.tools.weather.live import BACKENDS, OVERALL, open_meteo
from themis.tools.weather.record import record_of_text

DAY = date(2023, 5, 7)
PLACES = {
    "results": [
        {"id": 108410, "name": "Riyadh", "latitude": 24.68773, "longitude": 46.72185, "country_code": "SA", "country": "Saudi Arabia"},
        {"id": 2, "name": "Riyadh", "latitude": 1.5, "longitude": 2.5, "country_code": "YE", "country": "Yemen", "admin1": "Hadramaut"},
    ],
    "generationtime_ms": 0.5,
}
ARCHIVE: dict[str, Any] = {
    "latitude": 24.7,
    "longitude": 46.7,
    "utc_offset_seconds": 10800,
    "timezone": "Asia/Riyadh",
    "daily_units": {
        "time": "iso8601",
        "weather_code": "wmo code",
        "temperature_2m_mean": "°C",
        "wind_speed_10m_max": "km/h",
        "precipitation_sum": "mm",
    },
    "daily": {
        "time": ["2023-05-07"],
        "weather_code": [2],
        "temperature_2m_mean": [34.1],
        "wind_speed_10m_max": [27.4],
        "precipitation_sum": [0.1],
    },
    "hourly_units": {"time": "iso8601", "relative_humidity_2m": "%"},
    "hourly": {"time": ["2023-05-07T00:00", "2023-05-07T01:00"], "relative_humidity_2m": [10, 20]},
}
FORECAST: dict[str, Any] = {
    "daily_units": {"time": "iso8601", "uv_index_max": ""},
    "daily": {"time": ["2023-05-07"], "uv_index_max": [10.0]},
    "hourly_units": {"time": "iso8601", "visibility": "m"},
    "hourly": {"time": ["2023-05-07T00:00", "2023-05-07T01:00", "2023-05-07T02:00"], "visibility": [8000.0, None, 12000.0]},
}
PUBLISHED = (
    "The weather for Riyadh on 2023-05-07 is: \noverall weather: Partly cloudy; temperature: 34.1(C); wind speed: 27.4(kph), 17.0(mph); "
    "precipitation: 0.1(mm), 0.0(inch); visibility: 10.0(km), 6.0(miles); humidity: 15.0; UV index: 10.0."
)
"""As TARA has it for that day, which the numbers above were chosen to give."""


@pytest.fixture
def client() -> Iterator[NotedClient]:
    with NotedClient() as client:
        yield client


def answer(asked: Asked) -> Said:
    return Said({"/v1/search": PLACES, "/v1/archive": ARCHIVE, "/v1/forecast": FORECAST}[asked.path])


def weather(fake: FakeService, client: Client, **options: Any) -> AnyTool:
    given = quick(fake, **options)
    return open_meteo({**given, "geocoding_url": given["url"], "forecasts_url": given["url"]}, client)


def changed(answer: dict[str, Any], period: str, name: str, value: Any) -> dict[str, Any]:
    return {**answer, period: {**answer[period], name: value}}


def test_a_day_reads_as_the_published_observation_of_it(client: NotedClient) -> None:
    with FakeService(answer) as fake:
        tool = weather(fake, client)
        assert tool(**read_argument(tool.schema, "Riyadh, 2023-05-07")) == PUBLISHED
    search, archive, forecast = fake.asked
    assert (search.path, search.params["name"], search.params["count"]) == ("/v1/search", "Riyadh", "1")
    assert archive.params == {
        "latitude": "24.68773",
        "longitude": "46.72185",
        "start_date": "2023-05-07",
        "end_date": "2023-05-07",
        "daily": "weather_code,temperature_2m_mean,wind_speed_10m_max,precipitation_sum",
        "hourly": "relative_humidity_2m",
        "timezone": "auto",
    }
    assert (forecast.params["daily"], forecast.params["hourly"]) == ("uv_index_max", "visibility")


def test_what_nobody_measured_is_left_out(client: NotedClient) -> None:
    with FakeService(answer) as fake:
        told = weather(fake, client)(city="Riyadh", day=date(2021, 12, 31))
        assert [asked.path for asked in fake.asked] == ["/v1/search", "/v1/archive"]
    assert "visibility" not in told
    assert told.endswith("humidity: 15.0.")
    empty = changed(changed(FORECAST, "daily", "uv_index_max", [None]), "hourly", "visibility", [None])
    with FakeService(Said(PLACES), Said(ARCHIVE), Said(empty)) as fake:
        assert weather(fake, client)(city="Riyadh", day=DAY).endswith("humidity: 15.0.")


def test_a_city_is_looked_up_once(client: NotedClient) -> None:
    with FakeService(answer) as fake:
        tool = weather(fake, client)
        for day in (1, 2, 3):
            tool(city="Riyadh", day=date(2020, 1, day))
    assert [asked.path for asked in fake.asked].count("/v1/search") == 1


def test_what_stands_after_a_comma_is_the_country_or_region(client: NotedClient) -> None:
    with FakeService(answer) as fake:
        tool = weather(fake, client)
        for city in ("Riyadh, Yemen", "Riyadh, hadramaut, YE"):
            tool(city=city, day=DAY)
            assert fake.asked[-2].params["latitude"] == "1.5"
        with pytest.raises(ToolError, match="found 'Riyadh, Peru'"):
            tool(city="Riyadh, Peru", day=DAY)


@pytest.mark.parametrize("found", [{"generationtime_ms": 0.5}, {"results": []}])
def test_a_city_that_is_nowhere_is_said_to_the_judge(client: NotedClient, found: dict[str, Any]) -> None:
    with FakeService(Said(found)) as fake, pytest.raises(ToolError, match="on the map, found 'Atlantis'") as told:
        weather(fake, client)(city="Atlantis", day=DAY)
    assert not isinstance(told.value, ToolUnavailable)


def test_a_day_that_is_not_recorded_is_said_to_the_judge(client: NotedClient) -> None:
    unknown = changed(ARCHIVE, "daily", "temperature_2m_mean", [None])
    refused = Said({"error": True, "reason": "Parameter 'start_date' is out of allowed range from 1940-01-01 to 2024-05-09"}, status=400)
    for said, words in ((Said(unknown), "no weather is recorded for Riyadh on 2023-05-07"), (refused, "out of allowed range")):
        with FakeService(Said(PLACES), said) as fake, pytest.raises(ToolError, match=words) as told:
            weather(fake, client)(city="Riyadh", day=DAY)
        assert not isinstance(told.value, ToolUnavailable)


@pytest.mark.parametrize(
    ("period", "name", "value", "words"),
    [
        ("daily_units", "temperature_2m_mean", "°F", "the unit '°C' of temperature_2m_mean is missing"),
        ("hourly_units", "relative_humidity_2m", "", "the unit '%'"),
        ("daily", "weather_code", [2, 3], "the value of one day for 'weather_code'"),
        ("daily", "wind_speed_10m_max", ["27"], "'daily.wind_speed_10m_max'"),
        ("daily", "weather_code", [42], "a weather code that is known"),
    ],
)
def test_a_value_in_another_unit_or_form_is_refused(client: NotedClient, period: str, name: str, value: Any, words: str) -> None:
    with FakeService(Said(PLACES), Said(changed(ARCHIVE, period, name, value))) as fake, pytest.raises(ToolUnavailable, match=words):
        weather(fake, client)(city="Riyadh", day=DAY)


@pytest.mark.parametrize("before", [[], [PLACES], [PLACES, ARCHIVE]], ids=["the geocoding", "the archive", "the forecasts"])
@pytest.mark.parametrize(("said", "options", "kind", "words"), FAILURES.values(), ids=FAILURES)
def test_each_failure_of_each_call_has_its_kind(
    client: NotedClient, before: list[dict[str, Any]], said: Said, options: dict[str, Any], kind: type[ToolError], words: str
) -> None:
    with FakeService(*map(Said, before), said) as fake, pytest.raises(kind, match=words):
        weather(fake, client, **options)(city="Riyadh", day=DAY)
    assert all(address.startswith(fake.url) for address in client.noted.addresses)


def test_a_busy_service_is_asked_again(client: NotedClient) -> None:
    with FakeService(BUSY, Said(PLACES), BUSY, Said(ARCHIVE), Said(FORECAST)) as fake:
        assert weather(fake, client)(city="Riyadh", day=DAY) == PUBLISHED


def test_every_word_of_the_codes_is_one_line_that_reads_back() -> None:
    assert all(record_of_text(PUBLISHED.replace("Partly cloudy", word)) for word in OVERALL.values())


def test_it_needs_no_setting_and_names_a_wrong_one() -> None:
    assert BACKENDS[0].missing({}) is None
    assert BACKENDS[0].build({}).name == "history_weather"
    with pytest.raises(ConfigError, match="'geocoding_url' must be a text"):
        BACKENDS[0].build({"geocoding_url": 3})


def test_the_options_name_the_addresses_that_are_asked() -> None:
    named = BACKENDS[0].options
    assert live.ARCHIVE in named["url"]
    assert live.GEOCODING in named["geocoding_url"]
    assert live.FORECASTS in named["forecasts_url"]
