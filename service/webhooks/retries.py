"""When a delivery that failed is tried again, as Standard Webhooks advises, and when it is given up."""

from datetime import timedelta

DELAYS = (  # before each attempt; the first is made at once
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
ATTEMPTS = len(DELAYS)
JITTER = 0.1  # of the delay at most, so that a receiver that comes back does not meet everything in one second
LONGEST = DELAYS[-1]


def delay_after(attempts: int, jitter: float = 0.0, asked: timedelta | None = None) -> timedelta | None:
    """How long to wait when `attempts` have failed; None: it is given up.

    `jitter` in 0..1 adds up to a tenth; `asked` is the receiver's Retry-After, obeyed up to a day.
    """
    if attempts >= ATTEMPTS:
        return None
    planned = DELAYS[attempts] * (1 + JITTER * jitter)
    return max(planned, min(asked, LONGEST)) if asked else planned
