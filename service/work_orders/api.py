"""HTTP for work orders: verdicts that open them, and every step from open to closed."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Response, UploadFile
from pydantic import Field

from service.accounts.caller import Caller, CallerDep, require
from service.accounts.permissions import Permission
from service.core.api import (
    PICTURE_HEADERS,
    PROBLEMS,
    NowDep,
    RuntimeDep,
    SessionDep,
    problems,
)
from service.core.errors import NotFound
from service.core.fields import NO_NUL, RowId
from service.defects.access import list_events
from service.defects.schemas import DefectOut, ReviewIn, defect_out, detection_out
from service.surveys.schemas import EventOut
from service.work_orders import (
    access,
    bulk_api,
    districts_api,
    handing_api,
    listing_api,
    operations_api,
    proof_rules_api,
    proofs,
    routing_api,
    service,
    service_levels_api,
)
from service.work_orders.doubts import Doubt, doubts_of
from service.work_orders.handing_api import ReferralOut, proof_out, referral_out
from service.work_orders.proof_rules_api import ProofState, proof_state
from service.work_orders.referrals import referrals_of
from service.work_orders.reviews import Reviewed, add_object, review_defect
from service.work_orders.schemas import (
    AssignIn,
    InspectionIn,
    InspectionOut,
    ObjectIn,
    ObjectResult,
    ProofOut,
    ReasonIn,
    ReviewResult,
    WorkOrderOut,
    work_order_out,
)
from service.work_orders.states import WorkOrderAction


class WorkOrderDetail(WorkOrderOut):
    actions: list[WorkOrderAction] = Field(description="what the state and the caller's role allow now")
    defect: DefectOut
    proofs: list[ProofOut]
    referrals: list[ReferralOut]
    inspections: list[InspectionOut]
    doubts: list[Doubt] = Field(description="what its repair leaves open: no pass closes it, a person inspects it")
    proof: ProofState
    events: list[EventOut]


router = APIRouter(prefix="/api/v1", responses=PROBLEMS, tags=["work orders"])
PARTS = (
    listing_api, bulk_api, operations_api, districts_api, routing_api, proof_rules_api, handing_api, service_levels_api
)  # fmt: skip
for part in PARTS:
    router.include_router(part.router)
ViewerDep = Annotated[Caller, Depends(require(Permission.VIEW_WORK_ORDERS))]
IMAGE: dict[int | str, dict[str, Any]] = {200: {"content": {"image/jpeg": {}, "image/png": {}, "image/webp": {}}}}


@router.post("/defects/{defect_id}/reviews")
def post_review(
    defect_id: RowId, body: ReviewIn, caller: CallerDep, session: SessionDep, runtime: RuntimeDep, now: NowDep
) -> ReviewResult:
    """Accepts (and opens the work order), rejects, reclassifies or merges a candidate, or moves one of a defect's
    boxes; the same verdict again changes nothing. Accepting a confirmed defect whose order was cancelled opens a
    new order."""
    reviewed = review_defect(
        session, caller, defect_id, body.verdict, class_key=body.class_key, merge_into=body.merged_into_id,
        detection_id=body.detection_id, box_px=body.box_xyxy_px, note=body.note,
        enabled=runtime.settings.experimental_work_orders, now=now,
    )  # fmt: skip
    return ReviewResult(defect=defect_out(reviewed.defect), work_order=_order_out(reviewed, now))


@router.post("/frames/{frame_id}/objects")
def post_object(
    frame_id: RowId, body: ObjectIn, caller: CallerDep, session: SessionDep, runtime: RuntimeDep, now: NowDep
) -> ObjectResult:
    """Adds what the model missed: the drawn box is a sighting of an accepted defect. The same box again changes
    nothing."""
    enabled = runtime.settings.experimental_work_orders
    detection, reviewed = add_object(session, caller, frame_id, body.class_key, body.box_xyxy_px, enabled, now)
    return ObjectResult(
        detection=detection_out(detection), defect=defect_out(reviewed.defect), work_order=_order_out(reviewed, now)
    )


@router.get("/work-orders/{order_id}")
def get_work_order(order_id: RowId, caller: ViewerDep, session: SessionDep, now: NowDep) -> WorkOrderDetail:
    """An order with its defect, proofs, inspections and history."""
    order = access.get_order(session, caller, order_id)
    own = f"/api/v1/work-orders/{order.id}"
    return WorkOrderDetail(
        **work_order_out(order, now).model_dump(),
        actions=access.actions_of(caller, order),
        defect=defect_out(order.defect).model_copy(update={"image_url": f"{own}/image"}),
        proofs=[proof_out(proof) for proof in access.list_proofs(session, order.id)],
        referrals=[referral_out(row, now) for row in referrals_of(session, order.id)],
        inspections=[InspectionOut.model_validate(row) for row in access.list_inspections(session, order.id)],
        doubts=doubts_of(session, order),
        proof=proof_state(session, order),
        events=[EventOut.model_validate(row) for row in list_events(session, "work_order", order.id)],
    )


@router.get("/work-orders/{order_id}/image", response_class=Response, responses=IMAGE)
def get_defect_image(order_id: RowId, caller: ViewerDep, session: SessionDep, runtime: RuntimeDep) -> Response:
    """The frame that shows the order's defect best, for whoever may see the order."""
    best = access.get_order(session, caller, order_id).defect.best_detection
    frame = best.frame if best else None
    if frame is None or frame.blob_key is None:
        raise NotFound("work_order.no_image", f"expected a frame with an image, work order {order_id} has none")
    return _image(runtime.store.get(frame.blob_key), frame.media_type)


@router.get("/work-orders/{order_id}/proofs/{proof_id}/image", response_class=Response, responses=IMAGE)
def get_proof_image(
    order_id: RowId, proof_id: RowId, caller: ViewerDep, session: SessionDep, runtime: RuntimeDep
) -> Response:
    """The photo of the repair."""
    proof = proofs.get_proof(session, caller, order_id, proof_id)
    return _image(runtime.store.get(proof.blob_key), proof.media_type)


@router.post("/work-orders/{order_id}/assign")
def assign(order_id: RowId, body: AssignIn, caller: CallerDep, session: SessionDep, now: NowDep) -> WorkOrderOut:
    """Gives an open order to a unit."""
    return work_order_out(service.assign(session, caller, order_id, body.unit_id, now), now)


@router.post("/work-orders/{order_id}/start")
def start(order_id: RowId, caller: CallerDep, session: SessionDep, now: NowDep) -> WorkOrderOut:
    """The unit begins the repair."""
    return work_order_out(service.start(session, caller, order_id, now), now)


@router.post("/work-orders/{order_id}/done", responses=problems(413, 415))
def report_done(
    order_id: RowId, caller: CallerDep, session: SessionDep, runtime: RuntimeDep, now: NowDep,
    photo: Annotated[UploadFile, File(description="JPEG, PNG or WebP of the finished repair")],
    quantity: Annotated[float, Form(gt=0, le=proofs.MAX_QUANTITY, description="measured on site, in `quantity_unit`")],
    note: Annotated[str | None, Form(max_length=1000, pattern=NO_NUL)] = None,
) -> WorkOrderOut:  # fmt: skip
    """The unit reports the repair done; sending the same photo again gives the same result."""
    data = photo.file.read(runtime.settings.max_image_bytes + 1)
    order = proofs.report_done(
        session, runtime, caller, order_id, photo=data, quantity=quantity,
        note=note or None, now=now,
    )  # fmt: skip
    return work_order_out(order, now)


@router.post("/work-orders/{order_id}/inspection")
def inspect(order_id: RowId, body: InspectionIn, caller: CallerDep, session: SessionDep, now: NowDep) -> WorkOrderOut:
    """Closes a good repair and resolves its defect, or sends it back with the reason."""
    order = service.inspect(session, caller, order_id, passed=body.passed, note=body.note, now=now)
    return work_order_out(order, now)


@router.post("/work-orders/{order_id}/hold")
def hold(order_id: RowId, body: ReasonIn, caller: CallerDep, session: SessionDep, now: NowDep) -> WorkOrderOut:
    """Stops the clock until the order is resumed."""
    return work_order_out(service.hold(session, caller, order_id, body.reason, now), now)


@router.post("/work-orders/{order_id}/resume")
def resume(order_id: RowId, caller: CallerDep, session: SessionDep, now: NowDep) -> WorkOrderOut:
    """Returns an order on hold to where it was, with the working time that was left to it."""
    return work_order_out(service.resume(session, caller, order_id, now), now)


@router.post("/work-orders/{order_id}/cancel")
def cancel(order_id: RowId, body: ReasonIn, caller: CallerDep, session: SessionDep, now: NowDep) -> WorkOrderOut:
    """Ends an order without a repair; its defect stays confirmed and can be accepted again."""
    return work_order_out(service.cancel(session, caller, order_id, body.reason, now), now)


@router.post("/work-orders/{order_id}/reopen")
def reopen(order_id: RowId, body: ReasonIn, caller: CallerDep, session: SessionDep, now: NowDep) -> WorkOrderOut:
    """Takes a closed order up again because the repair did not last."""
    return work_order_out(service.reopen(session, caller, order_id, body.reason, now), now)


def _order_out(reviewed: Reviewed, now: datetime) -> WorkOrderOut | None:
    return work_order_out(reviewed.order, now) if reviewed.order else None


def _image(data: bytes, media_type: str | None) -> Response:
    return Response(data, media_type=media_type, headers=PICTURE_HEADERS)
