"""Weather records: their wording, where they come from, what is said where there are none."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from themis.errors import DataError, ToolError
from themis.tools.weather.demo import demo_records
from themis.tools.weather.record import WeatherRecord, record_of_text, written_weather
from themis.tools.weather.tool import WeatherRecords, read_recordings, read_records, weather_tool

LIMA = WeatherRecord("Lima", date(2024, 5, 3), "Mist", 19.0, 11.2, 12.2, 8.8, 84, 6)
WRITTEN = (
    "The weather for Lima on 2024-05-03 is: \noverall weather: Mist; temperature: 19.0(C); wind speed: 11.2(kph), 7.0(mph); "
    "precipitation: 12.2(mm), 0.48(inch); visibility: 8.8(km), 5.0(miles); humidity: 84.0; UV index: 6.0."
)
ROW = {
    "city": "Lima",
    "date": "2024-05-03",
    "overall": "Mist",
    "temperature_c": 19,
    "wind_kph": 11.2,
    "precipitation_mm": 12.2,
    "visibility_km": 8.8,
    "humidity": 84,
    "uv_index": 6,
}


def test_a_record_is_written_in_tara_s_words() -> None:
    assert written_weather(LIMA) == WRITTEN


def test_a_measured_wind_in_miles_is_kept() -> None:
    assert "11.2(kph), 6.9(mph)" in written_weather(replace(LIMA, wind_mph=6.9))


def test_what_was_not_measured_is_left_out() -> None:
    told = WRITTEN.replace("visibility: 8.8(km), 5.0(miles); ", "").replace("; UV index: 6.0", "")
    assert written_weather(replace(LIMA, visibility_km=None, uv_index=None)) == told


def test_what_is_written_reads_back() -> None:
    unmeasured = [replace(LIMA, visibility_km=None), replace(LIMA, uv_index=None), replace(LIMA, visibility_km=None, uv_index=None)]
    for record in [*demo_records(), *unmeasured]:
        read = record_of_text(written_weather(record))
        assert read is not None
        assert written_weather(read) == written_weather(record)
    assert record_of_text("The weather is fine.") is None


def test_a_city_is_found_in_any_case_and_spacing() -> None:
    records = WeatherRecords([replace(LIMA, city="New  York")])
    assert records.on(" new YORK ", LIMA.day).city == "New  York"


def test_of_two_records_of_a_day_the_later_one_counts() -> None:
    assert WeatherRecords([LIMA, replace(LIMA, overall="Fog")]).on("Lima", LIMA.day).overall == "Fog"


def test_an_unknown_city_or_day_is_a_tool_error_that_says_what_there_is() -> None:
    history_weather = weather_tool(WeatherRecords([LIMA]))
    with pytest.raises(ToolError, match=r"found 'Limma'; did you mean Lima\?"):
        history_weather(city="Limma", day=LIMA.day)
    with pytest.raises(ToolError, match=r"found 'Lima, Peru'; did you mean Lima\?"):
        history_weather(city="Lima, Peru", day=LIMA.day)
    with pytest.raises(ToolError, match=r"found 'Atlantis'$"):
        history_weather(city="Atlantis", day=LIMA.day)
    with pytest.raises(ToolError, match="Lima on 2024-05-04; its 1 recorded days lie between 2024-05-03 and 2024-05-03"):
        history_weather(city="LIMA", day=date(2024, 5, 4))


def test_a_file_of_records_is_read_with_its_units_and_days(tmp_path: Path) -> None:
    (tmp_path / "days.json").write_text(json.dumps([{**ROW, "date": "3. Mai 2024 (Fr)", "temperature_c": -0.0}]))
    assert "on 2024-05-03 is: \noverall weather: Mist; temperature: 0.0(C)" in written_weather(read_records(tmp_path / "days.json")[0])
    (tmp_path / "fractions.json").write_text(json.dumps([{**ROW, "humidity": 0.84}, {**ROW, "date": "2024-05-04", "humidity": 1}]))
    with pytest.raises(DataError, match="the values of 'humidity' look like fractions; write percent"):
        read_records(tmp_path / "fractions.json")


def test_records_are_read_from_a_list_and_from_lines(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text(json.dumps([ROW, {**ROW, "wind_mph": 6.9}]))
    (tmp_path / "lines.jsonl").write_text(json.dumps(ROW) + "\n\n" + json.dumps({**ROW, "wind_mph": 6.9}) + "\n")
    for name in ("list.json", "lines.jsonl"):
        assert read_records(tmp_path / name) == [LIMA, replace(LIMA, wind_mph=6.9)]


@pytest.mark.parametrize(
    ("change", "field"),
    [({"city": ""}, "city"), ({"date": "2024-02-31"}, "date"), ({"humidity": "wet"}, "humidity"), ({"wind_mph": True}, "wind_mph")],
)
def test_a_bad_record_is_named_by_line_and_field_and_costs_itself(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, change: dict[str, object], field: str
) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps({**ROW, **change}))
    with pytest.raises(DataError, match=f"bad.jsonl, line 1: field '{field}'"):
        read_records(path)
    path.write_text(json.dumps(ROW) + "\n" + json.dumps({**ROW, **change}))
    assert read_records(path) == [LIMA]
    assert f"bad.jsonl, line 2: field '{field}'" in caplog.text


def test_a_recording_in_other_words_is_named_and_costs_itself(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "weather_history.json"
    path.write_text(json.dumps({"Lima, 2024-05-03": WRITTEN, "Lima, 2024-05-04": "fine"}))
    assert [record.day.day for record in read_recordings(path)] == [3]
    assert "'Lima, 2024-05-04' is not in TARA's wording" in caplog.text
    path.write_text(json.dumps({"Lima, 2024-05-04": "fine"}))
    with pytest.raises(DataError, match="'Lima, 2024-05-04' is not in TARA's wording"):
        read_recordings(path)


def test_the_demo_records_are_the_same_every_time_and_plausible() -> None:
    records = demo_records()
    assert records == demo_records()
    assert len(records) == len({(record.city, record.day) for record in records}) == 240
    for record in records:
        assert None not in (record.overall, record.temperature_c, record.precipitation_mm, record.humidity, record.uv_index)
        assert -10 < (record.temperature_c or 0) < 45
        assert 0 <= (record.humidity or 0) <= 100
        assert (record.uv_index or 0) >= 1
        assert ((record.precipitation_mm or 0) > 0) == ("ain" in (record.overall or ""))
