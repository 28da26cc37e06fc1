"""How far a target is reached, what it comes to if the last weeks go on, and what that means."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from service.control.definitions import Better, Shape

RECENT_DAYS = 28  # what is expected to go on


class Status(StrEnum):
    NOT_BEGUN = "not_begun"
    NO_DATA = "no_data"
    ON_TRACK = "on_track"  # the forecast reaches the target
    AT_RISK = "at_risk"  # it misses it by no more than the phase's margin
    OFF_TRACK = "off_track"
    ACHIEVED = "achieved"  # the phase has ended, or a count is there already
    MISSED = "missed"


@dataclass(frozen=True)
class Seen:
    """A figure over some days: its value, and for a share what it is a share of."""

    value: float | None
    of: float | None = None


@dataclass(frozen=True)
class Progress:
    value: float | None
    forecast: float | None
    progress_percent: float | None  # of the way from nothing to the target, at most 100
    status: Status


def recent_span(first: date, today: date) -> tuple[date, date]:
    """The days that are expected to go on: the last RECENT_DAYS of the phase so far."""
    return max(first, today - timedelta(days=RECENT_DAYS - 1)), today


def forecast(shape: Shape, so_far: Seen, recent: Seen, recent_days: int, days_left: int) -> float | None:
    """The figure at the end of the phase if the days left go as the recent ones did.

    A count goes on at their pace; a share takes up as much as they did, at their share; of a level `recent` is the
    value before those days, and it goes on changing as it did since. None where nothing is known so far.
    """
    if so_far.value is None:
        return None
    pace = days_left / recent_days
    if shape is Shape.COUNT:
        return so_far.value + (recent.value or 0) * pace
    if shape is Shape.LEVEL:
        return so_far.value + (so_far.value - recent.value) * pace if recent.value is not None else so_far.value
    more = (recent.of or 0) * pace
    total = (so_far.of or 0) + more
    if not total or recent.value is None:
        return so_far.value
    weight = more / total  # not products over a sum: those err where there is next to nothing of either
    return so_far.value * (1 - weight) + recent.value * weight


def progress(
    value: float | None, expected: float | None, target: float, better: Better, margin_percent: float, *,
    begun: bool, ended: bool, shape: Shape,
) -> Progress:  # fmt: skip
    """`expected`: the forecast; `better` LOWER means that the target is not to be exceeded."""
    lower = better is Better.LOWER
    if not begun:
        return Progress(None, None, None, Status.NOT_BEGUN)
    if value is None:
        return Progress(None, None, None, Status.NO_DATA)
    reached = value <= target if lower else value >= target
    way = _way(value, target, lower)
    if ended:
        return Progress(value, None, way, Status.ACHIEVED if reached else Status.MISSED)
    if reached and shape is Shape.COUNT and not lower:  # a count never falls
        return Progress(value, expected, way, Status.ACHIEVED)
    short = 0.0 if expected is None else (expected - target if lower else target - expected)
    if short <= 1e-9:
        return Progress(value, expected, way, Status.ON_TRACK)
    near = short <= abs(target) * margin_percent / 100
    return Progress(value, expected, way, Status.AT_RISK if near else Status.OFF_TRACK)


def _way(value: float, target: float, lower: bool) -> float:
    part, whole = (target, value) if lower else (value, target)
    return min(100.0, 100 * part / whole) if whole > 0 else 100.0
