"""Ends a district: told first what still names it, so that no contract or rule loses its place unnoticed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.caller import Caller
from service.accounts.districts import end_district, visible_districts
from service.accounts.models import District
from service.accounts.permissions import Permission
from service.contracts.models import Contract
from service.contracts.months import day_of
from service.core.errors import Conflict, NotFound
from service.defects.access import permit
from service.work_orders.placing import place_orders
from service.work_orders.routing_rules import rules_naming


@dataclass(frozen=True)
class Uses:
    """What names a district and would do so in vain."""

    routing_rules: Sequence[str]  # keys
    contracts: Sequence[str]  # references

    def __bool__(self) -> bool:
        return bool(self.routing_rules or self.contracts)


@dataclass(frozen=True)
class Ended:
    district: District
    uses: Uses
    orders_moved: int


def end(
    session: Session, caller: Caller, district_id: int, reason: str, now: datetime, *, even_if_used: bool = False
) -> Ended:
    """No work is placed in it any more: orders that are not over go to the district that covers them now, or to none;
    those that are over keep it. Sent again it changes nothing.

    Raises Conflict, with what names it, while rules in force or running contracts do, unless `even_if_used`: they then
    hold for no new work there.
    """
    permit(caller, {Permission.MANAGE_WORK_ORDERS})
    district = session.scalar(visible_districts(caller).where(District.id == district_id).with_for_update())
    if district is None:
        raise NotFound("district.unknown", f"expected a district of your municipalities, got id {district_id}")
    uses = uses_of(session, district, now)
    if district.ended_at is None and uses and not even_if_used:
        raise Conflict("district.used", f"expected a district that nothing names, {district.key} is named by "
                       f"{_listed(uses)}; change those first, or end it even if used",
                       routing_rules=list(uses.routing_rules), contracts=list(uses.contracts))  # fmt: skip
    told = {"reason": reason, "routing_rules": list(uses.routing_rules), "contracts": list(uses.contracts)}
    moved = 0
    if end_district(session, district, caller.actor, now, told):
        moved = place_orders(session, district.municipality_id)
    return Ended(district, uses, moved)


def uses_of(session: Session, district: District, now: datetime) -> Uses:
    """Routing rules in force and contracts that have not ended."""
    running = select(Contract.reference).where(
        Contract.municipality_id == district.municipality_id,
        Contract.last_day >= day_of(now),
        Contract.district_ids.contains([district.id]),
    )
    rules = [rule.key for rule in rules_naming(session, district.id)]
    return Uses(rules, session.scalars(running.order_by(Contract.reference)).all())


def _listed(uses: Uses) -> str:
    named = {"routing rules": uses.routing_rules, "contracts": uses.contracts}
    return " and ".join(f"{kind} {', '.join(keys)}" for kind, keys in named.items() if keys)
