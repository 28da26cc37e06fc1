"""The one place that asks what time it is; rules get `now` as a value."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    return datetime.now(UTC)
