"""The Retry-After header as servers write it."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from themis.http.retry_after import seconds_of


@pytest.mark.parametrize(
    ("value", "seconds"), [("7", 7.0), (" 0 ", 0.0), ("1.5", 1.5), ("", None), ("soon", None), ("-3", None), ("1e9", None)]
)
def test_seconds_are_read_with_decimals_and_anything_else_is_not_a_wait(value: str, seconds: float | None) -> None:
    assert seconds_of(value) == seconds


def test_a_date_is_the_time_until_then_and_never_negative() -> None:
    now = datetime.now(UTC)
    assert 50 < (seconds_of(format_datetime(now + timedelta(minutes=1))) or 0) <= 60
    assert seconds_of(format_datetime(now - timedelta(days=1))) == 0.0
