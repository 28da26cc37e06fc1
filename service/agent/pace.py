"""How fast and how often: back-off, the server's Retry-After, the size of a chunk, the owner's rate limit."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Lock

from service.agent.clock import Clock

LONGEST_RETRY_AFTER_S = 24 * 3600.0  # more is taken for a mistake
RATE = re.compile(r"(\d+(?:\.\d+)?)\s*([kMG]?)")
RATE_UNITS = {"": 1, "k": 1_000, "M": 1_000_000, "G": 1_000_000_000}


@dataclass(frozen=True)
class BackOff:
    """Doubling pauses; the random half keeps a fleet that lost its server from coming back in one second."""

    first_s: float = 1.0
    longest_s: float = 300.0

    def delay_s(self, failures: int, chance: float) -> float:
        """The pause after so many failures in a row (1, 2, ...); `chance` in 0..1 picks between its half and its whole.

        >>> BackOff().delay_s(3, 1.0), BackOff().delay_s(3, 0.0), BackOff().delay_s(99, 1.0)
        (4.0, 2.0, 300.0)
        """
        whole = min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, 30))
        return whole * (0.5 + chance / 2)


def retry_after_s(header: str | None, now: datetime) -> float | None:
    """Seconds of a Retry-After header (RFC 9110 10.2.3: seconds or a date); None where it says nothing readable."""
    if header is None:
        return None
    if header.strip().isascii() and header.strip().isdigit():
        return min(float(header), LONGEST_RETRY_AFTER_S)
    try:
        due_at = parsedate_to_datetime(header)
    except ValueError:
        return None
    due_at = due_at if due_at.tzinfo else due_at.replace(tzinfo=UTC)
    return min(max((due_at - now).total_seconds(), 0.0), LONGEST_RETRY_AFTER_S)


class ChunkSize:
    """How much goes into one request: halved when a request breaks, doubled when one passes quickly."""

    smallest, largest, quick_s = 16_384, 4_194_304, 4.0

    def __init__(self, size_bytes: int = 1_048_576) -> None:
        self.size_bytes = size_bytes

    def worked(self, sent_bytes: int, seconds: float) -> None:
        """A request of less than the present size says nothing about a larger one."""
        if sent_bytes >= self.size_bytes and seconds < self.quick_s:
            self.size_bytes = min(self.size_bytes * 2, self.largest)

    def broke(self, tried_bytes: int) -> None:
        """Half of what did not get through; three requests that break at once halve it once."""
        self.size_bytes = min(self.size_bytes, max(tried_bytes // 2, self.smallest))


class RateLimit:
    """Bytes a second over all files in flight."""

    def __init__(self, bytes_per_s: float, clock: Clock) -> None:
        self._bytes_per_s, self._clock, self._lock = bytes_per_s, clock, Lock()
        self._free_at_s = clock.monotonic_s()

    def wait_for(self, size_bytes: int) -> None:
        """Returns when so many more bytes may go out."""
        with self._lock:
            now_s = self._clock.monotonic_s()
            self._free_at_s = max(self._free_at_s, now_s) + size_bytes / self._bytes_per_s
            due_s = self._free_at_s - now_s
        self._clock.sleep(due_s)


def parse_rate(text: str) -> float:
    """Bytes a second of `250k`, `1.5M` or a number. Raises ValueError.

    >>> parse_rate("250k")
    250000.0
    """
    match = RATE.fullmatch(text.strip())
    if match is None or float(match[1]) <= 0:
        raise ValueError(f"expected bytes a second such as 250k or 1.5M, got {text!r}")
    return float(match[1]) * RATE_UNITS[match[2]]
