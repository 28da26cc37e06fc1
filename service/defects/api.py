"""HTTP for defects: the review queue, one defect with all that was seen of it, and what a model saw on a
frame.

A verdict is posted in `work_orders.api`, because accepting a defect opens its work order.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from sqlalchemy import select

from datasets.taxonomy import CLASSES
from service.accounts.caller import Caller, CallerDep, require
from service.accounts.permissions import Permission
from service.core.api import PROBLEMS, AfterQuery, LimitQuery, Page, RuntimeDep, SessionDep
from service.core.fields import RowId
from service.core.i18n import Language
from service.core.sheets import FILES, FileFormat, download
from service.defects import access, geo_api, learning_api, splits_api
from service.defects.access import DefectOrder
from service.defects.models import Defect, Detection, Sighting
from service.defects.schemas import (
    ClassKey,
    ClassOut,
    DefectDetail,
    DefectOut,
    FrameDetectionOut,
    ReviewOut,
    SightingOut,
    class_out,
    defect_out,
    sighting_out,
)
from service.defects.sheets import defect_sheet
from service.defects.states import DefectState
from service.surveys.schemas import EventOut
from service.surveys.service import get_frame

router = APIRouter(prefix="/api/v1", responses=PROBLEMS, tags=["defects"])
router.include_router(learning_api.router)
router.include_router(splits_api.router)
router.include_router(geo_api.router)  # before /defects/{defect_id}, which would take "near" for an id
ViewerDep = Annotated[Caller, Depends(require(Permission.VIEW_DEFECTS))]
SHOWN_SIGHTINGS = 100


@router.get("/classes")
def list_classes(caller: CallerDep) -> list[ClassOut]:
    """Every class of defect in the order of the models' output."""
    return [class_out(kind) for kind in CLASSES]


@router.get("/defects")
def list_defects(
    caller: ViewerDep, session: SessionDep, state: DefectState | None = None,
    class_key: ClassKey | None = None, municipality_id: RowId | None = None,
    order: DefectOrder = DefectOrder.OLDEST, after: AfterQuery = None, limit: LimitQuery = 100,
) -> Page[DefectOut]:  # fmt: skip
    """Defects of the caller's municipalities; `state=candidate` is the review queue."""
    rows, following = access.list_defects(
        session, caller, state=state, class_key=class_key, municipality_id=municipality_id, order=order,
        after=after, limit=limit,
    )  # fmt: skip
    return Page(items=[defect_out(row) for row in rows], next=following)


@router.get("/defects.{format}", response_class=Response, responses=FILES)
def export_defects(
    format: FileFormat, caller: ViewerDep, runtime: RuntimeDep, state: DefectState | None = None,  # noqa: A002
    class_key: ClassKey | None = None, municipality_id: RowId | None = None, lang: Language = Language.ENGLISH,
) -> Response:  # fmt: skip
    """All defects of the filter as CSV or Excel, the oldest first."""
    asked = defect_sheet(
        runtime.database, caller, lang, state=state, class_key=class_key, municipality_id=municipality_id
    )
    return download("defects", format, asked)


@router.get("/defects/{defect_id}")
def get_defect(defect_id: RowId, caller: ViewerDep, session: SessionDep) -> DefectDetail:
    """A defect with its newest sightings, its reviews and its history."""
    defect = access.get_defect(session, caller, defect_id)
    sightings, _ = access.list_sightings(session, defect_id, None, SHOWN_SIGHTINGS)
    return DefectDetail(
        **defect_out(defect).model_dump(),
        sightings=[sighting_out(row) for row in sightings],
        reviews=[ReviewOut.model_validate(row) for row in access.list_reviews(session, defect_id)],
        events=[EventOut.model_validate(row) for row in access.list_events(session, "defect", defect_id)],
    )


@router.get("/defects/{defect_id}/sightings")
def list_sightings(
    defect_id: RowId,
    caller: ViewerDep,
    session: SessionDep,
    after: AfterQuery = None,
    limit: LimitQuery = 100,
) -> Page[SightingOut]:
    """Every detection of a defect, the newest first."""
    access.get_defect(session, caller, defect_id)
    rows, following = access.list_sightings(session, defect_id, after, limit)
    return Page(items=[sighting_out(row) for row in rows], next=following)


@router.get("/frames/{frame_id}/detections")
def list_frame_detections(frame_id: RowId, caller: ViewerDep, session: SessionDep) -> list[FrameDetectionOut]:
    """What a model saw on a frame and people drew on it, highest score first; as many as there are for one image."""
    get_frame(session, caller, frame_id)
    statement = (
        select(Sighting, Defect)
        .join(Sighting.detection)
        .join(Defect, Defect.id == Sighting.defect_id)
        .where(Detection.frame_id == frame_id)
        .order_by(Detection.score.desc(), Detection.id)
    )
    rows = session.execute(statement).all()
    moved = access.moved_boxes(session, [sighting.detection_id for sighting, _ in rows])
    return [
        FrameDetectionOut(
            **sighting_out(sighting).model_dump(),
            defect_id=defect.id,
            defect_class_key=defect.class_key,
            defect_state=defect.state,
            moved_to_xyxy_px=moved.get(sighting.detection_id),
        )
        for sighting, defect in rows
    ]
