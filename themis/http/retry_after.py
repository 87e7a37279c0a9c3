"""The Retry-After header: seconds or a date."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def seconds_of(value: str) -> float | None:
    """The seconds to wait, None if the header cannot be read. Seconds may have decimals, which some servers send."""
    if re.fullmatch(r"\d{1,9}(\.\d{1,6})?", value.strip(), re.ASCII):
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value).astimezone(UTC) - datetime.now(UTC)).total_seconds())
    except (ValueError, OverflowError, TypeError):
        return None
