"""Weather from CSV and Parquet: columns, units, what is refused, and the store that `history_weather` reads."""

import gzip
import logging
import os
import sqlite3
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from themis.config import data_root
from themis.errors import ConfigError, DataError, ToolError
from themis.tools.toolbox import Toolbox
from themis.tools.weather.importer import import_weather
from themis.tools.weather.record import WeatherRecord, written_weather
from themis.tools.weather.store import WeatherStore, add_records
from themis.tools.weather.tool import BACKENDS, weather_tool
from themis.traces import Action

DAY = date(2024, 5, 3)
HEAD = "city,date,overall,temperature_c,wind_kph,precipitation_mm,visibility_km,humidity,uv_index"
ROW = "Lima,2024-05-03,Mist,19,11.2,12.2,8.8,84,6"
LIMA = WeatherRecord("Lima", DAY, "Mist", 19.0, 11.2, 12.2, 8.8, 84.0, 6.0)


def imported(folder: Path, *lines: str, name: str = "weather.csv") -> WeatherStore:
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    import_weather(folder / name, folder / "weather.db")
    return WeatherStore(folder / "weather.db")


def one(folder: Path, head: str, row: str) -> WeatherRecord:
    """The record of `row` where the columns are city, date and those of `head`."""
    with imported(folder, f"city,date,{head}", f"Lima,2024-05-03,{row}") as store:
        return store.on("Lima", DAY)


def test_a_row_in_our_units_comes_back_as_it_was(tmp_path: Path) -> None:
    with imported(tmp_path, HEAD, ROW) as store:
        assert (len(store), store.on("Lima", DAY)) == (1, LIMA)


@pytest.mark.parametrize(
    ("column", "value", "field", "expected"),
    [
        ("temperature_c", "-3.25", "temperature_c", -3.2),
        ("Mean.TemperatureF", "87", "temperature_c", 30.6),
        ("Temp (°F)", "-40", "temperature_c", -40.0),
        ("temperature_k", "273.15", "temperature_c", 0.0),
        ("wind_mph", "9", "wind_kph", 14.5),
        ("Avg Wind Speed (m/s)", "5", "wind_kph", 18.0),
        ("wind kn", "10", "wind_kph", 18.5),
        ("Wind Speed km/h", "18", "wind_kph", 18.0),
        ("PrecipitationIn", "0.48", "precipitation_mm", 12.2),
        ("rain (inches)", "1", "precipitation_mm", 25.4),
        ("precip_cm", "1.5", "precipitation_mm", 15.0),
        ("PrecipitationIn", "T", "precipitation_mm", 0.0),
        ("Mean.VisibilityMiles", "5", "visibility_km", 8.0),
        ("visibility_m", "8800", "visibility_km", 8.8),
        ("Mean.Humidity", "43", "humidity", 43.0),
        ("Relative Humidity (%)", "43", "humidity", 43.0),
        ("UV index", "6", "uv_index", 6.0),
        ("Events", "Rain-Thunderstorm", "overall", "Rain and thunderstorm"),
        ("Condition", "Light rain", "overall", "Light rain"),
        ("CloudCover", "8", "overall", "Overcast"),
        ("cloud_percent", "25", "overall", "Partly cloudy"),
        ("cloud_fraction", "0.25", "overall", "Partly cloudy"),
        ("temperature_c", "−3.25", "temperature_c", -3.2),
    ],
)
def test_each_unit_becomes_ours(tmp_path: Path, column: str, value: str, field: str, expected: Any) -> None:
    assert getattr(one(tmp_path, f"{column},humidity_percent", f"{value},43"), field) == expected


def test_miles_that_were_measured_are_reported_as_they_were(tmp_path: Path) -> None:
    said = written_weather(one(tmp_path, "wind_mph,visibility_miles,precipitation_in", "7,5,0.48"))
    assert "wind speed: 11.3(kph), 7.0(mph); precipitation: 12.2(mm), 0.48(inch); visibility: 8.0(km), 5.0(miles)." in said


def test_of_two_columns_of_one_quantity_the_metric_one_counts(tmp_path: Path) -> None:
    assert one(tmp_path, "temp_f,temp_c", "50,20").temperature_c == 20.0


@pytest.mark.parametrize(
    ("column", "values", "named"),
    [
        ("humidity", ["0.63", "0.71", "0.99"], "humidity_percent or humidity_fraction"),
        ("Relative.Humidity", ["0.63", "1", "1.01"], "humidity_percent or humidity_fraction"),
        ("humidity", ["1", "0", "1"], "humidity_percent or humidity_fraction"),
        ("CloudCover", ["0", "0.5", "1"], "cloud_oktas or cloud_percent or cloud_fraction"),
    ],
)
def test_a_fraction_that_does_not_say_so_is_refused(tmp_path: Path, column: str, values: list[str], named: str) -> None:
    rows = [f"Lima,2024-05-0{day},{value},20" for day, value in enumerate(values, start=1)]
    with pytest.raises(DataError, match=f"weather.csv, line 1: the values of '{column}' look like fractions; call it {named}"):
        imported(tmp_path, f"city,date,{column},temp_c", *rows)


def test_humidity_in_its_unit_is_percent_in_the_store(tmp_path: Path) -> None:
    assert one(tmp_path, "humidity_fraction", "0.63").humidity == 63.0
    assert one(tmp_path, "Humidity (%)", "0.9").humidity == 0.9
    assert one(tmp_path, "humidity", "2").humidity == 2.0


def test_a_rounded_value_is_never_minus_zero(tmp_path: Path) -> None:
    assert "temperature: 0.0(C)" in written_weather(one(tmp_path, "temp_c,wind_mph", "-0.02,7"))


def test_days_are_read_in_every_form_that_tools_read(tmp_path: Path) -> None:
    days = ("May 3, 2024", "03.05.2024", "2024年5月3日（星期五）", "2024-05-03 10:30:00+00", "5/13/2024", "1. Jänner 2024")
    with imported(tmp_path, "city;date;temp_c", *(f"City {number};{day};20" for number, day in enumerate(days))) as store:
        assert [store.on(f"City {number}", DAY).temperature_c for number in range(4)] == [20.0] * 4
        assert store.on("City 4", date(2024, 5, 13)).temperature_c == store.on("City 5", date(2024, 1, 1)).temperature_c == 20.0
    with pytest.raises(DataError, match=r"'03/04/2024', not a date such as 2004-05-03: is it 2024-03-04 or 2024-04-03\?"):
        imported(tmp_path, "city,date,temp_c", "Lima,03/04/2024,20")


def test_what_was_not_measured_is_left_out(tmp_path: Path) -> None:
    record = one(tmp_path, "temperature_c,wind_kph,humidity,precipitation_mm,events", "NA,,43,-9999,")
    assert record == WeatherRecord("Lima", DAY, None, None, None, None, None, 43.0, None)
    assert written_weather(record) == "The weather for Lima on 2024-05-03 is: \nhumidity: 43.0."


def test_a_row_that_measured_nothing_is_no_record(tmp_path: Path) -> None:
    with imported(tmp_path, "city,date,humidity", "Lima,2024-05-03,43", "Lima,2024-05-04,") as store:
        assert len(store) == 1


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["town,date,humidity", "Lima,2024-05-03,4"], r"weather.csv, line 1: no column 'city'; found town, date, humidity"),
        (["city,humidity", "Lima,4"], r"weather.csv, line 1: no column 'date'"),
        (["city,date,pressure", "Lima,2024-05-03,4"], r"line 1: no column of weather, such as temperature_c; found city, date, pressure"),
        (
            ["city,date,Temperature", "Lima,2024-05-03,4"],
            r"line 1: the column 'Temperature' does not name its unit; call it temperature_c or temperature_f or temperature_k",
        ),
        (
            [HEAD, ROW, ROW.replace("19", "warm").replace("-03", "-04")],
            r"weather.csv, line 3: field 'temperature_c' is 'warm', not a number",
        ),
        ([HEAD, ROW.replace("05-03", "02-31")], r"line 2: field 'date' is '2024-02-31', not a date such as 2004-05-03"),
        ([HEAD, ROW.replace("Lima", " ")], r"line 2: field 'city' is missing or not text"),
        ([HEAD, ROW, ROW], r"line 3: a second row of Lima on 2024-05-03, after 2; expected one row a day"),
        ([HEAD, ROW + ",7"], r"line 2: 10 fields, but line 1 names 9"),
        ([HEAD, ROW.replace("84", "184")], r"line 2: field 'humidity' is 184, which no weather has, and so are 1 of 1 values"),
        ([HEAD, ROW.replace("19", "87")], r"'temperature_c' is 87, which no weather has.*is the unit in its name the right one\?"),
        ([""], r"line 1: no column 'city'; found none"),
    ],
)
def test_a_wrong_file_is_one_sentence_and_leaves_no_store_behind(tmp_path: Path, lines: list[str], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        imported(tmp_path, *lines)
    assert os.listdir(tmp_path) == ["weather.csv"]


def test_a_few_values_that_no_weather_has_are_left_out_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [f"Lima,2024-05-{day:02},{500 if day == 7 else 50}" for day in range(1, 21)]
    with caplog.at_level(logging.WARNING), imported(tmp_path, "city,date,humidity", *rows) as store:
        assert len(store) == 19
    assert "line 8: field 'humidity' is 500, which no weather has: left out" in caplog.text


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        (ROW.replace("05-03", "02-31"), "line 3: field 'date' is '2024-02-31'"),
        (ROW.replace("19", "warm"), "line 3: field 'temperature_c' is 'warm'"),
        (ROW.replace("Lima", ""), "line 3: field 'city' is missing"),
        (ROW + ",7", "line 3: 10 fields, but line 1 names 9"),
    ],
)
def test_a_row_that_cannot_be_read_costs_itself(tmp_path: Path, caplog: pytest.LogCaptureFixture, bad: str, named: str) -> None:
    with caplog.at_level(logging.WARNING), imported(tmp_path, HEAD, ROW, bad, ROW.replace("-03", "-04")) as store:
        assert len(store) == 2
    assert named in caplog.text


@pytest.mark.parametrize(
    ("asked", "found"), [("London, UK", "GBR"), ("london, England, Britain", ""), ("London, Canada", "CAN"), ("London, Peru", "")]
)
def test_a_country_behind_a_comma_is_that_in_the_brackets(tmp_path: Path, asked: str, found: str) -> None:
    with imported(tmp_path, HEAD, *(ROW.replace("Lima", city) for city in ("London (GBR)", "London (CAN)"))) as store:
        if found:
            assert store.on(asked, DAY).city == f"London ({found})"
        else:
            with pytest.raises(ToolError, match=r"did you mean London \(CAN\)\?"):
                store.on(asked, DAY)


def test_semicolons_a_mark_at_the_start_and_compression_make_no_difference(tmp_path: Path) -> None:
    (tmp_path / "weather.csv.gz").write_bytes(gzip.compress(f"\ufeff{HEAD}\r\n{ROW}\r\n".replace(",", ";").encode()))
    assert import_weather(tmp_path / "weather.csv.gz", tmp_path / "new" / "weather.db") == 1
    with WeatherStore(tmp_path / "new" / "weather.db") as store:
        assert store.on("Lima", DAY) == LIMA
    (tmp_path / "short.csv.gz").write_bytes((tmp_path / "weather.csv.gz").read_bytes()[:-12])
    (tmp_path / "latin.csv").write_bytes(f"{HEAD}\n{ROW}".replace("Lima", "Málaga").encode("latin-1"))
    for name, fault in (("short.csv.gz", " is cut off, or not compressed"), ("latin.csv", ": cut off, or not CSV in UTF-8")):
        with pytest.raises(DataError, match=name + fault):
            import_weather(tmp_path / name, tmp_path / "weather.db")


def test_a_file_is_added_to_a_store_or_not_at_all(tmp_path: Path) -> None:
    imported(tmp_path, HEAD, ROW).close()
    with imported(tmp_path, HEAD, ROW.replace("Lima", "Rome"), ROW.replace("Mist", "Fog")) as store:
        assert (len(store), store.cities, store.on("lima", DAY).overall) == (2, ["Lima", "Rome"], "Fog")
    with pytest.raises(DataError, match="line 3"):
        imported(tmp_path, HEAD, ROW.replace("Lima", "Oslo"), "Oslo,2024-05-04,Mist,x,1,1,1,1,1")
    with WeatherStore(tmp_path / "weather.db") as store:
        assert store.cities == ["Lima", "Rome"]


def test_a_city_is_found_without_accents_and_without_its_country(tmp_path: Path) -> None:
    cities = ("São Paulo (BRA)", "London (GBR)", "London (CAN)", "New Delhi, (IND)")
    with imported(tmp_path, HEAD, *(ROW.replace("Lima", f'"{city}"') for city in cities)) as store:
        for asked, found in (
            ("sao  paulo", cities[0]),
            ("São Paulo (bra)", cities[0]),
            ("London (GBR)", cities[1]),
            ("new delhi", cities[3]),
        ):
            assert store.on(asked, DAY).city == found
        with pytest.raises(ToolError, match=r"several cities are named london: London \(CAN\), London \(GBR\)"):
            store.on("london", DAY)
        with pytest.raises(ToolError, match=r"found 'Sau Paulo'; did you mean São Paulo \(BRA\)\?"):
            store.on("Sau Paulo", DAY)
        with pytest.raises(ToolError, match=r"for London \(GBR\) on 2024-05-04; its 1 recorded days lie between 2024-05-03 and 2024-05-03"):
            store.on("London (GBR)", date(2024, 5, 4))


def test_what_is_no_store_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database" * 100)
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE t (x)")
    for name, sentence in (
        ("text.db", "cannot be read as a store of weather"),
        ("other.db", "is not a store of weather"),
        ("none.db", "there is no such file; make one with: themis tools import-weather"),
    ):
        with pytest.raises(DataError, match=sentence):
            WeatherStore(tmp_path / name)
    for name in ("text.db", "other.db"):
        before = (tmp_path / name).read_bytes()
        with pytest.raises(DataError):
            add_records(tmp_path / name, [LIMA])
        assert (tmp_path / name).read_bytes() == before


def test_a_store_that_was_cut_off_is_a_data_error(tmp_path: Path) -> None:
    rows = [f"Lima,{date.fromordinal(DAY.toordinal() + number)},50" for number in range(2_000)]
    imported(tmp_path, "city,date,humidity", *rows).close()
    os.truncate(tmp_path / "weather.db", 8_192)
    with pytest.raises(DataError, match="cannot be read as a store of weather"), WeatherStore(tmp_path / "weather.db") as store:
        store.on("Lima", DAY)


def test_the_backends_records_and_store_answer_in_the_same_words(tmp_path: Path) -> None:
    imported(tmp_path, HEAD, ROW).close()
    backends = {backend.name: backend for backend in BACKENDS}
    (tmp_path / "records.jsonl").write_text(
        '{"city": "Lima", "date": "2024-05-03", "overall": "Mist", "temperature_c": 19, "wind_kph": 11.2, "precipitation_mm": 12.2, '
        '"visibility_km": 8.8, "humidity": 84, "uv_index": 6}'
    )
    said = set()
    for name, path in (("records", "records.jsonl"), ("store", "weather.db")):
        options = {"path": str(tmp_path / path)}
        assert backends[name].missing(options) is None
        with Toolbox([backends[name].build(options)]) as toolbox:
            said.add(toolbox.call(Action("history_weather", "Lima, May 3, 2024")))
    assert len(said) == 1
    assert said.pop().text == written_weather(LIMA)
    assert "the option 'path' of history_weather is not set" in (backends["store"].missing({}) or "")
    assert "there is no such file" in (backends["store"].missing({"path": str(tmp_path / "none")}) or "")
    with pytest.raises(ConfigError, match="path"):
        backends["store"].build({})


def test_parquet_reads_as_csv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="the extra 'parquet' is not installed")
    pytest.importorskip("pyarrow.parquet")
    columns = {
        "city": ["Lima"] * 3,
        "day": [DAY, date(2024, 5, 4), date(2024, 5, 5)],
        "temp_f": [66.2, None, float("nan")],
        "humidity": [84, 50, 51],
    }
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "weather.parquet")
    assert import_weather(tmp_path / "weather.parquet", tmp_path / "weather.db") == 3
    with WeatherStore(tmp_path / "weather.db") as store:
        assert store.on("Lima", DAY).temperature_c == 19.0
        assert store.on("Lima", date(2024, 5, 5)).temperature_c is None
    columns["day"] = [datetime(2024, 5, 3, 12), datetime(2024, 5, 3, 13), None]
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "weather.parquet")
    with pytest.raises(DataError, match=r"weather\.parquet, row 2: a second row of Lima on 2024-05-03, after 1"):
        import_weather(tmp_path / "weather.parquet", tmp_path / "weather.db")
    (tmp_path / "weather.parquet").write_text("no Parquet")
    with pytest.raises(DataError, match=r"weather\.parquet cannot be read as Parquet"):
        import_weather(tmp_path / "weather.parquet", tmp_path / "weather.db")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigError, match=r"pip install 'themis-rm\[parquet\]'"):
        import_weather(tmp_path / "weather.parquet", tmp_path / "weather.db")


def test_a_file_of_another_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected a file named \*\.csv, \*\.csv\.gz, \*\.parquet"):
        import_weather(tmp_path / "weather.xlsx", tmp_path / "weather.db")


def test_the_weather_of_24_cities_is_read_with_its_units(tmp_path: Path) -> None:
    root = data_root()
    if root is None or not (root / "weather_intl").is_dir():
        pytest.skip("the weather of 24 cities is not on this machine (set THEMIS_DATA)")
    files = sorted((root / "weather_intl").glob("*.csv.gz"))
    assert len(files) == 24
    records = [import_weather(file, tmp_path / "weather.db") for file in files]
    assert (sum(records), min(records)) == (183_972, 4_546)
    with WeatherStore(tmp_path / "weather.db") as store, Toolbox([weather_tool(store)]) as toolbox:
        # In the file: 87 F, 9 mph, 0.00 in, 6 miles, 43 %, no event, no cloud.
        assert toolbox.call(Action("history_weather", "Beijing, 1 July 1996")).text == (
            "The weather for Beijing (CHN) on 1996-07-01 is: \noverall weather: Clear; temperature: 30.6(C); "
            "wind speed: 14.5(kph), 9.0(mph); precipitation: 0.0(mm), 0.0(inch); visibility: 9.7(km), 6.0(miles); humidity: 43.0."
        )
