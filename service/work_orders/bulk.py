"""One action on many orders, with what became of each, and the way back as long as nobody has gone on from there."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, selectinload

from service.accounts.caller import Caller
from service.accounts.permissions import Permission
from service.core.errors import Conflict, NotFound, RasidError, Unprocessable
from service.core.events import Event
from service.core.tables import JsonObject
from service.defects.access import lock_defects, permit
from service.defects.models import Defect
from service.defects.states import DefectState
from service.work_orders import dispatch, handing, service
from service.work_orders.access import visible_orders
from service.work_orders.bulk_models import BulkAction, BulkItem, BulkKind
from service.work_orders.families import has_family
from service.work_orders.listing import OrderFilter, filtered
from service.work_orders.models import WorkOrder
from service.work_orders.moves import UNDO, record_order
from service.work_orders.referral_models import Referral, ReferralOutcome
from service.work_orders.snapshots import changes, columns_of, plain, restore
from service.work_orders.states import WorkOrderAction, WorkOrderState

MAX_ORDERS = 1_000
UNDO_WITHIN = timedelta(minutes=30)  # long enough to see the mistake, too short for crews to be far on with it

MOVING = (*WorkOrderAction, "absorb", "prioritise", "route", UNDO)


@dataclass(frozen=True)
class BulkRequest:
    """Orders by their ids or by a filter, and what the action needs."""

    kind: BulkKind
    order_ids: tuple[int, ...] | None = None
    wanted: OrderFilter | None = None
    unit_id: int | None = None
    reason: str = ""
    priority: float | None = None


def act_on_many(session: Session, caller: Caller, key: str, request: BulkRequest, now: datetime) -> BulkAction:
    """Does it to each order that allows it; one that refuses says why and holds up no other. The same key again gives
    the same answer and changes nothing.

    Raises Forbidden, and Unprocessable for too many orders or a request that lacks what the action needs.
    """
    permit(caller, {Permission.MANAGE_WORK_ORDERS})
    bulk, is_new = _begin(session, caller, key, request, now)
    if not is_new:
        return bulk
    ids = _ids(session, caller, request, now)
    _lock(session, ids)
    seen = visible_orders(caller).where(WorkOrder.id.in_(ids)).order_by(WorkOrder.id)
    for order in session.scalars(seen, execution_options={"populate_existing": True}).all():
        bulk.items.append(_act(session, caller, bulk, request, order, now))
    session.flush()
    return bulk


def undo(session: Session, caller: Caller, bulk_id: int, now: datetime) -> BulkAction:
    """Returns each order to where it was, unless it has moved since; each that cannot has its reason. Once; the same
    request again gives the same answer. Raises Conflict when it is too late."""
    permit(caller, {Permission.MANAGE_WORK_ORDERS})
    bulk = get_bulk(session, caller, bulk_id, lock=True)
    if bulk.undone_at is not None:
        return bulk
    if now > bulk.undo_until:
        raise Conflict(
            "bulk.too_late", f"expected to be asked by {bulk.undo_until.isoformat()}; move the orders instead"
        )
    done = [item for item in bulk.items if item.code is None]
    _lock(session, [item.order_id for item in done])
    for item in done:
        try:
            with session.begin_nested():
                _return(session, caller, bulk, item, now)
            item.undone, item.undo_code, item.undo_detail = True, None, None
        except RasidError as error:
            item.undone, item.undo_code, item.undo_detail = False, error.code, error.detail[:1000]
    bulk.undone_at = now
    session.flush()
    return bulk


def get_bulk(session: Session, caller: Caller, bulk_id: int, *, lock: bool = False) -> BulkAction:
    """The caller's own; an admin's may be anyone's."""
    statement = select(BulkAction).where(BulkAction.id == bulk_id).options(selectinload(BulkAction.items))
    if caller.municipality_ids is not None:
        statement = statement.where(BulkAction.user_id == caller.actor.id)
    found = session.scalar(statement.with_for_update() if lock else statement)
    if found is None:
        raise NotFound("bulk.unknown", f"expected an action on many orders of your own, got id {bulk_id}")
    return found


def unknown_ids(bulk: BulkAction) -> list[int]:
    """Ids that were asked for and that the caller did not see."""
    known = {item.order_id for item in bulk.items}
    return [order_id for order_id in bulk.request["order_ids"] or () if order_id not in known]


def _begin(session: Session, caller: Caller, key: str, request: BulkRequest, now: datetime) -> tuple[BulkAction, bool]:
    _check(request)
    told = _plain_request(request)
    values = {"user_id": caller.actor.id, "key": key, "kind": request.kind, "request": told, "at": now,
              "undo_until": now + UNDO_WITHIN}  # fmt: skip
    made = session.scalar(insert(BulkAction).values(values).on_conflict_do_nothing().returning(BulkAction.id))
    own = select(BulkAction).where(BulkAction.user_id == caller.actor.id, BulkAction.key == key)
    bulk = session.scalars(own.options(selectinload(BulkAction.items))).one()
    if made is None and bulk.request != told:
        raise Conflict("bulk.key", f"expected a new key, {key!r} is action {bulk.id} with another content")
    return bulk, made is not None


def _check(request: BulkRequest) -> None:
    if (request.order_ids is None) == (request.wanted is None):
        raise Unprocessable("bulk.orders", "expected either the ids of orders or a filter, got both or neither")
    if request.wanted is not None and request.wanted == OrderFilter():
        raise Unprocessable("bulk.filter", "expected a filter that asks for something, got an empty one")
    if request.kind is BulkKind.TRANSFER and request.unit_id is None:
        raise Unprocessable("bulk.unit_id", "expected the unit to transfer to, got none")
    needs_reason = request.kind in (BulkKind.TRANSFER, BulkKind.HOLD, BulkKind.CANCEL, BulkKind.PRIORITY)
    if needs_reason and not request.reason:
        raise Unprocessable("bulk.reason", f"expected a reason to {request.kind.value}, got none")


def _ids(session: Session, caller: Caller, request: BulkRequest, now: datetime) -> list[int]:
    if request.order_ids is not None:
        ids = sorted(set(request.order_ids))
    else:
        assert request.wanted is not None  # _check
        found = filtered(caller, request.wanted, now).with_only_columns(WorkOrder.id).order_by(WorkOrder.id)
        ids = list(session.scalars(found.limit(MAX_ORDERS + 1)))
    if not 1 <= len(ids) <= MAX_ORDERS:
        got = "none" if not ids else f"more than {MAX_ORDERS}"
        raise Unprocessable("bulk.orders", f"expected 1 to {MAX_ORDERS} orders, got {got}; choose fewer or filter more")
    return ids


def _lock(session: Session, ids: Collection[int]) -> None:
    """All defects at once and in their order, so that two such actions never wait for each other in a circle."""
    own = select(WorkOrder.defect_id).where(or_(WorkOrder.id.in_(ids), WorkOrder.merged_into_id.in_(ids)))
    lock_defects(session, Defect.id.in_(own))


def _act(
    session: Session, caller: Caller, bulk: BulkAction, request: BulkRequest, order: WorkOrder, now: datetime
) -> BulkItem:
    before, family = columns_of(session, order), has_family(session, order)
    item = BulkItem(bulk_id=bulk.id, order_id=order.id, before={})
    try:
        with session.begin_nested():
            ACTIONS[request.kind](session, caller, order.id, request, now)
    except RasidError as error:
        item.code, item.detail = error.code, error.detail[:1000]
        return item
    item.before = changes(before, columns_of(session, order))
    item.event_id = _last_event_id(session, order.id)
    if request.kind is BulkKind.CANCEL and family:
        item.undo_code, item.undo_detail = "bulk.family", "expected an order alone; it was cancelled with others"
    return item


def _return(session: Session, caller: Caller, bulk: BulkAction, item: BulkItem, now: datetime) -> None:
    if not item.before:
        return  # it was there already
    own = visible_orders(caller).where(WorkOrder.id == item.order_id).with_for_update()
    order = session.scalar(own, execution_options={"populate_existing": True})
    if order is None:
        raise NotFound("work_order.unknown", f"expected a work order that you may see, got id {item.order_id}")
    if item.undo_code is not None:
        raise Conflict(item.undo_code, item.undo_detail or item.undo_code)
    if _last_event_id(session, order.id) != item.event_id:
        raise Conflict("bulk.moved", f"expected order {order.id} as the action left it, it has moved since")
    if bulk.kind is BulkKind.CANCEL:
        _check_uncancel(session, order)
        _give_back_referral(session, order, bulk.at)
    state = order.state
    restore(session, order, item.before)
    told: JsonObject = {"bulk_id": bulk.id, "action": bulk.kind.value, "before": item.before}
    record_order(session, order, UNDO, caller.actor, now, from_state=state, data=told)
    session.flush()


def _check_uncancel(session: Session, order: WorkOrder) -> None:
    """A defect has one order, and only a confirmed one has any."""
    defect = session.get_one(Defect, order.defect_id)
    if defect.state is not DefectState.CONFIRMED:
        raise Conflict("bulk.defect", f"expected a confirmed defect, {defect.id} is {defect.state.value} now")
    other = (WorkOrder.defect_id == order.defect_id, WorkOrder.state != WorkOrderState.CANCELLED)
    if session.scalar(select(WorkOrder.id).where(*other).limit(1)) is not None:
        raise Conflict("bulk.replaced", f"expected a defect without an order, {defect.id} has a new one")


def _give_back_referral(session: Session, order: WorkOrder, at: datetime) -> None:
    withdrawn = (Referral.work_order_id == order.id, Referral.outcome == ReferralOutcome.WITHDRAWN,
                 Referral.answered_at == at)  # fmt: skip
    session.execute(update(Referral).where(*withdrawn).values(outcome=None, answered_at=None))


def _assign(session: Session, caller: Caller, order_id: int, request: BulkRequest, now: datetime) -> None:
    service.assign(session, caller, order_id, request.unit_id, now)


def _transfer(session: Session, caller: Caller, order_id: int, request: BulkRequest, now: datetime) -> None:
    assert request.unit_id is not None  # _check
    handing.transfer(session, caller, order_id, request.unit_id, request.reason, now)


def _route(session: Session, caller: Caller, order_id: int, request: BulkRequest, now: datetime) -> None:
    dispatch.reroute(session, caller, order_id, now)


def _hold(session: Session, caller: Caller, order_id: int, request: BulkRequest, now: datetime) -> None:
    service.hold(session, caller, order_id, request.reason, now)


def _resume(session: Session, caller: Caller, order_id: int, request: BulkRequest, now: datetime) -> None:
    service.resume(session, caller, order_id, now)


def _cancel(session: Session, caller: Caller, order_id: int, request: BulkRequest, now: datetime) -> None:
    service.cancel(session, caller, order_id, request.reason, now)


def _priority(session: Session, caller: Caller, order_id: int, request: BulkRequest, now: datetime) -> None:
    handing.set_priority(session, caller, order_id, request.priority, request.reason, now)


ACTIONS: Mapping[BulkKind, Callable[[Session, Caller, int, BulkRequest, datetime], None]] = {
    BulkKind.ASSIGN: _assign,
    BulkKind.TRANSFER: _transfer,
    BulkKind.ROUTE: _route,
    BulkKind.HOLD: _hold,
    BulkKind.RESUME: _resume,
    BulkKind.CANCEL: _cancel,
    BulkKind.PRIORITY: _priority,
}


def _plain_request(request: BulkRequest) -> JsonObject:
    told = asdict(request)
    if request.wanted is not None:
        told["wanted"] = {name: plain(value) for name, value in asdict(request.wanted).items() if value is not None}
    if request.order_ids is not None:
        told["order_ids"] = sorted(set(request.order_ids))
    return told | {"kind": request.kind.value}


def _last_event_id(session: Session, order_id: int) -> int | None:
    """Of what people do to an order; a warning that its time runs out moves nothing."""
    session.flush()
    own = (Event.subject_kind == "work_order", Event.subject_id == order_id, Event.action.in_(MOVING))
    return session.scalar(select(Event.id).where(*own).order_by(Event.id.desc()).limit(1))
