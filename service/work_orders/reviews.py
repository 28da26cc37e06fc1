"""A verdict with what follows from it: an accepted defect has a work order from the same transaction on."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from service.accounts.caller import Caller
from service.defects.models import Defect, Verdict
from service.defects.reviews import review
from service.work_orders.models import WorkOrder
from service.work_orders.opening import open_work_order


@dataclass(frozen=True)
class Reviewed:
    defect: Defect
    order: WorkOrder | None  # after accept


def review_defect(
    session: Session, caller: Caller, defect_id: int, verdict: Verdict, *, class_key: str | None = None,
    merge_into: int | None = None, note: str | None = None, now: datetime,
) -> Reviewed:  # fmt: skip
    """`defects.reviews.review`, and for accept the live order of the defect, opened if there is none."""
    defect = review(session, caller, defect_id, verdict, class_key=class_key, merge_into=merge_into, note=note, now=now)
    if verdict is not Verdict.ACCEPT:
        return Reviewed(defect, None)
    return Reviewed(defect, open_work_order(session, defect, caller.actor, now))
