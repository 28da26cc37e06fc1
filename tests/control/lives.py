"""A street whose defects and orders live by the service's own functions, step by step, at times that a test sets."""

from contextlib import suppress
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.caller import Caller
from service.accounts.models import Municipality, User
from service.accounts.permissions import Role
from service.core.errors import RasidError
from service.core.events import SYSTEM, Actor
from service.defects.models import Defect, Detection, Verdict
from service.defects.recording import record_sightings
from service.work_orders import service as orders
from service.work_orders.defaults import create_default_operations
from service.work_orders.models import WorkOrder
from service.work_orders.moves import move_order
from service.work_orders.repairs import report_repair
from service.work_orders.reviews import review_defect
from service.work_orders.states import WorkOrderAction, WorkOrderState
from tests.defects.sightings import box
from tests.factories import NOW, make_frame, make_municipality, make_survey, make_user, make_vehicle

__all__ = ["NOW", "Street"]


class Street:
    """Each step commits. One that the state does not allow changes nothing."""

    def __init__(self, session: Session, key: str = "dammam") -> None:
        self.session, self.now = session, NOW
        self.municipality: Municipality = make_municipality(session, key)
        create_default_operations(session, self.municipality)
        self.user: User = make_user(session, Role.ADMIN, self.municipality)
        vehicle, _ = make_vehicle(session, self.municipality)
        self.survey = make_survey(session, vehicle)
        self.caller = Caller(Actor("user", self.user.id), Role.ADMIN, None, user=self.user)
        self.defects: list[int] = []
        session.commit()

    def later(self, **time: float) -> None:
        self.now += timedelta(**time)

    def take(self, step: str, which: int = 0) -> None:
        """The step for the defect at that place of the list, over and over."""
        if step == "find":
            self.find()
            return
        if not self.defects:
            return
        with suppress(RasidError):
            self._step(step, self.defects[which % len(self.defects)])
        self.session.commit()

    def live(self, *steps: str, class_key: str = "pothole", hours: float = 1) -> int:
        """A new defect that goes through the steps, an hour apart; its id."""
        defect_id = self.find(class_key)
        for step in steps:
            self.later(hours=hours)
            self.take(step, self.defects.index(defect_id))
        return defect_id

    def find(self, class_key: str = "pothole") -> int:
        """A candidate of its own: a hundred metres from the last."""
        seen = box(class_key, east_m=100.0 * len(self.defects))
        frame = make_frame(self.session, self.survey, captured_at=self.now)
        found = record_sightings(self.session, frame, [seen], model_name="tiny", model_version="1", now=self.now)
        (defect,) = found.created
        defect.created_at = self.now
        self.session.commit()
        self.defects.append(defect.id)
        return defect.id

    def order(self, defect_id: int) -> WorkOrder | None:
        live = select(WorkOrder).where(WorkOrder.defect_id == defect_id, WorkOrder.state != WorkOrderState.CANCELLED)
        return self.session.scalar(live)

    def _step(self, step: str, defect_id: int) -> None:
        if step in {"accept", "reject", "merge"}:
            self._judge(Verdict(step), defect_id)
            return
        order = self.order(defect_id)
        if order is None:
            return
        told = (self.session, self.caller, order.id)
        if step == "assign":
            orders.assign(*told, None, self.now)
        elif step == "start":
            orders.start(*told, self.now)
        elif step == "done":
            self._report_done(order)
        elif step in {"pass", "fail"}:
            orders.inspect(*told, passed=step == "pass", note="looked at it", now=self.now)
        elif step == "resume":
            orders.resume(*told, self.now)
        else:
            getattr(orders, step)(*told, "told so", self.now)

    def _judge(self, verdict: Verdict, defect_id: int) -> None:
        shown = self.session.get_one(Defect, defect_id).best_detection_id
        others = [one for one in self.defects if one != defect_id]
        if verdict is Verdict.MERGE and not others:
            return
        merge_into = others[0] if verdict is Verdict.MERGE else None
        review_defect(
            self.session, self.caller, defect_id, verdict, merge_into=merge_into, detection_id=shown, now=self.now
        )

    def _report_done(self, order: WorkOrder) -> None:
        """As `proofs.report_done`, without the photo."""
        move_order(self.session, order, WorkOrderAction.REPORT_DONE, SYSTEM, self.now, {"quantity": 2.5})
        order.quantity_measured, order.done_at, order.state_reason = 2.5, self.now, None
        report_repair(self.session, order)


def detections(session: Session) -> list[int]:
    return list(session.scalars(select(Detection.id).order_by(Detection.id)))
