"""HTTP for handing orders on: refusal, transfer, parts, referral to other agencies, photos beside the report."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, UploadFile
from pydantic import BaseModel, Field

from service.accounts.caller import Caller, CallerDep, require
from service.accounts.permissions import Permission
from service.core.api import AfterQuery, LimitQuery, NowDep, Page, RuntimeDep, SessionDep, paginate, problems
from service.core.fields import NO_NUL, Key, Moment, Name, Note, RowId
from service.defects.schemas import Row
from service.work_orders import handing, parts, proofs, referrals
from service.work_orders.models import Proof, ProofKind
from service.work_orders.proofs import MAX_QUANTITY
from service.work_orders.referral_models import Agency, Referral, ReferralOutcome
from service.work_orders.schemas import Body, ProofOut, Reason, ReasonIn, WorkOrderOut, work_order_out

router = APIRouter()
ViewerDep = Annotated[Caller, Depends(require(Permission.VIEW_WORK_ORDERS))]
Quantity = Annotated[float, Field(gt=0, le=MAX_QUANTITY, description="in `quantity_unit`")]
Number = Annotated[str, Field(min_length=1, max_length=80, pattern=NO_NUL)]
Contact = Annotated[str, Field(min_length=1, max_length=300, pattern=NO_NUL)]
CLOCK_RULE = (
    "the order's due time stands still from sent_at until the answer, and moves by that time when the work comes back; "
    "answer_due_at is a date of its own"
)


class TransferIn(Body):
    unit_id: RowId
    reason: Reason


class PriorityIn(Body):
    priority: float | None = Field(ge=0, le=100, description="null gives the defect's own back")
    reason: Reason


class SplitIn(Body):
    key: Key = Field(description="what the part is called; sent again it gives the same part")
    quantity: Quantity
    unit_id: RowId | None = Field(None, description="left out: the unit of the order")


class MergeIn(Body):
    order_ids: list[RowId] = Field(min_length=1, max_length=parts.MAX_MERGED)


class AgencyIn(Body):
    municipality_id: RowId
    key: Key
    name_en: Name
    name_ar: Name
    contact: Contact = Field(description="an office, a telephone, an e-mail address")
    active: bool = True


class AgencyOut(Row):
    """Someone outside of the municipality who mends what is theirs."""

    id: int
    municipality_id: int
    key: str
    name_en: str
    name_ar: str
    contact: str
    active: bool


class ReferralIn(Body):
    agency_id: RowId
    number: Number = Field(description="of the letter or of the agency's own system; a new one for each referral")
    answer_due_at: Moment
    note: Note | None = None


class AnswerIn(Body):
    outcome: ReferralOutcome = Field(description="done, declined or returned")
    answer: Note | None = None
    quantity: Quantity | None = Field(
        None, description="measured, where the agency tells it or a proof rule demands it"
    )


class ReferralOut(BaseModel):
    """Work that another agency was asked to do."""

    id: int
    work_order_id: int
    municipality_id: int
    agency: AgencyOut
    number: str
    note: str | None
    sent_at: datetime
    answer_due_at: datetime
    overdue: bool = Field(description="no answer in time")
    answered_at: datetime | None
    outcome: ReferralOutcome | None
    answer: str | None
    clock_rule: str = CLOCK_RULE


@router.post("/work-orders/{order_id}/refuse")
def refuse(order_id: RowId, body: ReasonIn, caller: CallerDep, session: SessionDep, now: NowDep) -> WorkOrderOut:
    """The unit gives an order back to dispatch, with the reason."""
    return work_order_out(handing.refuse(session, caller, order_id, body.reason, now), now)


@router.post("/work-orders/{order_id}/transfer")
def transfer(order_id: RowId, body: TransferIn, caller: CallerDep, session: SessionDep, now: NowDep) -> WorkOrderOut:
    """Another unit takes an order over."""
    return work_order_out(handing.transfer(session, caller, order_id, body.unit_id, body.reason, now), now)


@router.put("/work-orders/{order_id}/priority")
def set_priority(
    order_id: RowId, body: PriorityIn, caller: CallerDep, session: SessionDep, now: NowDep
) -> WorkOrderOut:
    """A person's priority in place of the defect's."""
    return work_order_out(handing.set_priority(session, caller, order_id, body.priority, body.reason, now), now)


@router.post("/work-orders/{order_id}/split")
def split(order_id: RowId, body: SplitIn, caller: CallerDep, session: SessionDep, now: NowDep) -> WorkOrderOut:
    """Splits a part off an order and returns it; the defect is repaired when all parts are."""
    part = parts.split(
        session, caller, order_id, key=body.key, quantity=body.quantity, unit_id=body.unit_id, now=now
    )  # fmt: skip
    return work_order_out(part, now)


@router.post("/work-orders/{order_id}/merge")
def merge(order_id: RowId, body: MergeIn, caller: CallerDep, session: SessionDep, now: NowDep) -> WorkOrderOut:
    """Takes other orders of the class into this one, or its parts back; it has their quantity and the earliest due
    time."""
    return work_order_out(parts.merge(session, caller, order_id, body.order_ids, now), now)


@router.post("/work-orders/{order_id}/photos", responses=problems(413, 415))
def add_photo(
    order_id: RowId, caller: CallerDep, session: SessionDep, runtime: RuntimeDep, now: NowDep,
    photo: Annotated[UploadFile, File(description="JPEG, PNG or WebP")],
    kind: Annotated[ProofKind, Form()],
    note: Annotated[str | None, Form(max_length=1000, pattern=NO_NUL)] = None,
) -> ProofOut:  # fmt: skip
    """Keeps a photo of the place before or after the repair; the same photo again changes nothing."""
    data = photo.file.read(runtime.settings.max_image_bytes + 1)
    proof = proofs.add_photo(session, runtime, caller, order_id, photo=data, kind=kind, note=note or None, now=now)
    session.refresh(proof)
    return proof_out(proof)


@router.get("/agencies", tags=["referrals"])
def list_agencies(
    caller: ViewerDep, session: SessionDep, municipality_id: RowId | None = None, after: AfterQuery = None,
    limit: LimitQuery = 100,
) -> Page[AgencyOut]:  # fmt: skip
    """Agencies to which the caller's municipalities refer work."""
    statement = referrals.visible_agencies(caller)
    if municipality_id is not None:
        statement = statement.where(Agency.municipality_id == municipality_id)
    rows, following = paginate(session, statement, Agency.id, after, limit)
    return Page(items=[AgencyOut.model_validate(row) for row in rows], next=following)


@router.put("/agencies", tags=["referrals"])
def put_agency(body: AgencyIn, caller: CallerDep, session: SessionDep, now: NowDep) -> AgencyOut:
    """Adds the agency of that key or changes it."""
    values = body.model_dump(exclude={"municipality_id", "key"})
    return AgencyOut.model_validate(referrals.put_agency(session, caller, body.municipality_id, body.key, values, now))


@router.get("/referrals", tags=["referrals"])
def list_referrals(
    caller: ViewerDep, session: SessionDep, now: NowDep, waiting: bool | None = None, overdue: bool | None = None,
    agency_id: RowId | None = None, municipality_id: RowId | None = None, after: AfterQuery = None,
    limit: LimitQuery = 100,
) -> Page[ReferralOut]:  # fmt: skip
    """Work that was referred, to follow its answers."""
    rows, following = referrals.list_referrals(
        session, caller, now, waiting=waiting, overdue=overdue, agency_id=agency_id,
        municipality_id=municipality_id, after=after, limit=limit,
    )  # fmt: skip
    return Page(items=[referral_out(row, now) for row in rows], next=following)


@router.post("/work-orders/{order_id}/referrals", status_code=201, tags=["referrals"])
def refer(order_id: RowId, body: ReferralIn, caller: CallerDep, session: SessionDep, now: NowDep) -> ReferralOut:
    """Refers an order to another agency; its clock stands still until the answer."""
    referral = referrals.refer(session, caller, order_id, **body.model_dump(), now=now)
    return referral_out(referral, now)


@router.post("/work-orders/{order_id}/referrals/{referral_id}/answer", tags=["referrals"])
def answer(
    order_id: RowId, referral_id: RowId, body: AnswerIn, caller: CallerDep, session: SessionDep, now: NowDep
) -> ReferralOut:
    """Records the agency's answer: done waits for an inspection; declined or returned is open again."""
    referral = referrals.answer(
        session, caller, order_id, referral_id, body.outcome, text=body.answer, quantity=body.quantity, now=now
    )
    return referral_out(referral, now)


def referral_out(referral: Referral, now: datetime) -> ReferralOut:
    return ReferralOut(
        id=referral.id,
        work_order_id=referral.work_order_id,
        municipality_id=referral.municipality_id,
        agency=AgencyOut.model_validate(referral.agency),
        number=referral.number,
        note=referral.note,
        sent_at=referral.sent_at,
        answer_due_at=referral.answer_due_at,
        overdue=referral.outcome is None and referral.answer_due_at < now,
        answered_at=referral.answered_at,
        outcome=referral.outcome,
        answer=referral.answer,
    )


def proof_out(proof: Proof) -> ProofOut:
    return ProofOut(
        id=proof.id,
        user_id=proof.user_id,
        kind=proof.kind,
        quantity=proof.quantity,
        note=proof.note,
        created_at=proof.created_at,
        image_url=f"/api/v1/work-orders/{proof.work_order_id}/proofs/{proof.id}/image",
    )
