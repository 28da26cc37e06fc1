"""How far a camera's clock is from GPS time: measured over a survey's frames, and when that may be relied upon."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles

QUARTER_HOUR_S = 900
MIN_FRAMES = 10  # one frame may carry the time of an old fix; ten that agree do not
# EXIF stamps are cut to whole seconds and a fix is up to a second old, which together spread over 2 s.
MAX_SPREAD_S = 2.0
STRAY_S = 5.0  # a fix this old is stale, and a clock that was set during the drive is farther off
MAX_STRAY_SHARE = 0.05
WIDEST_ZONE_S = 15 * 3600  # zones reach from -12 h to +14 h; farther off, the date was never set


@dataclass(frozen=True)
class ClockReading:
    """Camera clock minus GPS clock over the frames that carry both: median, between the quartiles, how many, and the
    share of frames farther than STRAY_S from the median."""

    offset_s: float
    spread_s: float
    frames: int
    stray_share: float

    @property
    def zone_s(self) -> int:
        """The nearest whole quarter-hour: every zone in use is one."""
        return round(self.offset_s / QUARTER_HOUR_S) * QUARTER_HOUR_S

    @property
    def drift_s(self) -> float:
        """What is left: by how much the camera's clock was set wrongly."""
        return self.offset_s - self.zone_s


def measure_clock(offsets_s: Sequence[float]) -> ClockReading | None:
    if not offsets_s:
        return None
    middle = median(offsets_s)
    low, _, high = quantiles(offsets_s, n=4, method="inclusive") if len(offsets_s) > 1 else (middle, middle, middle)
    stray = sum(abs(offset - middle) > STRAY_S for offset in offsets_s)
    return ClockReading(middle, high - low, len(offsets_s), stray / len(offsets_s))


def doubt(reading: ClockReading | None) -> str | None:
    """Why the reading must not be applied without a person; None when it is unambiguous."""
    if reading is None:
        return "no frame carries both a camera time and a GPS time"
    if reading.frames < MIN_FRAMES:
        return f"expected at least {MIN_FRAMES} frames with both times, got {reading.frames}"
    if reading.spread_s > MAX_SPREAD_S:
        return f"expected offsets within {MAX_SPREAD_S:.0f} s of each other, they spread over {reading.spread_s:.0f} s"
    if reading.stray_share > MAX_STRAY_SHARE:
        return f"{reading.stray_share:.0%} of the frames disagree: the clock was set on the way, or fixes were old"
    if abs(reading.offset_s) > WIDEST_ZONE_S:
        return f"the camera is {reading.offset_s / 3600:.0f} h off, more than any zone: its date was never set"
    return None
