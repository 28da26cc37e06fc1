"""Takes the unit's word that a repair is done: only with a photo that can be looked at, a measured quantity and what
else the proof rule demands; keeps photos of the place before and after."""

from datetime import datetime
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.orm import Session

from inference.images import ImageRefused, decode_image
from service.accounts.caller import Caller
from service.core.errors import Conflict, NotFound, RasidError, TooLarge, Unprocessable, UnsupportedMedia
from service.core.events import SYSTEM
from service.core.runtime import Runtime
from service.core.settings import Settings
from service.core.tables import JsonObject
from service.surveys.blurring import blur_upload
from service.work_orders.access import get_order, lock_order
from service.work_orders.demands import Demand
from service.work_orders.doubts import Doubt, others_pictured
from service.work_orders.models import Proof, ProofKind, WorkOrder
from service.work_orders.moves import move_order, record_order, was_last
from service.work_orders.proof_rules import require_proof
from service.work_orders.quantities import as_measured, far_apart
from service.work_orders.repairs import report_repair
from service.work_orders.states import WorkOrderAction, WorkOrderState, advance

MAX_QUANTITY = 1_000_000
PHOTOGRAPHED = (
    WorkOrderState.ASSIGNED, WorkOrderState.IN_PROGRESS, WorkOrderState.REFERRED, WorkOrderState.DONE
)  # fmt: skip
_REFUSALS: dict[str, type[RasidError]] = {
    "image.unsupported_format": UnsupportedMedia,
    "image.too_many_pixels": TooLarge,
}


def report_done(
    session: Session, runtime: Runtime, caller: Caller, order_id: int, *,
    photo: bytes, quantity: float, note: str | None, now: datetime,
) -> WorkOrder:  # fmt: skip
    """Stores the proof, faces and plates blurred, and moves the order to done; the same photo again does it once.

    The photo is stored before its row: a crash between the two leaves at most a file that the next try
    overwrites. A photo that was already reported and then failed its inspection is refused: the mended repair
    needs its own. Raises Unprocessable where the proof rule demands more than is there.
    """
    class_key = get_order(session, caller, order_id).class_key
    try:
        quantity = as_measured(class_key, quantity, MAX_QUANTITY)
    except ValueError as error:
        raise Unprocessable("proof.quantity", f"{error}, got {quantity}") from error
    media_type = _media_type(photo, runtime.settings)
    order = lock_order(session, caller, order_id, WorkOrderAction.REPORT_DONE)
    digest = sha256(photo).hexdigest()
    known = _known(session, order, digest)
    if known is not None and known.quantity is not None:
        if was_last(session, order, WorkOrderAction.REPORT_DONE):
            return order
        raise Conflict("proof.used", "expected a new photo of the repair, got one that was reported before")
    advance(order.state, WorkOrderAction.REPORT_DONE)
    require_proof(session, order, {Demand.PHOTO_AFTER, Demand.QUANTITY}, digest)
    data = {
        "quantity": quantity, "unit": order.quantity_unit, "sha256": digest, "estimated": order.quantity_estimated,
        "far_apart": far_apart(order.quantity_estimated, quantity),
        "size_class": order.size_class.value, "district_id": order.district_id,
    }  # fmt: skip
    move_order(session, order, WorkOrderAction.REPORT_DONE, caller.actor, now, data)
    proof = known or _store(session, runtime, caller, order, photo, media_type)
    proof.kind, proof.quantity, proof.note = ProofKind.AFTER, quantity, note
    order.quantity_measured, order.done_at, order.state_reason = quantity, now, None
    report_repair(session, order)
    if data["far_apart"]:
        _doubt(session, order, Doubt.QUANTITY, now, estimated=order.quantity_estimated, measured=quantity)
    if others := others_pictured(session, order):
        _doubt(session, order, Doubt.PICTURE_OF_ANOTHER, now, order_ids=others)
    return order


def add_photo(
    session: Session, runtime: Runtime, caller: Caller, order_id: int, *,
    photo: bytes, kind: ProofKind, note: str | None, now: datetime,
) -> Proof:  # fmt: skip
    """Keeps a photo of the place before or after the repair, beside the one that it is reported done with; faces and
    plates blurred. The same photo again changes nothing."""
    get_order(session, caller, order_id)
    media_type = _media_type(photo, runtime.settings)
    order = lock_order(session, caller, order_id, WorkOrderAction.START)
    known = _known(session, order, sha256(photo).hexdigest())
    if known is not None:
        return known
    if order.state not in PHOTOGRAPHED:
        states = ", ".join(PHOTOGRAPHED)
        raise Conflict("work_order.state", f"expected an order that is {states} for a photo, got {order.state.value}")
    proof = _store(session, runtime, caller, order, photo, media_type)
    proof.kind, proof.note = kind, note
    told = {"kind": kind.value, "sha256": proof.sha256}
    record_order(session, order, "photo", caller.actor, now, from_state=order.state, data=told)
    session.flush()
    return proof


def get_proof(session: Session, caller: Caller, order_id: int, proof_id: int) -> Proof:
    get_order(session, caller, order_id)
    found = session.scalar(select(Proof).where(Proof.work_order_id == order_id, Proof.id == proof_id))
    if found is None:
        raise NotFound("proof.unknown", f"expected a proof of work order {order_id}, got id {proof_id}")
    return found


def _doubt(session: Session, order: WorkOrder, doubt: Doubt, now: datetime, **why: object) -> None:
    told: JsonObject = {"doubt": doubt.value, **why}
    record_order(session, order, "doubt", SYSTEM, now, from_state=order.state, data=told)


def _known(session: Session, order: WorkOrder, digest: str) -> Proof | None:
    return session.scalar(select(Proof).where(Proof.work_order_id == order.id, Proof.sha256 == digest))


def _store(
    session: Session, runtime: Runtime, caller: Caller, order: WorkOrder, photo: bytes, media_type: str
) -> Proof:
    digest = sha256(photo).hexdigest()
    blob_key = f"proofs/{digest}"
    runtime.store.put(blob_key, blur_upload(runtime, photo).data)
    proof = Proof(
        work_order_id=order.id, user_id=caller.actor.id, sha256=digest, blob_key=blob_key, media_type=media_type
    )
    session.add(proof)
    return proof


def _media_type(photo: bytes, settings: Settings) -> str:
    """The type of a photo that decodes whole and within the bounds; raises the refusal that fits what is
    wrong."""
    if len(photo) > settings.max_image_bytes:
        raise TooLarge("image.too_many_bytes", f"expected at most {settings.max_image_bytes} bytes, got more")
    try:
        image = decode_image(photo, settings.max_image_pixels)
    except ImageRefused as error:
        kind = _REFUSALS.get(error.code, Unprocessable)
        raise kind(error.code, f"expected {error.expected}, got {error.got}; take the photo again") from error
    return f"image/{image.format.lower()}"
