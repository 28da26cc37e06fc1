"""The routing rules of a municipality as data: listed, added, changed and taken away."""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from service.accounts.caller import Caller, visible
from service.accounts.districts import others_than_in_use
from service.accounts.permissions import Permission
from service.core.errors import Conflict, NotFound, Unprocessable
from service.core.events import record
from service.core.tables import JsonObject
from service.defects.access import permit
from service.work_orders.models import RoutingRule, Unit
from service.work_orders.operations import check_municipality
from service.work_orders.routing import RANK_OF_CLASS_RULES, class_rule_key


@dataclass(frozen=True)
class RuleContent:
    """All of a rule but its key; an empty condition fits everything."""

    rank: int
    unit_id: int
    active: bool = True
    class_keys: tuple[str, ...] = ()
    size_classes: tuple[str, ...] = ()
    district_ids: tuple[int, ...] = ()
    road_classes: tuple[str, ...] = ()
    incident_kinds: tuple[str, ...] = ()
    weekdays: tuple[int, ...] = ()
    from_hour: int | None = None
    until_hour: int | None = None

    def columns(self) -> JsonObject:
        return {name: sorted(set(told)) if isinstance(told, tuple) else told for name, told in asdict(self).items()}


def visible_rules(caller: Caller) -> Select[RoutingRule]:
    return visible(select(RoutingRule), RoutingRule.municipality_id, caller)


def rules_naming(session: Session, district_id: int) -> list[RoutingRule]:
    """Those in force that ask about the district, in the order in which they are asked."""
    own = select(RoutingRule).where(RoutingRule.active, RoutingRule.district_ids.contains([district_id]))
    return list(session.scalars(own.order_by(RoutingRule.rank, RoutingRule.id)))


def create_rule(
    session: Session, caller: Caller, municipality_id: int, key: str, content: RuleContent, now: datetime
) -> RoutingRule:
    """The rule of that key; the same request again returns it, another content is a Conflict."""
    check_municipality(session, caller, municipality_id)
    _check(session, municipality_id, content)
    place = {"municipality_id": municipality_id, "key": key}
    values = place | content.columns()
    made = session.scalar(insert(RoutingRule).values(values).on_conflict_do_nothing().returning(RoutingRule.id))
    rule = session.scalars(select(RoutingRule).filter_by(**place)).one()
    if made is not None:
        _record(session, caller, rule, "create", now)
    elif _content(rule) != content.columns():
        raise Conflict("routing.exists", f"expected a new key, {key!r} is the rule {rule.id}; change that with PUT")
    return rule


def change_rule(session: Session, caller: Caller, rule_id: int, content: RuleContent, now: datetime) -> RoutingRule:
    """Holds for orders that are opened or routed from now on; those that are open stay where they are."""
    rule = _lock(session, caller, rule_id)
    _check(session, rule.municipality_id, content)
    if _content(rule) != content.columns():
        for name, value in content.columns().items():
            setattr(rule, name, value)
        _record(session, caller, rule, "change", now)
    return rule


def delete_rule(session: Session, caller: Caller, rule_id: int, now: datetime) -> None:
    rule = _lock(session, caller, rule_id)
    _record(session, caller, rule, "delete", now)
    session.delete(rule)
    session.flush()


def set_class_rule(
    session: Session, caller: Caller, municipality_id: int, class_key: str, unit_id: int, now: datetime
) -> RoutingRule:
    """The plain rule of a class, which stands behind rules with more conditions: from now on to this unit."""
    content = RuleContent(RANK_OF_CLASS_RULES, unit_id, class_keys=(class_key,))
    check_municipality(session, caller, municipality_id)
    own = {"municipality_id": municipality_id, "key": class_rule_key(class_key)}
    known = session.scalar(select(RoutingRule.id).filter_by(**own))
    if known is None:
        return create_rule(session, caller, municipality_id, own["key"], content, now)  # type: ignore[arg-type]
    return change_rule(session, caller, known, content, now)


def _lock(session: Session, caller: Caller, rule_id: int) -> RoutingRule:
    permit(caller, {Permission.MANAGE_WORK_ORDERS})
    rule = session.scalar(visible_rules(caller).where(RoutingRule.id == rule_id).with_for_update())
    if rule is None:
        raise NotFound("routing.unknown", f"expected a routing rule of your municipalities, got id {rule_id}")
    return rule


def _check(session: Session, municipality_id: int, content: RuleContent) -> None:
    unit = session.get(Unit, content.unit_id)
    if unit is None or unit.municipality_id != municipality_id:
        raise Unprocessable(
            "routing.unit", f"expected a unit of municipality {municipality_id}, got id {content.unit_id}"
        )
    others = others_than_in_use(session, municipality_id, content.district_ids)
    if others:
        raise Unprocessable(
            "routing.district", f"expected districts in use of municipality {municipality_id}, got ids {others}"
        )
    hours = (content.from_hour, content.until_hour)
    if (None in hours) != (hours == (None, None)) or (hours != (None, None) and hours[0] == hours[1]):
        raise Unprocessable("routing.hours", f"expected two different hours or neither, got {hours[0]} to {hours[1]}")


def _content(rule: RoutingRule) -> JsonObject:
    return {name: getattr(rule, name) for name in RuleContent.__dataclass_fields__}


def _record(session: Session, caller: Caller, rule: RoutingRule, action: str, now: datetime) -> None:
    record(
        session, at=now, actor=caller.actor, subject_kind="routing_rule", subject_id=rule.id, action=action,
        municipality_id=rule.municipality_id, data={"key": rule.key, **_content(rule)},
    )  # fmt: skip
