"""Questions by rule: the answers are the tools' own, and nothing runs out."""

import re
from datetime import date, timedelta
from pathlib import Path
from random import Random

import pytest

from tests.builder.tasks.written import weather_folder
from themis.builder.draft import Draft, Source
from themis.builder.tasks.dates import rules
from themis.builder.tasks.dates.weather import reported
from themis.errors import DataError
from themis.tools.weather.record import written_weather

CALENDAR, WEATHER, MULTI_TOOLS = rules.SOURCES


def answer_by_hand(draft: Draft) -> str:
    """What the answer must say, by the standard library alone."""
    facts = draft.facts
    today = re.search(r"\d{4}-\d\d-\d\d", draft.recorded[0][2]) if draft.recorded else None
    day = date.fromisoformat(today[0] if today else facts["day"])
    if "number" in facts:
        day += timedelta(days=int(facts["number"]) * (-1 if facts["side"] == "before" else 1))
    if facts["kind"] == "day_difference":
        return str(abs((date.fromisoformat(facts["other"]) - day).days))
    asks_weekday = facts["kind"] == "week_day" or (facts["kind"] == "today" and not re.search(r"\d", draft.chosen))
    return f"{day:%A}" if asks_weekday else day.isoformat()


def test_every_calendar_answer_is_right(tmp_path: Path) -> None:
    drafts = list(CALENDAR.read(tmp_path, 3, 600))
    assert all(re.search(rf"(?<![\w-]){answer_by_hand(draft)}(?![\w-])", draft.chosen) for draft in drafts)
    assert len(drafts) == 600


def test_a_share_counts_from_today_and_each_of_them_from_another(tmp_path: Path) -> None:
    drafts = [draft for draft in CALENDAR.read(tmp_path, 3, 600) if draft.recorded]
    assert 60 < len(drafts) < 200
    assert len({draft.recorded for draft in drafts}) > 0.9 * len(drafts)
    assert all(draft.recorded[0][:2] == ("Calendar.today", "") and "today" in draft.question.lower() for draft in drafts)


def test_a_draft_depends_on_seed_and_number_alone(tmp_path: Path) -> None:
    many = list(CALENDAR.read(tmp_path, 3, 50))
    assert list(CALENDAR.read(tmp_path, 3, 20)) == many[:20]
    assert list(CALENDAR.read(tmp_path, 4, 20)) != many[:20]


def test_no_question_or_answer_keeps_a_gap(tmp_path: Path) -> None:
    root = weather_folder(tmp_path)
    for source in rules.SOURCES:
        for draft in source.read(root, 0, 150):
            assert "{" not in draft.question + draft.chosen


@pytest.mark.parametrize("source", [WEATHER, MULTI_TOOLS], ids=lambda source: source.name)
def test_the_weather_told_is_that_of_the_records(source: Source, tmp_path: Path) -> None:
    root = weather_folder(tmp_path)
    drafts = [draft for draft in source.read(root, 0, 100) if not draft.recorded]
    with rules.weather_store(root) as store:
        for draft in drafts:
            day = date.fromisoformat(draft.facts["day"]) + timedelta(days=int(draft.facts.get("number", "0")))
            value = reported(written_weather(store.on("Testham", day)))[draft.facts["attribute"]]
            assert value in draft.chosen
    assert len(drafts) > 60


def test_nobody_is_asked_about_rain_on_a_dry_day(tmp_path: Path) -> None:
    root = weather_folder(tmp_path)
    drafts = [draft for draft in WEATHER.read(root, 0, 200) if draft.facts["attribute"] == "precipitation"]
    assert drafts
    assert not any("0.0(mm)" in draft.chosen.split() for draft in drafts)


def test_at_least_twenty_wordings_are_asked_for_each_task(tmp_path: Path) -> None:
    root = weather_folder(tmp_path)
    for source in rules.SOURCES:
        shapes = set()
        for draft in source.read(root, 0, 500):
            facts = sorted((fact for name, fact in draft.facts.items() if name != "kind"), key=len, reverse=True)
            shape = draft.question
            for fact in facts:
                shape = shape.replace(fact, "_")
            shapes.add(shape)
        assert len(shapes) >= 20


def test_a_folder_without_records_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"weather_intl holds no \*\.csv\.gz"):
        list(WEATHER.read(tmp_path, 0, 1))


def test_the_name_of_a_city_stands_without_its_country() -> None:
    assert [rules.city_name(name) for name in ("London (GBR)", "New Delhi, (IND)", "Oslo")] == ["London", "New Delhi", "Oslo"]


def test_the_random_source_is_the_only_chance() -> None:
    assert rules.calendar_draft(Random(5)) == rules.calendar_draft(Random(5))
