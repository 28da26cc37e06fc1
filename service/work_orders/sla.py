"""When a repair is due: which policy holds, and the moments at which it warns, is broken and is passed upwards."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from service.core.calendar import ROUND_THE_CLOCK, Calendar, add_working_time
from service.work_orders.states import CLOCK_STOPPED, WorkOrderState

WAITING = frozenset({WorkOrderState.OPEN, WorkOrderState.ASSIGNED, WorkOrderState.IN_PROGRESS})
SIZE_CLASSES = ("small", "medium", "large")
_ZERO = timedelta(0)


class ClockKind(StrEnum):
    WORKING_HOURS = "working_hours"  # of the municipality's calendar
    ROUND_THE_CLOCK = "round_the_clock"  # for what cannot wait for the morning


class OnTransfer(StrEnum):
    """What becomes of the clock when an order goes to another unit."""

    KEEP = "keep"  # the citizen waits all the same
    RESTART = "restart"  # the new unit has the whole time


class StepKind(StrEnum):
    """What falls due, in the order of things that fall due together; the actions of the events."""

    LATE_START = "late_start"
    WARN = "warn"
    BREACH = "breach"
    ESCALATE = "escalate"


@dataclass(frozen=True)
class Escalation:
    """Who is told so many hours, by the policy's clock, after the due time."""

    level: int
    after_hours: int
    to_role: str  # whoever has it in the municipality
    to_user_id: int | None = None  # this person instead


@dataclass(frozen=True)
class ServiceLevel:
    """What a policy promises; an order keeps the one it was opened under."""

    clock: ClockKind
    hours_to_start: int | None
    hours_to_close: int
    warn_share: float = 0.75  # of the time to close
    escalations: tuple[Escalation, ...] = ()
    on_transfer: OnTransfer = OnTransfer.KEEP

    @property
    def to_close(self) -> timedelta:
        return timedelta(hours=self.hours_to_close)

    def calendar(self, own: Calendar) -> Calendar:
        """The calendar that its hours are counted by."""
        return ROUND_THE_CLOCK if self.clock is ClockKind.ROUND_THE_CLOCK else own


@dataclass(frozen=True)
class Policy:
    """A service level and the orders it holds for; None: for all of them."""

    id: int | None  # None: built in
    municipality_id: int | None
    class_key: str | None
    size_class: str | None
    min_priority: float | None
    level: ServiceLevel


@dataclass(frozen=True)
class Asked:
    """What is known of an order when its policy is looked for."""

    municipality_id: int
    class_key: str
    size_class: str | None  # None: unknown, and then only policies for every size hold
    priority: float = 0.0


@dataclass(frozen=True)
class Considered:
    policy: Policy
    why: str  # it holds, or does not


@dataclass(frozen=True)
class Choice:
    policy: Policy
    considered: tuple[Considered, ...]  # the chosen one first


@dataclass(frozen=True)
class Step:
    """Something that falls due, once."""

    kind: StepKind
    at: datetime
    level: int = 0
    to_role: str | None = None
    to_user_id: int | None = None

    @property
    def key(self) -> tuple[StepKind, int]:
        return self.kind, self.level


_ESCALATIONS = (Escalation(1, 7, "supervisor"), Escalation(2, 21, "admin"))


def _default(clock: ClockKind, to_start: int, to_close: int) -> ServiceLevel:
    return ServiceLevel(clock, to_start, to_close, escalations=_ESCALATIONS)


_ALL_DAY, _OFFICE = ClockKind.ROUND_THE_CLOCK, ClockKind.WORKING_HOURS
# Where a municipality has set no policy. Our own starting values, not a published standard: water and holes
# endanger traffic, rubbish grows, looks can wait. Seven working hours are an office day.
DEFAULT_LEVELS: dict[str, ServiceLevel] = {
    "standing_water": _default(_ALL_DAY, 2, 12),
    "pothole": _default(_ALL_DAY, 12, 48),
    "construction_barrier": _default(_ALL_DAY, 12, 48),
    "garbage": _default(_ALL_DAY, 8, 24),
    "damaged_sign": _default(_OFFICE, 7, 21),
    "sand_rubble": _default(_OFFICE, 7, 21),
    "graffiti": _default(_OFFICE, 14, 35),
    "bad_billboard": _default(_OFFICE, 14, 49),
    "neglected_sidewalk": _default(_OFFICE, 35, 98),
    "road_crack": _default(_OFFICE, 35, 98),
    "unkept_facade": _default(_OFFICE, 70, 210),
}


def choose_policy(policies: Sequence[Policy], asked: Asked) -> Choice:
    """The most specific policy that holds, and why each other one does not decide.

    A municipality's own comes before a shared one, then a class named before none, then a size, then the highest
    priority reached. What is built in holds where nothing else does.
    """
    built_in = Policy(None, None, asked.class_key, None, None, DEFAULT_LEVELS[asked.class_key])
    refusals = [(policy, _refusal(policy, asked)) for policy in policies]
    holding = sorted((policy for policy, why in refusals if why is None), key=_specificity, reverse=True)
    chosen = holding[0] if holding else built_in
    others = [Considered(policy, f"less specific than {name_of(chosen)}") for policy in holding[1:]]
    refused = [Considered(policy, why) for policy, why in refusals if why is not None]
    return Choice(chosen, (Considered(chosen, f"holds for {_scope(chosen)}"), *others, *refused))


def name_of(policy: Policy) -> str:
    return "the built-in policy" if policy.id is None else f"policy {policy.id}"


def plan(level: ServiceLevel, own: Calendar, at: datetime, used: timedelta = _ZERO) -> tuple[Step, ...]:
    """All that falls due, in order, on a clock that runs from `at` and has used so much of its time before."""
    calendar = level.calendar(own)

    def after(allowed: timedelta) -> datetime:
        return add_working_time(at, allowed - used, calendar)

    warning = level.to_close * level.warn_share
    steps = [Step(StepKind.WARN, after(warning)), Step(StepKind.BREACH, after(level.to_close))]
    if level.hours_to_start is not None:
        steps.append(Step(StepKind.LATE_START, after(timedelta(hours=level.hours_to_start))))
    for one in level.escalations:
        late = after(level.to_close + timedelta(hours=one.after_hours))
        steps.append(Step(StepKind.ESCALATE, late, one.level, one.to_role, one.to_user_id))
    return tuple(sorted(steps, key=lambda step: (step.at, tuple(StepKind).index(step.kind), step.level)))


def time_of(steps: Collection[Step], kind: StepKind) -> datetime | None:
    return next((step.at for step in steps if step.kind is kind), None)


def told_level(level: ServiceLevel) -> dict[str, Any]:
    return asdict(level)


def parse_level(told: dict[str, Any]) -> ServiceLevel:
    """What `told_level` told."""
    escalations = tuple(Escalation(**one) for one in told["escalations"])
    clock, on_transfer = ClockKind(told["clock"]), OnTransfer(told["on_transfer"])
    return ServiceLevel(**told | {"clock": clock, "on_transfer": on_transfer, "escalations": escalations})


def told_step(step: Step) -> dict[str, Any]:
    return asdict(step) | {"at": step.at.isoformat()}


def parse_step(told: dict[str, Any]) -> Step:
    return Step(**told | {"kind": StepKind(told["kind"]), "at": datetime.fromisoformat(told["at"])})


def overdue(state: WorkOrderState, due: datetime, held_at: datetime | None, now: datetime) -> bool:
    """Whether a repair that is still to be done is late; on hold or referred, whether it was late when that began."""
    if state in CLOCK_STOPPED:
        return held_at is not None and held_at > due
    return state in WAITING and now > due


def _refusal(policy: Policy, asked: Asked) -> str | None:
    """Why the policy does not hold; None: it does."""
    if policy.municipality_id not in (None, asked.municipality_id):
        return f"is for municipality {policy.municipality_id}"
    if policy.class_key not in (None, asked.class_key):
        return f"is for class {policy.class_key}, the order is {asked.class_key}"
    if policy.size_class not in (None, asked.size_class):
        return f"is for size {policy.size_class}, the order's is {asked.size_class or 'unknown'}"
    if policy.min_priority is not None and asked.priority < policy.min_priority:
        return f"is from priority {policy.min_priority:g}, the order has {asked.priority:g}"
    return None


def _specificity(policy: Policy) -> tuple[bool, bool, bool, float]:
    named = (policy.municipality_id is not None, policy.class_key is not None, policy.size_class is not None)
    return (*named, -1.0 if policy.min_priority is None else policy.min_priority)


def _scope(policy: Policy) -> str:
    if policy.id is None:
        return f"class {policy.class_key}, as nothing else does"
    priority = "any priority" if policy.min_priority is None else f"priority {policy.min_priority:g} and more"
    place = "all municipalities" if policy.municipality_id is None else f"municipality {policy.municipality_id}"
    kind = "any class" if policy.class_key is None else f"class {policy.class_key}"
    size = "any size" if policy.size_class is None else f"size {policy.size_class}"
    return f"{place}, {kind}, {size}, {priority}"
