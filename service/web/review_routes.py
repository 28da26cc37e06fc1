"""The review desk: the queue, the open candidate beside it, and a defect of any state with its history."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from datasets.taxonomy import BY_KEY
from inference.images import ImageRefused
from service.accounts.permissions import Permission
from service.core.api import PICTURE_HEADERS, RuntimeDep, SessionDep
from service.core.errors import NotFound, Unprocessable
from service.core.fields import RowId
from service.core.storage import BlobMissing
from service.defects.access import get_defect
from service.defects.checks import check_frame, withdraw_check
from service.defects.models import Detection, Verdict
from service.defects.schemas import ClassKey, box_of
from service.surveys.models import Frame
from service.surveys.service import visible_frames
from service.web.box_forms import MOST_DRAWN, Draft, read_box, read_drawn
from service.web.desk_pages import Told, defect_page, queue_page
from service.web.forms import attempt, whole_number
from service.web.pages import SignedInPage, page_for, see_other
from service.web.queue import QueueFilter, QueueFilterDep
from service.web.thumbnails import cut_thumbnail
from service.work_orders.reviews import add_object, review_defect

router = APIRouter()
DefectPage = Annotated[SignedInPage, Depends(page_for(Permission.VIEW_DEFECTS))]
DrawnIds = Annotated[list[RowId] | None, Query(max_length=MOST_DRAWN)]


@router.get("/review")
def show_queue(
    page: DefectPage, session: SessionDep, wanted: QueueFilterDep,
    defect: RowId | None = None, after: RowId | None = None, done: RowId | None = None, sighting: RowId | None = None,
    moved: bool = False, drawn: DrawnIds = None,
) -> Response:  # fmt: skip
    """`defect` opens one, `after` the next behind it; `done`, `moved` and `drawn` tell what became of the last form."""
    opened = get_defect(session, page.caller, defect) if defect is not None else None
    told = Told(done, moved, drawn or [])
    response = queue_page(page, session, wanted, opened, told, after=after, sighting=sighting)
    if done is not None or moved or drawn:  # the message is for now, not for a reload
        place = wanted.query(defect=defect, after=after, sighting=sighting)
        response.headers["HX-Push-Url"] = f"/review?{place}"
    return response


@router.get("/defects/{defect_id}")
def show_defect(
    page: DefectPage, session: SessionDep, defect_id: RowId, sighting: RowId | None = None, moved: bool = False,
    drawn: DrawnIds = None,
) -> Response:  # fmt: skip
    told = Told(moved=moved, drawn=drawn or [])
    return defect_page(page, session, get_defect(session, page.caller, defect_id), told, sighting=sighting)


@router.post("/defects/{defect_id}/review")
def review(
    page: DefectPage, session: SessionDep, runtime: RuntimeDep, wanted: QueueFilterDep, defect_id: RowId,
    verdict: Annotated[Verdict, Form()], class_key: Annotated[str, Form()] = "",
    merge_into: Annotated[str, Form()] = "", looked_at: Annotated[str, Form()] = "",
    box_px: Annotated[str, Form()] = "", desk: str = "queue",
) -> Response:  # fmt: skip
    """Decides, then opens the next one (desk=queue) or shows the defect again (desk=defect)."""
    target = whole_number(merge_into) if verdict is Verdict.MERGE else None
    sighting = whole_number(looked_at)
    refusal = attempt(
        session,
        lambda: review_defect(
            session,
            page.caller,
            defect_id,
            verdict,
            class_key=class_key if verdict is Verdict.RECLASSIFY else None,
            merge_into=target,
            detection_id=sighting,
            box_px=read_box(box_px) if verdict is Verdict.MOVE else None,
            enabled=runtime.settings.experimental_work_orders,
            now=page.now,
        ),
    )
    if refusal:
        return _page(page, session, wanted, defect_id, desk, Told(refusal=refusal, draft=Draft(sighting, box_px)))
    if verdict is Verdict.MOVE:
        return see_other(_back(wanted, defect_id, desk, sighting=sighting, moved="1"))
    if desk == "defect":
        return see_other(f"/defects/{defect_id}")
    place = {"defect": defect_id} if verdict is Verdict.RECLASSIFY else {"after": defect_id}
    return see_other(f"/review?{wanted.query(**place, done=defect_id)}")


@router.post("/defects/{defect_id}/objects")
def draw(
    page: DefectPage, session: SessionDep, runtime: RuntimeDep, wanted: QueueFilterDep, defect_id: RowId,
    looked_at: Annotated[RowId, Form()], class_key: Annotated[Sequence[ClassKey], Form()] = (),
    box_px: Annotated[Sequence[str], Form()] = (), desk: str = "queue",
) -> Response:  # fmt: skip
    """Keeps what the model missed on the frame of the sighting, all of it or nothing, and shows the defect again."""
    get_defect(session, page.caller, defect_id)
    saved: list[int] = []

    def keep() -> None:
        frame_id, enabled = _frame_of(session, looked_at), runtime.settings.experimental_work_orders
        for key, box in read_drawn(class_key, box_px):
            _, reviewed = add_object(session, page.caller, frame_id, key, box, enabled, page.now)
            saved.append(reviewed.defect.id)

    refusal = attempt(session, keep)
    if refusal:
        draft = Draft(looked_at, drawn=list(zip(class_key, box_px, strict=False)))
        return _page(page, session, wanted, defect_id, desk, Told(refusal=refusal, draft=draft))
    return see_other(_back(wanted, defect_id, desk, sighting=looked_at, drawn=saved))


@router.post("/defects/{defect_id}/checks")
def check(
    page: DefectPage, session: SessionDep, defect_id: RowId, looked_at: Annotated[RowId, Form()],
    class_key: Annotated[list[str] | None, Form()] = None, withdraw: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Says that nothing of these classes was missed on the frame of the sighting, or takes that back for one class."""
    defect = get_defect(session, page.caller, defect_id)
    refusal = attempt(session, lambda: _check(session, page, _frame_of(session, looked_at), class_key or [], withdraw))
    if refusal:
        return defect_page(page, session, defect, Told(refusal=refusal), sighting=looked_at)
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
    return Response(small, media_type="image/jpeg", headers=PICTURE_HEADERS)


def _page(page: SignedInPage, session: Session, wanted: QueueFilter, defect_id: int, desk: str, told: Told) -> Response:
    """The page that a refused form came from, over the sighting that it was about."""
    opened, sighting = get_defect(session, page.caller, defect_id), told.draft.looked_at
    if desk == "defect":
        return defect_page(page, session, opened, told, sighting=sighting)
    return queue_page(page, session, wanted, opened, told, sighting=sighting)


def _back(wanted: QueueFilter, defect_id: int, desk: str, **more: int | str | list[int] | None) -> str:
    """The address of the same defect, as it was looked at."""
    if desk == "defect":
        return f"/defects/{defect_id}?{QueueFilter().query(**more)}"
    return f"/review?{wanted.query(defect=defect_id, **more)}"


def _frame_of(session: Session, detection_id: int) -> int:
    """Whether the caller may see that frame is asked where it is used."""
    frame_id = session.scalar(select(Detection.frame_id).where(Detection.id == detection_id))
    if frame_id is None:
        raise Unprocessable("review.detection_id", f"expected a sighting, got detection {detection_id}; reload")
    return frame_id


def _check(session: Session, page: SignedInPage, frame_id: int, class_keys: list[str], withdraw: str) -> None:
    if withdraw in BY_KEY:
        withdraw_check(session, page.caller, frame_id, withdraw, page.now)
        return
    if not class_keys or not set(class_keys) <= BY_KEY.keys():
        raise Unprocessable("check.classes", "expected the classes that were looked for, got none; tick some")
    check_frame(session, page.caller, frame_id, class_keys, page.now)
