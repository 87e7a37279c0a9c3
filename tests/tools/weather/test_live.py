"""Weather by the network: Open-Meteo's published JSON to records and TARA's words, with the units right."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
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


TOWNS: dict[str, list[dict[str, Any]]] = {
    "London": [
        {"name": "London", "country_code": "GB", "country": "United Kingdom", "admin1": "England"},
        {"name": "London", "country_code": "CA", "country": "Canada", "admin1": "Ontario"},
    ],
    "Portland": [
        {"name": "Portland", "country_code": "US", "country": "United States", "admin1": "Oregon", "admin2": "Multnomah"},
        {"name": "Portland", "country_code": "US", "country": "United States", "admin1": "Maine"},
    ],
    "Seoul": [{"name": "Seoul", "country": "South Korea"}],
    "Wilmington": [{"name": "Wilmington", "country_code": "US", "country": "United States", "admin1": "Delaware"}],
    "Tbilisi": [{"name": "Tbilisi", "country_code": "GE", "country": "Georgia"}],
    "Washington": [{"name": "Washington", "country_code": "US", "country": "United States", "admin1": "Washington, D.C."}],
}


def towns(asked: Asked) -> Said:
    """Each place lies at the latitude of its number among those of its name, from 1."""
    if asked.path != "/v1/search":
        return answer(asked)
    rows = [{**row, "latitude": float(at), "longitude": 0.0} for at, row in enumerate(TOWNS.get(asked.params["name"], []), 1)]
    return Said({"results": rows, "generationtime_ms": 0.5} if rows else {"generationtime_ms": 0.5})


@pytest.mark.parametrize(
    ("city", "number"),
    [
        ("London", 1),
        ("London, UK", 1),
        ("London, U.K.", 1),
        ("London (GBR)", 1),
        ("London, Great Britain", 1),
        ("London, England, UK", 1),
        ("London, CA", 2),
        ("London, Ont., Canada", 2),
        ("Portland, US", 1),
        ("Portland, U.S.A.", 1),
        ("Portland, Ore.", 1),
        ("Portland, OR 97201, USA", 1),
        ("Portland, Multnomah County, United States of America", 1),
        ("Portland, ME", 2),
        ("Portland Maine", 2),
        ("Portland - Maine", 2),
        ("Seoul, Korea", 1),
        ("Seoul South Korea", 1),
        ("Wilmington, DE", 1),
        ("Tbilisi, Georgia", 1),
        ("Washington, D.C.", 1),
        ("Washington DC", 1),
    ],
)
def test_a_place_is_found_as_people_write_it(client: NotedClient, city: str, number: int) -> None:
    with FakeService(towns) as fake:
        weather(fake, client)(city=city, day=date(2020, 5, 7))
        assert fake.asked[-1].params["latitude"] == f"{number}.0"


def rows_of_the_docs() -> list[tuple[str, str]]:
    """Each way to write a place in the table of the docs, and how it is read."""
    page = (Path(__file__).parents[3] / "docs/tools/weather.md").read_text(encoding="utf-8")
    lines = [line for line in page.split("### Names of places")[1].split("\n## ")[0].splitlines() if line.startswith("|")][2:]
    cells = [line.strip("|").split("|") for line in lines]
    return [(way.strip(" `"), read.strip()) for written, read in cells for way in written.split("; ")]


@pytest.mark.parametrize(("city", "read"), rows_of_the_docs())
def test_each_name_of_the_docs_is_read_as_they_say(client: NotedClient, city: str, read: str) -> None:
    """Against all places of the table, the first of a name as its largest."""
    known: dict[str, dict[str, str]] = {}
    for _, place in rows_of_the_docs():
        if place.count(",") == 2:
            name, region, country = place.split(", ")
            known[place] = {"name": name, "admin1": region, "country_code": country, "admin2": "Lamar" if region == "Texas" else ""}

    def geocoder(asked: Asked) -> Said:
        if asked.path != "/v1/search":
            return answer(asked)
        rows: list[dict[str, Any]] = [{**row, "latitude": float(at), "longitude": 0.0} for at, row in enumerate(known.values())]
        return Said(
            {"generationtime_ms": 0.5, "results": [row for row in rows if row["name"].casefold() == asked.params["name"].casefold()]}
        )

    with FakeService(geocoder) as fake:
        if read.startswith("nowhere"):
            with pytest.raises(ToolError, match=f"no place of that name lies in '{read.removeprefix('nowhere: ')}'"):
                weather(fake, client)(city=city, day=DAY)
            return
        weather(fake, client)(city=city, day=date(2020, 5, 7))
        place = list(known)[int(float(fake.asked[-1].params["latitude"]))]
    assert place == read or read == f"{place.split(',')[0]}, the largest"


@pytest.mark.parametrize(
    ("city", "strange", "largest"),
    [
        ("London, California", "California", "London, England, United Kingdom"),
        ("Portland, Cascadia", "Cascadia", "Portland, Oregon, United States"),
        ("Tbilisi, GA", "GA", "Tbilisi, Georgia"),
        ("Portland, Oregon, UK", "UK", "Portland, Oregon, United States"),
    ],
)
def test_a_region_that_is_not_understood_is_named_with_the_largest_place(
    client: NotedClient, city: str, strange: str, largest: str
) -> None:
    said = f"found '{city}': no place of that name lies in '{strange}'; the largest is {largest}"
    with FakeService(towns) as fake, pytest.raises(ToolError, match=re.escape(said)) as told:
        weather(fake, client)(city=city, day=DAY)
    assert not isinstance(told.value, ToolUnavailable)


@pytest.mark.parametrize("said", [{}, {"results": None}, {"error": True, "reason": "busy"}, {"x": 7}])
def test_a_failed_search_for_a_city_is_no_city_that_is_nowhere(client: NotedClient, said: dict[str, Any]) -> None:
    with FakeService(Said(said)) as fake, pytest.raises(ToolUnavailable):
        weather(fake, client)(city="Riyadh", day=DAY)


def test_a_day_that_is_still_to_come_to_the_archive_is_not_told_as_unrecorded(client: NotedClient) -> None:
    unknown = changed(ARCHIVE, "daily", "temperature_2m_mean", [None])
    with FakeService(Said(PLACES), Said(unknown)) as fake, pytest.raises(ToolUnavailable, match="yet: the last days come late"):
        weather(fake, client)(city="Riyadh", day=date.today() - timedelta(days=3))


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
