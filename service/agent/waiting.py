"""When to try again: a pause for the whole link after a failure, and one for a file that fails time after time."""

from collections.abc import Callable

from service.agent.answers import LinkError
from service.agent.pace import BackOff

FREE_TRIES = 2  # of a file without a byte getting through, before others go first


class Patience:
    """All times in seconds of the agent's monotonic clock. `chance` gives numbers in 0..1."""

    def __init__(self, chance: Callable[[], float], now_s: float, back_off: BackOff | None = None) -> None:
        self._chance, self._back_off = chance, back_off or BackOff()
        self._files: dict[int, tuple[int, float]] = {}  # id -> failures without progress, not before
        self.failures = 0  # in a row, of whatever file
        self.resume_s = now_s
        self.moved_s = now_s  # when a byte last got through
        self.tried: set[int] = set()

    def moved(self, now_s: float) -> None:
        """Something arrived: the link is alive."""
        self.failures, self.moved_s = 0, now_s

    def failed(self, file_id: int, error: LinkError, progressed: bool, now_s: float) -> float:
        """Takes note of a failure and returns how long everything pauses; files that fail together count once."""
        self.tried.add(file_id)
        failures = 1 if progressed else self._files.get(file_id, (0, 0.0))[0] + 1
        own_s = self._back_off.delay_s(failures - FREE_TRIES, self._chance()) if failures > FREE_TRIES else 0.0
        if now_s >= self.resume_s:
            self.failures += 1
            self.resume_s = now_s + self._back_off.delay_s(self.failures, self._chance())
        self.resume_s = max(self.resume_s, now_s + (error.retry_after_s or 0.0))
        self._files[file_id] = (failures, self.resume_s + own_s)
        return self.resume_s - now_s

    def ended(self, file_id: int) -> None:
        self.tried.add(file_id)
        self._files.pop(file_id, None)

    def resting(self, now_s: float) -> set[int]:
        """Files whose own time has not come."""
        return {file_id for file_id, (_, due_s) in self._files.items() if due_s > now_s}

    def next_due_s(self, now_s: float) -> float:
        """When the first of the resting files may be tried again."""
        return min((due_s for _, due_s in self._files.values() if due_s > now_s), default=now_s)
