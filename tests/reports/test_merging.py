"""Which defect a report means: by itself where sure, by a person otherwise; and reports follow what happens to it."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from datasets.taxonomy import KEYS
from service.accounts.caller import caller_of_user
from service.accounts.permissions import Role
from service.core.errors import Conflict
from service.core.events import SYSTEM, Event
from service.core.runtime import Runtime
from service.defects.access import lock_defects
from service.defects.models import Defect, Verdict
from service.defects.states import DefectState
from service.reports.following import follow_defects
from service.reports.merging import merge_report, open_candidate, proposals_for
from service.reports.models import Report, ReportUpdate
from service.reports.states import ReportState, Step
from service.work_orders import service as orders
from service.work_orders.models import WorkOrder
from service.work_orders.moves import move_order
from service.work_orders.reviews import review_defect
from service.work_orders.states import WorkOrderAction, WorkOrderState
from tests.factories import NOW, make_user
from tests.reports.citizens import put_defect, report

LATER = NOW + timedelta(days=2)


def test_a_report_near_one_known_hole_is_merged_and_raises_its_priority(session: Session, runtime: Runtime) -> None:
    hole = put_defect(session)
    before = report(session, runtime, east_m=6)
    first_priority = hole.priority
    second = report(session, runtime, east_m=-5)
    assert before.defect_id == second.defect_id == hole.id
    assert hole.reports_count == 2 and hole.priority > first_priority
    event = session.scalars(select(Event).where(Event.action == "merge", Event.subject_id == second.id)).one()
    assert event.data["proposals"][0]["defect_id"] == hole.id and event.data["proposals"][0]["chance"] >= 0.95


def test_between_two_holes_a_person_chooses_with_the_evidence(session: Session, runtime: Runtime) -> None:
    left, right = put_defect(session, -4), put_defect(session, 5)
    filed = report(session, runtime)
    assert filed.state is ReportState.RECEIVED and filed.defect_id is None
    ranked = proposals_for(session, filed)
    assert [one.proposal.defect.id for one in ranked] == [left.id, right.id]
    assert 0.4 < ranked[0].chance < 0.7 and ranked[0].proposal.distance_m == pytest.approx(4, abs=0.1)
    merge_report(session, filed, right.id, SYSTEM, LATER)
    merge_report(session, filed, right.id, SYSTEM, LATER)
    assert filed.defect_id == right.id and filed.state is ReportState.ACCEPTED and right.reports_count == 1
    merge_report(session, filed, left.id, SYSTEM, LATER)  # a person may think better of it
    assert (left.reports_count, right.reports_count) == (1, 0)


def test_a_mended_hole_that_is_told_again_waits_for_a_person_who_opens_a_candidate(
    session: Session, runtime: Runtime
) -> None:
    mended = put_defect(session, state=DefectState.RESOLVED)
    filed = report(session, runtime)
    assert filed.state is ReportState.RECEIVED
    with pytest.raises(Conflict, match="resolved"):
        merge_report(session, filed, mended.id, SYSTEM, LATER)
    first = open_candidate(session, filed, None, SYSTEM, LATER).defect_id
    assert open_candidate(session, filed, None, SYSTEM, LATER).defect_id == first != mended.id


def test_something_else_waits_until_a_person_says_what_it_is(session: Session, runtime: Runtime) -> None:
    filed = report(session, runtime, class_key=None)
    assert filed.state is ReportState.RECEIVED and filed.token
    open_candidate(session, filed, "sand_rubble", SYSTEM, LATER)
    assert filed.class_key == "sand_rubble" and filed.defect is not None


@pytest.mark.parametrize("class_key", KEYS)
def test_every_class_can_come_in_by_a_report_and_be_accepted_without_a_picture(
    session: Session, runtime: Runtime, class_key: str
) -> None:
    filed = report(session, runtime, class_key=class_key)
    inspector = caller_of_user(make_user(session, Role.INSPECTOR))
    reviewed = review_defect(session, inspector, filed.defect_id or 0, Verdict.ACCEPT, enabled=KEYS, now=LATER)
    assert reviewed.order is not None and reviewed.defect.state is DefectState.CONFIRMED


def test_a_report_follows_its_order_to_the_end_and_is_reopened_after_a_sighting(
    session: Session, runtime: Runtime
) -> None:
    filed = report(session, runtime)
    assert filed.defect is not None
    defect = lock_defects(session, Defect.id == filed.defect_id)[0]
    user = make_user(session, Role.SUPERVISOR)
    caller = caller_of_user(user)
    review_defect(session, caller, defect.id, Verdict.ACCEPT, now=LATER)
    order = session.scalars(select(WorkOrder)).one()
    told = [_follow(session, runtime, filed)]
    for action in (WorkOrderAction.ASSIGN, WorkOrderAction.START, WorkOrderAction.REPORT_DONE):
        move_order(session, order, action, caller.actor, LATER)
        told.append(_follow(session, runtime, filed))
    orders.inspect(session, caller, order.id, passed=True, note=None, now=LATER)
    told.append(_follow(session, runtime, filed))
    assert told == [Step.CONFIRMED, Step.CONFIRMED, Step.WORK_BEGUN, Step.WORK_DONE, Step.FIXED]
    assert filed.state is ReportState.CLOSED and filed.closings == 1
    much_later = LATER + timedelta(days=40)
    orders.reopen(session, caller, order.id, "seen again", much_later)
    assert _follow(session, runtime, filed, much_later) is Step.REOPENED
    assert _follow(session, runtime, filed, much_later) is Step.CONFIRMED
    assert _follow(session, runtime, filed, much_later) is Step.CONFIRMED
    steps = session.scalars(select(ReportUpdate.step).order_by(ReportUpdate.id)).all()
    assert steps == [
        Step.RECEIVED, Step.INSPECTION, Step.CONFIRMED, Step.WORK_BEGUN, Step.WORK_DONE, Step.FIXED, Step.REOPENED,
        Step.CONFIRMED,
    ]  # fmt: skip


def test_a_report_follows_its_order_when_that_is_split_and_when_it_is_done_with_another(
    session: Session, runtime: Runtime
) -> None:
    filed, neighbour = report(session, runtime), report(session, runtime, east_m=400)
    caller = caller_of_user(make_user(session, Role.SUPERVISOR))
    for one in (filed, neighbour):
        review_defect(session, caller, one.defect_id or 0, Verdict.ACCEPT, now=LATER)
    own, other = session.scalars(select(WorkOrder).order_by(WorkOrder.id)).all()
    columns = {"class_key": "pothole", "quantity_unit": "m2", "opened_at": LATER, "due_at": LATER}
    part = WorkOrder(defect_id=own.defect_id, municipality_id=own.municipality_id, part_of_id=own.id, part_key="a",
                     state=WorkOrderState.IN_PROGRESS, **columns)  # fmt: skip
    session.add(part)
    assert _follow(session, runtime, filed) is Step.CONFIRMED  # the part's work is not the whole's
    own.state, own.merged_into_id = WorkOrderState.MERGED, other.id
    other.state = WorkOrderState.IN_PROGRESS
    assert _follow(session, runtime, filed) is Step.WORK_BEGUN
    session.refresh(neighbour)
    assert neighbour.step is Step.WORK_BEGUN


def test_a_report_is_referred_with_its_order_and_comes_back_with_it(session: Session, runtime: Runtime) -> None:
    filed = report(session, runtime)
    caller = caller_of_user(make_user(session, Role.SUPERVISOR))
    review_defect(session, caller, filed.defect_id or 0, Verdict.ACCEPT, now=LATER)
    order = session.scalars(select(WorkOrder)).one()
    move_order(session, order, WorkOrderAction.REFER, caller.actor, LATER)
    assert _follow(session, runtime, filed) is Step.REFERRED
    move_order(session, order, WorkOrderAction.AGENCY_BACK, caller.actor, LATER)
    assert _follow(session, runtime, filed) is Step.CONFIRMED and filed.state is ReportState.ACCEPTED


def test_a_report_moves_with_its_defect_when_that_is_merged_into_another(session: Session, runtime: Runtime) -> None:
    hole = put_defect(session)
    filed = report(session, runtime, east_m=60)
    source = filed.defect
    assert source is not None and source.id != hole.id
    inspector = caller_of_user(make_user(session, Role.INSPECTOR))
    review_defect(session, inspector, source.id, Verdict.MERGE, merge_into=hole.id, now=LATER)
    _follow(session, runtime, filed)
    session.refresh(hole)
    assert filed.defect_id == hole.id and hole.reports_count == 1


def test_an_inspector_who_finds_nothing_rejects_the_report_too(session: Session, runtime: Runtime) -> None:
    filed = report(session, runtime)
    inspector = caller_of_user(make_user(session, Role.INSPECTOR))
    review_defect(session, inspector, filed.defect_id or 0, Verdict.REJECT, now=LATER)
    assert _follow(session, runtime, filed) is Step.REJECTED and filed.state is ReportState.REJECTED
    session.refresh(filed.defect)
    assert filed.defect is not None and filed.defect.reports_count == 0


def _follow(session: Session, runtime: Runtime, filed: Report, now: object = LATER) -> Step:
    session.commit()
    follow_defects(runtime, now)  # type: ignore[arg-type]
    session.refresh(filed)
    return filed.step
