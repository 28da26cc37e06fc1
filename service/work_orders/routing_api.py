"""HTTP for routing: rules as data, and what they would make of an order, with a reason for every rule."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field, StringConstraints

from service.accounts.caller import Caller, CallerDep, require
from service.accounts.permissions import Permission
from service.core.api import AfterQuery, LimitQuery, NowDep, Page, SessionDep, paginate
from service.core.errors import NotFound
from service.core.fields import Key, Moment, RowId
from service.core.hijri import SAUDI_TIME
from service.core.tables import JsonObject
from service.defects.schemas import ClassKey, Row
from service.defects.sizes import SizeClass
from service.work_orders import dispatch, routing_rules
from service.work_orders.models import RoutingRule
from service.work_orders.routing import Outcome
from service.work_orders.routing_rules import RuleContent
from service.work_orders.schemas import Body, WorkOrderOut, work_order_out

router = APIRouter(tags=["routing"])
ViewerDep = Annotated[Caller, Depends(require(Permission.VIEW_WORK_ORDERS))]
RuleKey = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,59}$")]
Hour = Annotated[int, Field(ge=0, le=23)]
IncidentKinds = Annotated[list[Key], Query(description="kinds of incidents that are on there", max_length=20)]


class RuleBody(Body):
    """A condition that is empty fits everything."""

    rank: int = Field(ge=0, le=1_000_000, description="of the rules that fit the lowest decides, of equals the oldest")
    unit_id: RowId
    active: bool = True
    class_keys: list[ClassKey] = Field([], max_length=50)
    size_classes: list[SizeClass] = Field([], max_length=10)
    district_ids: list[RowId] = Field([], max_length=1_000)
    road_classes: list[Key] = Field([], max_length=50, description="as the streets were imported; a ramp is its road")
    incident_kinds: list[Key] = Field([], max_length=50)
    weekdays: list[Annotated[int, Field(ge=1, le=7)]] = Field([], max_length=7, description="ISO: Monday 1, Sunday 7")
    from_hour: Hour | None = Field(None, description=f"local time ({SAUDI_TIME.key})")
    until_hour: Hour | None = Field(None, description="not counted; below from_hour it is on the next day")

    def content(self) -> RuleContent:
        told = self.model_dump(include=set(RuleContent.__dataclass_fields__))
        values: JsonObject = {name: tuple(one) if isinstance(one, list) else one for name, one in told.items()}
        return RuleContent(**values)


class RoutingRuleIn(RuleBody):
    municipality_id: RowId
    key: RuleKey


class ClassRuleIn(Body):
    municipality_id: RowId
    class_key: ClassKey
    unit_id: RowId


class RoutingRuleOut(Row):
    """Which unit takes which work."""

    id: int
    municipality_id: int
    key: str
    rank: int
    unit_id: int
    active: bool
    class_keys: list[str]
    size_classes: list[str]
    district_ids: list[int]
    road_classes: list[str]
    incident_kinds: list[str]
    weekdays: list[int]
    from_hour: int | None
    until_hour: int | None


class FactsOut(Row):
    class_key: str
    size_class: SizeClass
    district_id: int | None
    road_class: str | None
    incident_kinds: list[str]
    at: datetime


class ConsideredOut(Row):
    rule_id: int
    key: str
    rank: int
    unit_id: int
    outcome: Outcome
    because: str


class ExplanationOut(BaseModel):
    """Which rule decides and why each other one does not, in the order in which they are asked."""

    unit_id: int | None = Field(description="null: no rule fits, a person assigns")
    rule_id: int | None
    facts: FactsOut
    rules: list[ConsideredOut]


@router.get("/routing-rules")
def list_routing_rules(
    caller: ViewerDep, session: SessionDep, municipality_id: RowId | None = None, after: AfterQuery = None,
    limit: LimitQuery = 100,
) -> Page[RoutingRuleOut]:  # fmt: skip
    """Which unit takes which work; by id, `rank` says which is asked first."""
    statement = routing_rules.visible_rules(caller)
    if municipality_id is not None:
        statement = statement.where(RoutingRule.municipality_id == municipality_id)
    rows, following = paginate(session, statement, RoutingRule.id, after, limit)
    return Page(items=[RoutingRuleOut.model_validate(row) for row in rows], next=following)


@router.post("/routing-rules", status_code=201)
def create_routing_rule(body: RoutingRuleIn, caller: CallerDep, session: SessionDep, now: NowDep) -> RoutingRuleOut:
    """Adds a rule; the same request again returns the rule that is there."""
    rule = routing_rules.create_rule(session, caller, body.municipality_id, body.key, body.content(), now)
    return RoutingRuleOut.model_validate(rule)


@router.put("/routing-rules")
def set_class_rule(body: ClassRuleIn, caller: CallerDep, session: SessionDep, now: NowDep) -> RoutingRuleOut:
    """Sends new orders of a class to a unit, where no rule of a lower rank fits; open ones stay where they are."""
    rule = routing_rules.set_class_rule(session, caller, **body.model_dump(), now=now)
    return RoutingRuleOut.model_validate(rule)


@router.put("/routing-rules/{rule_id}")
def change_routing_rule(
    rule_id: RowId, body: RuleBody, caller: CallerDep, session: SessionDep, now: NowDep
) -> RoutingRuleOut:
    """Changes a rule for orders that are opened or routed from now on."""
    return RoutingRuleOut.model_validate(routing_rules.change_rule(session, caller, rule_id, body.content(), now))


@router.delete("/routing-rules/{rule_id}", status_code=204)
def delete_routing_rule(rule_id: RowId, caller: CallerDep, session: SessionDep, now: NowDep) -> Response:
    """Takes a rule away; orders that it routed stay where they are."""
    routing_rules.delete_rule(session, caller, rule_id, now)
    return Response(status_code=204)


@router.get("/routing/explain")
def explain_routing(
    caller: ViewerDep, session: SessionDep, now: NowDep, municipality_id: RowId, class_key: ClassKey,
    lat: Annotated[float, Query(ge=-90, le=90)], lon: Annotated[float, Query(ge=-180, le=180)],
    size: Annotated[float | None, Query(ge=0, le=1e6, description="in the class's unit of work")] = None,
    at: Annotated[Moment | None, Query(description="with its offset; else now")] = None,
    incident_kind: IncidentKinds = [],  # noqa: B006 - read only
) -> ExplanationOut:  # fmt: skip
    """Says what routing would make of work at a place and time; changes nothing."""
    if not caller.sees(municipality_id):
        raise NotFound("municipality.unknown", f"expected a municipality of yours, got id {municipality_id}")
    place = dispatch.Place(municipality_id, lat, lon)
    kinds = frozenset(incident_kind)
    return _explanation(dispatch.explain_place(session, place, class_key, size, at or now, kinds))


@router.get("/work-orders/{order_id}/routing")
def explain_order(
    order_id: RowId, caller: ViewerDep, session: SessionDep, now: NowDep,
    at: Annotated[Moment | None, Query(description="with its offset; else now")] = None,
    incident_kind: IncidentKinds = [],  # noqa: B006 - read only
) -> ExplanationOut:  # fmt: skip
    """Says what routing would make of this order now; changes nothing."""
    kinds = frozenset(incident_kind)
    return _explanation(dispatch.explain_order(session, caller, order_id, at or now, kinds))


@router.post("/work-orders/{order_id}/route", tags=["work orders"])
def route_order(order_id: RowId, caller: CallerDep, session: SessionDep, now: NowDep) -> WorkOrderOut:
    """Asks the rules anew about an open order; the same answer changes nothing."""
    return work_order_out(dispatch.reroute(session, caller, order_id, now), now)


def _explanation(told: dispatch.Explained) -> ExplanationOut:
    facts = FactsOut(
        class_key=told.facts.class_key, size_class=told.facts.size_class, district_id=told.facts.district_id,
        road_class=told.facts.road_class, incident_kinds=sorted(told.facts.incident_kinds), at=told.facts.at,
    )  # fmt: skip
    rules = [ConsideredOut.model_validate(one) for one in told.decision.considered]
    return ExplanationOut(unit_id=told.decision.unit_id, rule_id=told.decision.rule_id, facts=facts, rules=rules)
