"""The review desk: the queue, the open candidate beside it, and a defect of any state with its history."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Response
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from datasets.taxonomy import BY_KEY
from inference.images import ImageRefused
from service.accounts.caller import visible
from service.accounts.models import Municipality
from service.accounts.permissions import Permission
from service.core.api import RuntimeDep, SessionDep, get_runtime
from service.core.errors import NotFound, RasidError, Unprocessable
from service.core.fields import RowId
from service.core.storage import BlobMissing
from service.defects.access import get_defect, visible_defects
from service.defects.checks import check_frame, list_checks, withdraw_check
from service.defects.models import Defect, Detection, Verdict
from service.defects.schemas import box_of
from service.defects.states import DefectState
from service.surveys.models import Frame
from service.surveys.service import visible_frames
from service.web.evidence import choose_sighting, list_nearby, read_history, read_shot
from service.web.forms import attempt, whole_number
from service.web.pages import SignedInPage, page_for, see_other
from service.web.queue import QueueFilter, QueueFilterDep, read_queue
from service.web.thumbnails import cut_thumbnail
from service.work_orders.access import visible_orders
from service.work_orders.models import WorkOrder
from service.work_orders.reviews import review_defect
from service.work_orders.routing import opens_work_order
from service.work_orders.states import WorkOrderState

router = APIRouter()
DefectPage = Annotated[SignedInPage, Depends(page_for(Permission.VIEW_DEFECTS))]
THUMBNAIL_HEADERS = {
    "Cache-Control": "private, max-age=86400, immutable",
    "X-Content-Type-Options": "nosniff",
}


@router.get("/review")
def show_queue(
    page: DefectPage, session: SessionDep, wanted: QueueFilterDep,
    defect: RowId | None = None, after: RowId | None = None, done: RowId | None = None, sighting: RowId | None = None,
) -> Response:  # fmt: skip
    """`defect` opens one, `after` the next behind it; `done` tells what became of the one decided last."""
    opened = get_defect(session, page.caller, defect) if defect is not None else None
    response = _queue_page(page, session, wanted, opened, after=after, done=done, sighting=sighting)
    if done is not None:  # the message is for now, not for a reload
        response.headers["HX-Push-Url"] = f"/review?{wanted.query(defect=defect, after=after)}"
    return response


@router.get("/defects/{defect_id}")
def show_defect(page: DefectPage, session: SessionDep, defect_id: RowId, sighting: RowId | None = None) -> Response:
    return _defect_page(page, session, get_defect(session, page.caller, defect_id), sighting)


@router.post("/defects/{defect_id}/review")
def review(
    page: DefectPage, session: SessionDep, runtime: RuntimeDep, wanted: QueueFilterDep, defect_id: RowId,
    verdict: Annotated[Verdict, Form()], class_key: Annotated[str, Form()] = "",
    merge_into: Annotated[str, Form()] = "", looked_at: Annotated[str, Form()] = "", desk: str = "queue",
) -> Response:  # fmt: skip
    """Decides, then opens the next one (desk=queue) or shows the defect again (desk=defect)."""
    target = whole_number(merge_into) if verdict is Verdict.MERGE else None
    refusal = attempt(
        session,
        lambda: review_defect(
            session,
            page.caller,
            defect_id,
            verdict,
            class_key=class_key if verdict is Verdict.RECLASSIFY else None,
            merge_into=target,
            detection_id=whole_number(looked_at),
            enabled=runtime.settings.experimental_work_orders,
            now=page.now,
        ),
    )
    if refusal:
        opened = get_defect(session, page.caller, defect_id)
        if desk == "defect":
            return _defect_page(page, session, opened, None, refusal)
        return _queue_page(page, session, wanted, opened, refusal=refusal)
    if desk == "defect":
        return see_other(f"/defects/{defect_id}")
    place = {"defect": defect_id} if verdict is Verdict.RECLASSIFY else {"after": defect_id}
    return see_other(f"/review?{wanted.query(**place, done=defect_id)}")


@router.post("/defects/{defect_id}/checks")
def check(
    page: DefectPage, session: SessionDep, defect_id: RowId, looked_at: Annotated[RowId, Form()],
    class_key: Annotated[list[str] | None, Form()] = None, withdraw: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Says that nothing of these classes was missed on the frame of the sighting, or takes that back for one class."""
    defect = get_defect(session, page.caller, defect_id)
    shown, _ = choose_sighting(session, defect, looked_at)
    frame_id = shown.frame_id if shown else 0
    refusal = attempt(session, lambda: _check(session, page, frame_id, class_key or [], withdraw))
    if refusal:
        return _defect_page(page, session, defect, looked_at, refusal)
    return see_other(f"/defects/{defect_id}?sighting={looked_at}#frame")


@router.get("/detections/{detection_id}/thumbnail")
def show_thumbnail(page: DefectPage, session: SessionDep, runtime: RuntimeDep, detection_id: RowId) -> Response:
    """What was detected, cut out of its frame; a detection never changes, so browsers may keep it."""
    frames = visible_frames(page.caller).with_only_columns(Frame.id)
    statement = select(Detection).where(Detection.id == detection_id, Detection.frame_id.in_(frames))
    detection = session.scalar(statement)
    if detection is None or detection.frame.blob_key is None:
        raise NotFound("frame.unknown", f"expected a detection that you may see, got id {detection_id}")
    try:
        image = runtime.store.get(detection.frame.blob_key)
        small = cut_thumbnail(image, box_of(detection), runtime.settings.max_image_pixels)
    except (BlobMissing, ImageRefused) as error:
        raise NotFound("image.missing", str(error)) from error
    return Response(small, media_type="image/jpeg", headers=THUMBNAIL_HEADERS)


def _queue_page(
    page: SignedInPage, session: Session, wanted: QueueFilter, opened: Defect | None, *,
    after: int | None = None, done: int | None = None, sighting: int | None = None,
    refusal: RasidError | None = None,
) -> Response:  # fmt: skip
    queue = read_queue(session, page.caller, wanted, opened, _find(session, page, after))
    return page.render(
        "review.html",
        refusal.status if refusal else 200,
        queue=queue,
        wanted=wanted,
        outcome=_outcome(session, page, done),
        refusal=refusal,
        municipalities=list(session.scalars(_municipalities(page))),
        **(_evidence(session, page, queue.opened, sighting) if queue.opened else {}),
    )


def _defect_page(
    page: SignedInPage,
    session: Session,
    defect: Defect,
    sighting: int | None,
    refusal: RasidError | None = None,
) -> Response:
    return page.render(
        "defect.html",
        refusal.status if refusal else 200,
        wanted=QueueFilter(),
        refusal=refusal,
        history=read_history(session, "defect", defect.id),
        checks=_checks(session, defect, sighting),
        **_evidence(session, page, defect, sighting),
    )


def _evidence(session: Session, page: SignedInPage, defect: Defect, sighting: int | None) -> dict[str, object]:
    shown, sightings = choose_sighting(session, defect, sighting)
    return {
        "defect": defect,
        "shot": read_shot(session, shown) if shown else None,
        "sightings": sightings,
        "nearby": list_nearby(session, page.caller, defect) if defect.state is DefectState.CANDIDATE else [],
        "order": _live_order(session, page, defect.id),
        "orderable": opens_work_order(defect.class_key, get_runtime(page.request).settings.experimental_work_orders),
    }


def _checks(session: Session, defect: Defect, sighting: int | None) -> list[str]:
    """The classes that the shown frame is checked for."""
    shown, _ = choose_sighting(session, defect, sighting)
    return [one.class_key for one in list_checks(session, shown.frame_id)] if shown else []


def _check(session: Session, page: SignedInPage, frame_id: int, class_keys: list[str], withdraw: str) -> None:
    if withdraw in BY_KEY:
        withdraw_check(session, page.caller, frame_id, withdraw, page.now)
        return
    if not class_keys or not set(class_keys) <= BY_KEY.keys():
        raise Unprocessable("check.classes", "expected the classes that were looked for, got none; tick some")
    check_frame(session, page.caller, frame_id, class_keys, page.now)


def _outcome(session: Session, page: SignedInPage, defect_id: int | None) -> dict[str, object] | None:
    """The defect that was decided last and the order that follows from it, as they are now."""
    decided = _find(session, page, defect_id)
    return {"defect": decided, "order": _live_order(session, page, decided.id)} if decided else None


def _live_order(session: Session, page: SignedInPage, defect_id: int) -> WorkOrder | None:
    own = visible_orders(page.caller).where(WorkOrder.defect_id == defect_id)
    return session.scalar(own.where(WorkOrder.state != WorkOrderState.CANCELLED))


def _find(session: Session, page: SignedInPage, defect_id: int | None) -> Defect | None:
    return session.scalar(visible_defects(page.caller).where(Defect.id == defect_id)) if defect_id else None


def _municipalities(page: SignedInPage) -> Select[Municipality]:
    return visible(select(Municipality), Municipality.id, page.caller).order_by(Municipality.name_ar)
