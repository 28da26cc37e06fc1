"""HTTP for proof rules: what is demanded of repairs of which class, and what a rule would decide."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from service.accounts.caller import Caller, CallerDep, require
from service.accounts.permissions import Permission
from service.core.api import AfterQuery, LimitQuery, NowDep, Page, SessionDep, paginate
from service.core.fields import RowId
from service.defects.schemas import ClassKey, Row
from service.work_orders import proof_rules
from service.work_orders.demands import Choice, Demand
from service.work_orders.models import ProofRule, WorkOrder
from service.work_orders.schemas import Body
from service.work_orders.service_levels_calendars import check_place

router = APIRouter(tags=["proof rules"])
ViewerDep = Annotated[Caller, Depends(require(Permission.VIEW_WORK_ORDERS))]
Demands = Annotated[
    list[Demand],
    Field(max_length=10, description="photo_before: the unit's, or a frame that shows the defect; photo_after: of this "
          "repair; quantity: measured. Empty: nothing is refused, what is missing is a doubt"),
]  # fmt: skip


class ProofRuleIn(Body):
    """The same scope again changes its rule."""

    municipality_id: RowId | None = Field(description="null: shared by all, set by administrators alone")
    class_key: ClassKey | None = Field(None, description="null: every class")
    demands: Demands


class ProofRuleOut(Row):
    """What must be shown of a repair before it counts as done; what is null holds for all of them."""

    id: int
    municipality_id: int | None
    class_key: str | None
    demands: list[Demand]


class ConsideredRuleOut(BaseModel):
    rule_id: int | None = Field(description="null: the built-in rule")
    demands: list[Demand]
    why: str


class ProofExplanation(BaseModel):
    """What is demanded of such an order, and why; the rule that decides first."""

    rule_id: int | None = Field(description="null: the built-in rule, which demands nothing")
    demands: list[Demand]
    considered: list[ConsideredRuleOut]


class ProofState(BaseModel):
    """What the rule of now demands of an order, and what is there of its present repair."""

    rule_id: int | None = Field(description="null: the built-in rule, which demands nothing")
    demanded: list[Demand]
    given: list[Demand] = Field(description="a report by the unit brings photo_after and quantity itself")


@router.get("/proof-rules")
def list_proof_rules(
    caller: ViewerDep, session: SessionDep, municipality_id: RowId | None = None, after: AfterQuery = None,
    limit: LimitQuery = 100,
) -> Page[ProofRuleOut]:  # fmt: skip
    """Rules of the caller's municipalities and those that all share; of one municipality with `municipality_id`."""
    statement = proof_rules.visible_rules(caller)
    if municipality_id is not None:
        statement = statement.where(proof_rules.shared_or_of(municipality_id))
    rows, following = paginate(session, statement, ProofRule.id, after, limit)
    return Page(items=[ProofRuleOut.model_validate(row) for row in rows], next=following)


@router.put("/proof-rules")
def set_proof_rule(body: ProofRuleIn, caller: CallerDep, session: SessionDep, now: NowDep) -> ProofRuleOut:
    """Sets what is demanded of repairs reported from now on; without it they are refused as `proof.missing`."""
    rule = proof_rules.set_rule(session, caller, body.municipality_id, body.class_key, body.demands, now)
    return ProofRuleOut.model_validate(rule)


@router.delete("/proof-rules/{rule_id}", status_code=204)
def delete_proof_rule(rule_id: RowId, caller: CallerDep, session: SessionDep, now: NowDep) -> Response:
    """The next most specific rule decides; the same request again changes nothing."""
    proof_rules.delete_rule(session, caller, rule_id, now)
    return Response(status_code=204)


@router.get("/proof/explain")
def explain_proof(
    caller: ViewerDep, session: SessionDep, municipality_id: RowId, class_key: ClassKey
) -> ProofExplanation:
    """What would be demanded of such an order, and why; changes nothing."""
    check_place(session, caller, municipality_id, Permission.VIEW_WORK_ORDERS)
    return explanation(proof_rules.choose_for(session, municipality_id, class_key))


def explanation(choice: Choice) -> ProofExplanation:
    considered = [
        ConsideredRuleOut(rule_id=one.rule.id, demands=sorted(one.rule.demands), why=one.why)
        for one in choice.considered
    ]  # fmt: skip
    return ProofExplanation(rule_id=choice.rule.id, demands=sorted(choice.rule.demands), considered=considered)


def proof_state(session: Session, order: WorkOrder) -> ProofState:
    rule = proof_rules.choose_for(session, order.municipality_id, order.class_key).rule
    there = proof_rules.given(session, order)
    return ProofState(rule_id=rule.id, demanded=sorted(rule.demands), given=sorted(there))
