"""How long repairs last: each is kept from the day it was reported done until it is found to have failed."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum

from sqlalchemy import ScalarSelect, Select, false, func, select
from sqlalchemy.orm import Session

from service.accounts.caller import Caller, visible
from service.accounts.permissions import Permission, Role
from service.coverage.period import Period
from service.defects.access import permit
from service.defects.models import Visit
from service.work_orders.lasting import Lasted, survival
from service.work_orders.models import Repair, VerifiedBy, WorkOrder

DAY_S = 86_400


class By(StrEnum):
    UNIT = "unit"
    CLASS = "class"
    MUNICIPALITY = "municipality"


@dataclass(frozen=True)
class Durability:
    """Repairs that were found good: how many failed, and the share still good so many days after they were done.

    A share is None where no repair was followed so long, the median where more than half are still good.
    """

    key: str  # id of the unit or municipality, key of the class; empty: repairs of no unit
    number: int
    failed: int
    good_after_30_days: float | None
    good_after_90_days: float | None
    good_after_365_days: float | None
    median_days: float | None


def report_repair(session: Session, order: WorkOrder) -> Repair | None:
    """The repair that the order was reported done with; None where it was not. Safe to run twice on a locked
    order."""
    if order.done_at is None:
        return None
    same = select(Repair).where(Repair.work_order_id == order.id, Repair.done_at == order.done_at)
    found = session.scalar(same)
    if found is None:
        found = Repair(
            work_order_id=order.id, defect_id=order.defect_id, unit_id=order.unit_id,
            municipality_id=order.municipality_id, class_key=order.class_key, done_at=order.done_at,
        )  # fmt: skip
        session.add(found)
        session.flush()
    return found


def verify_repair(session: Session, order: WorkOrder, by: VerifiedBy, now: datetime) -> None:
    """It was found good."""
    repair = report_repair(session, order)
    if repair is not None and repair.verified_at is None:
        repair.verified_at, repair.verified_by = now, by


def refuse_repair(session: Session, order: WorkOrder, now: datetime) -> None:
    """An inspection found that it was not done well; call it before `done_at` is cleared."""
    repair = report_repair(session, order)
    if repair is not None and repair.failed_at is None:
        repair.failed_at = now


def end_repair(session: Session, order: WorkOrder, now: datetime) -> float | None:
    """A closed order is opened again: how many days its repair lasted, until its defect was last seen where that shows
    the failure, else until now. Call it before `done_at` is cleared; None for an order that was never done."""
    repair = report_repair(session, order)
    if repair is None:
        return None
    if repair.failed_at is None:
        seen_at = order.defect.last_seen_at
        good_until = repair.verified_at or repair.done_at
        repair.failed_at = seen_at if good_until < seen_at < now else now
        repair.lasted_days = _days(repair.failed_at - repair.done_at)
    return repair.lasted_days


def durability(session: Session, caller: Caller, by: By, period: Period) -> list[Durability]:
    """Of the repairs reported done in the period and found good, those of each unit, class or municipality, in order
    of the key; a unit's user gets that unit's.

    A repair that has not failed counts until a pass last looked at the place, or until it was found good, not until
    today: what nobody has driven past is not known to hold.
    """
    permit(caller, {Permission.VIEW_WORK_ORDERS})
    groups: dict[str, list[Lasted]] = defaultdict(list)
    for repair, looked_at in session.execute(_found_good(caller, period).add_columns(_last_look())):
        groups[_key(repair, by)].append(_lasted(repair, looked_at))
    return [_durability(key, groups[key]) for key in sorted(groups, key=lambda key: (len(key), key))]


def _found_good(caller: Caller, period: Period) -> Select[Repair]:
    midnight = datetime.combine(period.first, time(), UTC)
    after = datetime.combine(period.last, time(), UTC) + timedelta(days=1)
    statement = visible(select(Repair), Repair.municipality_id, caller)
    statement = statement.where(Repair.verified_at.is_not(None), Repair.done_at >= midnight, Repair.done_at < after)
    if caller.role is not Role.UNIT:
        return statement
    return statement.where(Repair.unit_id == caller.unit_id if caller.unit_id is not None else false())


def _last_look() -> ScalarSelect[datetime]:
    """When a vehicle last passed by and looked."""
    own = (Visit.defect_id == Repair.defect_id, Visit.looks > 0)
    return select(func.max(Visit.last_at)).where(*own).correlate(Repair).scalar_subquery()


def _key(repair: Repair, by: By) -> str:
    if by is By.CLASS:
        return repair.class_key
    found = repair.unit_id if by is By.UNIT else repair.municipality_id
    return "" if found is None else str(found)


def _lasted(repair: Repair, looked_at: datetime | None) -> Lasted:
    if repair.failed_at is not None:
        return Lasted(_days(repair.failed_at - repair.done_at), True)
    good_at = max(one for one in (repair.done_at, repair.verified_at, looked_at) if one)
    return Lasted(_days(good_at - repair.done_at), False)


def _durability(key: str, repairs: Sequence[Lasted]) -> Durability:
    kept = survival(repairs)
    return Durability(
        key=key,
        number=len(repairs),
        failed=sum(one.failed for one in repairs),
        good_after_30_days=kept.share_after(30),
        good_after_90_days=kept.share_after(90),
        good_after_365_days=kept.share_after(365),
        median_days=kept.median_days,
    )


def _days(lasted: timedelta) -> float:
    return max(0.0, lasted.total_seconds() / DAY_S)
