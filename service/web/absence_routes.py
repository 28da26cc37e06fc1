"""What later passes saw no more: the picture before beside the newest look, for a person to confirm or to overrule."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query, Response
from sqlalchemy.orm import Session

from inference.images import ImageRefused
from service.accounts.permissions import Permission
from service.core.api import PICTURE_HEADERS, RuntimeDep, SessionDep
from service.core.errors import NotFound, RasidError
from service.core.fields import RowId
from service.core.storage import BlobMissing
from service.defects.access import get_defect
from service.defects.models import Absence, Defect
from service.defects.visits import Pass, latest_looks, place_on
from service.identity.absence import Visited
from service.surveys.models import Frame
from service.surveys.service import visible_frames
from service.web.forms import attempt, plain_text, whole_number
from service.web.pages import SignedInPage, page_for, see_other
from service.web.thumbnails import cut_thumbnail
from service.work_orders.models import WorkOrder
from service.work_orders.verification import (
    Decision,
    chance_absent,
    decide_absence,
    list_absences,
    live_orders,
    visits_of,
)

router = APIRouter()
AbsencePage = Annotated[SignedInPage, Depends(page_for(Permission.VIEW_DEFECTS))]
SHOWN = 30


@dataclass(frozen=True)
class Missed:
    """A defect that passes looked for in vain since `unseen` of them."""

    defect: Defect
    look: Pass | None  # the newest in vain
    unseen: int
    chance_absent: float
    order: WorkOrder | None


@router.get("/absences")
def list_missed(
    page: AbsencePage, session: SessionDep, kind: str = "", after: str = "", done: RowId | None = None
) -> Response:
    return _absences_page(page, session, kind, after, done=done)


@router.post("/absences/{defect_id}")
def decide(
    page: AbsencePage, session: SessionDep, defect_id: RowId, decision: Annotated[Decision, Form()],
    note: Annotated[str, Form()] = "", kind: Annotated[str, Query()] = "",
) -> Response:  # fmt: skip
    def act() -> None:
        told = plain_text(note, "work_order.note", 1000)
        decide_absence(session, page.caller, defect_id, decision, told, page.now)

    refusal = attempt(session, act)
    if refusal:
        session.expire_all()
        return _absences_page(page, session, kind, "", refusal)
    return see_other(f"/absences?{urlencode({'kind': kind, 'done': defect_id} if kind else {'done': defect_id})}")


@router.get("/frames/{frame_id}/places/{defect_id}")
def show_place(
    page: AbsencePage, session: SessionDep, runtime: RuntimeDep, frame_id: RowId, defect_id: RowId
) -> Response:
    """The place of a defect cut out of a frame; the whole frame where nobody can tell where on it the place is."""
    defect = get_defect(session, page.caller, defect_id)
    frame = session.scalar(visible_frames(page.caller).where(Frame.id == frame_id))
    if frame is None or frame.blob_key is None:
        raise NotFound("frame.unknown", f"expected a frame that you may see, got id {frame_id}")
    box = place_on(frame, defect) or (0.0, 0.0, float(frame.width or 0), float(frame.height or 0))
    try:
        small = cut_thumbnail(runtime.store.get(frame.blob_key), box, runtime.settings.max_image_pixels)
    except (BlobMissing, ImageRefused) as error:
        raise NotFound("image.missing", str(error)) from error
    return Response(small, media_type="image/jpeg", headers=PICTURE_HEADERS)


def _absences_page(
    page: SignedInPage, session: Session, kind: str, after: str, refusal: RasidError | None = None,
    done: int | None = None,
) -> Response:  # fmt: skip
    chosen = Absence(kind) if kind in set(Absence) else None
    rows, following = list_absences(session, page.caller, kind=chosen, after=whole_number(after), limit=SHOWN)
    kept = {"kind": chosen.value} if chosen else {}
    return page.render(
        "absences.html",
        refusal.status if refusal else 200,
        rows=_missed(session, rows),
        chosen=chosen,
        refusal=refusal,
        done=get_defect(session, page.caller, done) if done else None,
        next_page=f"?{urlencode(kept | {'after': following})}" if following else None,
        first_page=f"?{urlencode(kept)}" if after else None,
    )


def _missed(session: Session, defects: Sequence[Defect]) -> list[Missed]:
    ids = [defect.id for defect in defects]
    looks, visits, orders = latest_looks(session, defects), visits_of(session, ids), live_orders(session, ids)
    return [
        Missed(one, looks.get(one.id), _unseen(visits.get(one.id, [])), chance_absent(one), orders.get(one.id))
        for one in defects
    ]


def _unseen(visits: Sequence[Visited]) -> int:
    """How many passes looked in vain since the last one that saw it."""
    seen_at = max((one.at for one in visits if one.sightings), default=None)
    return sum(one.looks > 0 for one in visits if seen_at is None or one.at > seen_at)
