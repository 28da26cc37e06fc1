"""Service levels as data: who may set them, and which one an order gets."""

from datetime import datetime

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from service.accounts.caller import Caller
from service.accounts.models import User
from service.accounts.permissions import Permission, Role
from service.core.errors import Forbidden, NotFound, Unprocessable
from service.core.events import record
from service.core.tables import JsonObject
from service.defects.access import permit
from service.work_orders.models import SlaPolicy
from service.work_orders.service_levels_calendars import check_place, was_deleted
from service.work_orders.sla import Asked, Choice, Policy, ServiceLevel, choose_policy, parse_level, told_level


def choose_for(session: Session, asked: Asked) -> Choice:
    """The policy that holds for such an order now, and why."""
    return choose_policy(policies_near(session, asked.municipality_id, asked.class_key), asked)


def policies_near(session: Session, municipality_id: int, class_key: str) -> list[Policy]:
    """All that may hold for orders of a class in a municipality."""
    near = select(SlaPolicy).where(
        shared_or_of(municipality_id), or_(SlaPolicy.class_key.is_(None), SlaPolicy.class_key == class_key)
    )
    return [policy_of(row) for row in session.scalars(near.order_by(SlaPolicy.id))]


def policy_of(row: SlaPolicy) -> Policy:
    scope = (row.municipality_id, row.class_key, row.size_class, row.min_priority)
    return Policy(row.id, *scope, level_of(row))


def level_of(row: SlaPolicy) -> ServiceLevel:
    return parse_level(
        {
            "clock": row.clock, "hours_to_start": row.hours_to_start, "hours_to_close": row.hours_to_close,
            "warn_share": row.warn_share, "escalations": row.escalations, "on_transfer": row.on_transfer,
        }
    )  # fmt: skip


def visible_policies(caller: Caller) -> Select[SlaPolicy]:
    """Those of the caller's municipalities, and those that all share."""
    statement = select(SlaPolicy)
    return statement if caller.municipality_ids is None else statement.where(_own_or_shared(caller))


def get_policy(session: Session, caller: Caller, policy_id: int) -> SlaPolicy:
    permit(caller, {Permission.VIEW_WORK_ORDERS})
    found = session.scalar(visible_policies(caller).where(SlaPolicy.id == policy_id))
    if found is None:
        raise NotFound("sla.unknown", f"expected a policy of your municipalities, got id {policy_id}")
    return found


def set_policy(session: Session, caller: Caller, told: Policy, now: datetime) -> SlaPolicy:
    """The policy of that scope, new or changed; orders that are open keep what they were promised.

    Raises Forbidden for a shared policy by anyone who does not see all municipalities, Unprocessable for an
    escalation to someone who does not belong to the municipality.
    """
    _check_scope(session, caller, told.municipality_id)
    _check_people(session, told)
    scope = {
        "municipality_id": told.municipality_id, "class_key": told.class_key, "size_class": told.size_class,
        "min_priority": told.min_priority,
    }  # fmt: skip
    values = told_level(told.level)
    made = session.scalar(insert(SlaPolicy).values(scope | values).on_conflict_do_nothing().returning(SlaPolicy.id))
    same = [getattr(SlaPolicy, name).is_not_distinct_from(value) for name, value in scope.items()]
    row = session.scalars(select(SlaPolicy).where(*same).with_for_update()).one()
    before = level_of(row)
    if made is not None or before != told.level:
        for name, value in values.items():
            setattr(row, name, value)
        changed: JsonObject = scope | {"before": None if made else told_level(before), "level": values}
        _record(session, caller, row, "set", now, changed)
    return row


def delete_policy(session: Session, caller: Caller, policy_id: int, now: datetime) -> None:
    """New orders get the next most specific one; safe to send twice. Raises NotFound for one never seen."""
    permit(caller, {Permission.MANAGE_WORK_ORDERS})
    row = session.scalar(visible_policies(caller).where(SlaPolicy.id == policy_id).with_for_update())
    if row is None:
        if was_deleted(session, caller, "sla_policy", policy_id):
            return
        raise NotFound("sla.unknown", f"expected a policy of your municipalities, got id {policy_id}")
    _check_scope(session, caller, row.municipality_id)
    _record(session, caller, row, "delete", now, {"level": told_level(level_of(row))})
    session.delete(row)


def shared_or_of(municipality_id: int) -> ColumnElement[bool]:
    return or_(SlaPolicy.municipality_id == municipality_id, SlaPolicy.municipality_id.is_(None))


def _own_or_shared(caller: Caller) -> ColumnElement[bool]:
    return or_(SlaPolicy.municipality_id.in_(caller.municipality_ids or ()), SlaPolicy.municipality_id.is_(None))


def _check_scope(session: Session, caller: Caller, municipality_id: int | None) -> None:
    permit(caller, {Permission.MANAGE_WORK_ORDERS})
    if municipality_id is not None:
        check_place(session, caller, municipality_id, Permission.MANAGE_WORK_ORDERS)
    elif caller.municipality_ids is not None:
        raise Forbidden("sla.shared", "expected an administrator for a policy that all share; name a municipality")


def _check_people(session: Session, told: Policy) -> None:
    for user_id in {one.to_user_id for one in told.level.escalations if one.to_user_id is not None}:
        user = session.get(User, user_id)
        at_home = user is not None and told.municipality_id in {place.id for place in user.municipalities}
        if user is None or not user.active or not (at_home or user.role is Role.ADMIN):
            raise Unprocessable("sla.user", f"expected an active user of that municipality, got id {user_id}")


def _record(session: Session, caller: Caller, row: SlaPolicy, action: str, now: datetime, data: JsonObject) -> None:
    record(
        session, at=now, actor=caller.actor, subject_kind="sla_policy", subject_id=row.id, action=action,
        municipality_id=row.municipality_id, data=data,
    )  # fmt: skip
