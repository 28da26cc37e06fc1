"""The two pages that show a defect large: in the queue and by itself, with what came of the last form."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from fastapi import Response
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from service.accounts.caller import visible
from service.accounts.models import Municipality
from service.core.api import get_runtime
from service.core.errors import RasidError
from service.defects.access import visible_defects
from service.defects.boxes import LEAST_SIDE_PX
from service.defects.checks import list_checks
from service.defects.models import Defect
from service.defects.schemas import defect_out
from service.defects.states import DefectAction, DefectState, allowed
from service.web import basemap
from service.web.box_forms import Draft
from service.web.evidence import choose_sighting, list_nearby, list_separable, read_history, read_shot
from service.web.pages import SignedInPage
from service.web.queue import QueueFilter, read_queue
from service.web.timeline import read_timeline
from service.work_orders.access import visible_orders
from service.work_orders.models import WorkOrder
from service.work_orders.routing import opens_work_order
from service.work_orders.states import WorkOrderState


@dataclass(frozen=True)
class Told:
    """What a page says of the last form: what it did, by ids of defects, or why it was refused."""

    done: int | None = None
    moved: bool = False  # a box
    drawn: Sequence[int] = ()
    refusal: RasidError | None = None
    draft: Draft = field(default_factory=Draft)


@dataclass(frozen=True)
class Outcome:
    """A defect that was decided or drawn and the order that follows from it, as they are now."""

    defect: Defect
    order: WorkOrder | None


NOTHING = Told()


def queue_page(
    page: SignedInPage, session: Session, wanted: QueueFilter, opened: Defect | None, told: Told = NOTHING, *,
    after: int | None = None, sighting: int | None = None,
) -> Response:  # fmt: skip
    behind = next(iter(_find(session, page, [after])), None)
    queue = read_queue(session, page.caller, wanted, opened, behind)
    return page.render(
        "review.html",
        told.refusal.status if told.refusal else 200,
        queue=queue,
        wanted=wanted,
        outcome=next(iter(_outcomes(session, page, [told.done])), None),
        municipalities=list(session.scalars(_municipalities(page))),
        **_said(session, page, told),
        **(_evidence(session, page, queue.opened, sighting) if queue.opened else {}),
    )


def defect_page(
    page: SignedInPage, session: Session, defect: Defect, told: Told = NOTHING, *, sighting: int | None = None
) -> Response:
    return page.render(
        "defect.html",
        told.refusal.status if told.refusal else 200,
        wanted=QueueFilter(),
        outcome=None,
        history=read_history(session, "defect", defect.id),
        separable=list_separable(session, defect),
        checks=_checks(session, defect, sighting),
        **_said(session, page, told),
        **_evidence(session, page, defect, sighting),
    )


def _said(session: Session, page: SignedInPage, told: Told) -> dict[str, object]:
    drawn = _outcomes(session, page, told.drawn)
    return {"refusal": told.refusal, "draft": told.draft, "moved": told.moved, "drawn": drawn}


def _evidence(session: Session, page: SignedInPage, defect: Defect, sighting: int | None) -> dict[str, object]:
    shown, sightings = choose_sighting(session, defect, sighting)
    settings = get_runtime(page.request).settings
    return {
        "defect": defect,
        "shot": read_shot(session, shown) if shown else None,
        "tasks": _tasks(page, defect),
        "least_side_px": LEAST_SIDE_PX,
        "sightings": sightings,
        "nearby": list_nearby(session, page.caller, defect) if defect.state is DefectState.CANDIDATE else [],
        "order": _live_order(session, page, defect.id),
        "orderable": opens_work_order(defect.class_key, settings.experimental_work_orders),
        "place": defect_out(defect),
        "timeline": read_timeline(session, defect),
        "basemap": basemap.ADDRESS if settings.basemap else "",
    }


def _tasks(page: SignedInPage, defect: Defect) -> list[str]:
    """What the viewer may do with boxes on the defect's frame."""
    if page.viewer is None or not page.viewer.may("review"):
        return []
    return ["move", "draw"] if DefectAction.MOVE in allowed(defect.state) else ["draw"]


def _checks(session: Session, defect: Defect, sighting: int | None) -> list[str]:
    """The classes that the shown frame is checked for."""
    shown, _ = choose_sighting(session, defect, sighting)
    return [one.class_key for one in list_checks(session, shown.frame_id)] if shown else []


def _outcomes(session: Session, page: SignedInPage, defect_ids: Sequence[int | None]) -> list[Outcome]:
    found = _find(session, page, defect_ids)
    return [Outcome(defect, _live_order(session, page, defect.id)) for defect in found]


def _live_order(session: Session, page: SignedInPage, defect_id: int) -> WorkOrder | None:
    own = visible_orders(page.caller).where(WorkOrder.defect_id == defect_id)
    return session.scalar(own.where(WorkOrder.state != WorkOrderState.CANCELLED))


def _find(session: Session, page: SignedInPage, defect_ids: Sequence[int | None]) -> list[Defect]:
    """Those that the viewer may see."""
    wanted = visible_defects(page.caller).where(Defect.id.in_([one for one in defect_ids if one])).order_by(Defect.id)
    return list(session.scalars(wanted))


def _municipalities(page: SignedInPage) -> Select[Municipality]:
    return visible(select(Municipality), Municipality.id, page.caller).order_by(Municipality.name_ar)
