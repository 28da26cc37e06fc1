"""So many requests a minute of one caller: what needs no key yet, reading reports and signing in, needs a bound."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from service.core.errors import TooManyRequests

MOST_CALLERS = 10_000  # remembered at a time; the one that was silent longest is forgotten


@dataclass
class _Bucket:
    left: float
    at_s: float


class RateLimit:
    """A bucket for each caller in this process, refilled steadily; `now_s` is any clock that never goes back."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[Hashable, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, caller: Hashable, per_minute: int, now_s: float) -> None:
        """Raises TooManyRequests with `retry_after_s` where the caller has used up what it may."""
        with self._lock:
            bucket = self._buckets.setdefault(caller, _Bucket(float(per_minute), now_s))
            self._buckets.move_to_end(caller)
            if len(self._buckets) > MOST_CALLERS:
                self._buckets.popitem(last=False)
            bucket.left = min(per_minute, bucket.left + (now_s - bucket.at_s) * per_minute / 60)
            bucket.at_s = now_s
            if bucket.left < 1:
                wait_s = max(1, round((1 - bucket.left) * 60 / per_minute))
                detail = f"expected at most {per_minute} requests a minute, got more; try again in {wait_s} s"
                raise TooManyRequests("rate.exceeded", detail, retry_after_s=wait_s)
            bucket.left -= 1
