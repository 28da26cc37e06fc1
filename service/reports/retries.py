"""When a call to somebody else that failed is made again: notices to reporters, photos that were told by address."""

from datetime import datetime, timedelta

RETRIES = tuple(timedelta(minutes=one) for one in (1, 5, 30, 120, 360, 1440))


def next_try(tries: int, now: datetime) -> datetime | None:
    """After so many tries that failed; None: it is given up."""
    return now + RETRIES[tries - 1] if tries <= len(RETRIES) else None
