"""When a repair is due: the hours of the municipality's policy, with a clock that stands still while on
hold."""

from datetime import datetime, timedelta

from service.work_orders.states import CLOCK_STOPPED, WorkOrderState

# Where a municipality has set no policy. Our own starting values, not a published standard: water and holes
# endanger traffic, rubbish grows, looks can wait.
DEFAULT_HOURS: dict[str, int] = {
    "standing_water": 12,
    "pothole": 48,
    "construction_barrier": 48,
    "garbage": 24,
    "damaged_sign": 72,
    "sand_rubble": 72,
    "graffiti": 120,
    "bad_billboard": 168,
    "neglected_sidewalk": 336,
    "road_crack": 336,
    "unkept_facade": 720,
}

WAITING = frozenset({WorkOrderState.OPEN, WorkOrderState.ASSIGNED, WorkOrderState.IN_PROGRESS})


def due_at(opened_at: datetime, hours: int) -> datetime:
    return opened_at + timedelta(hours=hours)


def due_after_hold(due: datetime, held_at: datetime, resumed_at: datetime) -> datetime:
    """The due time moved by the time held."""
    return due + (resumed_at - held_at)


def overdue(state: WorkOrderState, due: datetime, held_at: datetime | None, now: datetime) -> bool:
    """Whether a repair that is still to be done is late; on hold or referred, whether it was late when that
    began."""
    if state in CLOCK_STOPPED:
        return held_at is not None and held_at > due
    return state in WAITING and now > due
