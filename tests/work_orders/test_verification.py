from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.accounts.caller import Caller, caller_of_user
from service.accounts.permissions import Role
from service.core.errors import Conflict, Forbidden, NotFound
from service.core.events import Event
from service.defects.models import Absence, Defect
from service.defects.schemas import real_of
from service.defects.states import DefectAction, DefectState
from service.work_orders.models import Inspection, Repair, VerifiedBy, WorkOrder
from service.work_orders.states import WorkOrderState
from service.work_orders.verification import Decision, decide_absence, propose_absences
from tests.defects.sightings import box, make_defect, see
from tests.factories import NOW, make_frame, make_municipality, make_survey, make_user, make_vehicle
from tests.work_orders.drive_by import drive_by, pass_in_vain, repaired
from tests.work_orders.orders import Town


def propose(town: Town, defect: Defect, **settings: bool) -> list[Defect]:
    changed = propose_absences(town.session, [defect.id], town.now, **settings)
    town.session.commit()
    return changed


def inspector(town: Town) -> Caller:
    return caller_of_user(make_user(town.session, Role.INSPECTOR, town.municipality))


def decide(town: Town, defect: Defect, decision: Decision, note: str | None = None) -> Defect:
    decided = decide_absence(town.session, inspector(town), defect.id, decision, note, town.now)
    town.session.commit()
    return decided


def actions(session: Session, defect: Defect) -> list[str]:
    own = select(Event.action).where(Event.subject_kind == "defect", Event.subject_id == defect.id)
    return list(session.scalars(own.order_by(Event.id)))


def order_of(session: Session, order_id: int) -> WorkOrder:
    return session.get_one(WorkOrder, order_id, populate_existing=True)


def test_a_repair_that_two_passes_did_not_see_is_proposed_as_fixed_and_one_pass_is_not_enough(town: Town) -> None:
    _, defect = repaired(town)
    pass_in_vain(town, defect, 1)
    assert propose(town, defect) == [] and defect.absence is None
    pass_in_vain(town, defect, 1)
    assert propose(town, defect) == [defect]
    found = town.session.get_one(Defect, defect.id)
    assert (found.absence, found.absence_at) == (Absence.FIXED, town.now) and found.presence < -3
    assert defect.state is DefectState.CONFIRMED and actions(town.session, defect)[-1] == "propose_fixed"


def test_a_candidate_is_doubted_until_high_scores_of_later_passes_or_a_person_say_otherwise(town: Town) -> None:
    session, defect = town.session, make_defect(town.session, box(score=0.9))
    propose(town, defect)
    first = real_of(defect)
    assert first is not None and first < 0.5
    for day in (10, 20):
        survey = make_survey(session, make_vehicle(session, defect.municipality)[0])
        for second in range(3):
            at = NOW + timedelta(days=day, seconds=second)
            see(session, [box(score=0.9)], make_frame(session, survey=survey, captured_at=at))
    session.commit()
    propose(town, defect)
    later = real_of(defect)
    assert defect.visits_count == 3 and later is not None and later > 0.9
    defect.state = DefectState.CONFIRMED
    assert real_of(defect) == 1.0


def test_proposing_again_by_the_same_passes_changes_nothing(town: Town) -> None:
    _, defect = repaired(town)
    pass_in_vain(town, defect, 2)
    propose(town, defect)
    before = town.session.scalar(select(func.count(Event.id)))
    town.later(days=1)
    assert propose(town, defect) == [] and defect.absence_at != town.now
    assert town.session.scalar(select(func.count(Event.id))) == before


def test_a_confirmed_proposal_passes_the_inspection_closes_the_order_and_says_how_it_was_seen(town: Town) -> None:
    order_id, defect = repaired(town)
    pass_in_vain(town, defect, 2)
    propose(town, defect)
    decide(town, defect, Decision.CONFIRM, "looked at the pictures")
    order = order_of(town.session, order_id)
    assert (order.state, order.closed_at) == (WorkOrderState.CLOSED, town.now)
    assert (defect.state, defect.resolved_at, defect.absence) == (DefectState.RESOLVED, town.now, Absence.FIXED)
    inspection = town.session.scalars(select(Inspection)).one()
    assert (inspection.by, inspection.passed, inspection.note) == (VerifiedBy.PASS, True, "looked at the pictures")
    repair = town.session.scalars(select(Repair)).one()
    assert (repair.verified_by, repair.verified_at, repair.done_at) == (VerifiedBy.PASS, town.now, order.done_at)


def test_a_confirmation_sent_twice_happens_once(town: Town) -> None:
    _, defect = repaired(town)
    pass_in_vain(town, defect, 2)
    propose(town, defect)
    decide(town, defect, Decision.CONFIRM)
    before = town.session.scalar(select(func.count(Event.id)))
    decide(town, defect, Decision.CONFIRM)
    assert town.session.scalar(select(func.count(Event.id))) == before
    assert town.session.scalar(select(func.count(Inspection.id))) == 1


def test_a_sighting_makes_the_proposal_fall(town: Town) -> None:
    _, defect = repaired(town)
    pass_in_vain(town, defect, 2)
    propose(town, defect)
    town.later(days=10)
    drive_by(town.session, defect, town.now, sightings=4)
    assert propose(town, defect) == [defect]
    assert defect.absence is None and defect.absence_at is None and defect.presence > 0
    assert actions(town.session, defect)[-1] == "withdraw_absence"
    with pytest.raises(Conflict, match="absence"):
        decide(town, defect, Decision.CONFIRM)


def test_an_overruled_proposal_comes_back_by_new_passes_alone(town: Town) -> None:
    order_id, defect = repaired(town)
    pass_in_vain(town, defect, 2)
    propose(town, defect)
    town.later(hours=2)
    decide(town, defect, Decision.OVERRULE, "I stood before it")
    assert defect.absence is None and defect.presence > 0
    event = town.session.scalars(select(Event).order_by(Event.id.desc())).first()
    assert event is not None and event.action == "overrule_absence"
    assert event.data == {"proposed": "fixed", "note": "I stood before it"}
    events = town.session.scalar(select(func.count(Event.id)))
    decide(town, defect, Decision.OVERRULE)
    assert propose(town, defect) == [] and town.session.scalar(select(func.count(Event.id))) == events
    pass_in_vain(town, defect, 14)
    assert propose(town, defect) == [defect] and defect.absence is Absence.FIXED
    assert order_of(town.session, order_id).state is WorkOrderState.DONE


def test_a_defect_that_nobody_worked_on_is_gone_and_its_order_is_cancelled_with_the_reason(town: Town) -> None:
    order = town.accept(box("garbage"))
    defect = town.session.get_one(Defect, order["defect_id"])
    drive_by(town.session, defect, town.now, sightings=3)
    pass_in_vain(town, defect, 3)
    propose(town, defect)
    assert defect.absence is Absence.GONE
    decide(town, defect, Decision.CONFIRM)
    found = order_of(town.session, order["id"])
    assert found.state is WorkOrderState.CANCELLED and "gone" in (found.state_reason or "")
    assert (defect.state, defect.resolved_at, defect.absence) == (DefectState.RESOLVED, town.now, Absence.GONE)
    assert actions(town.session, defect)[-1] == "vanish"
    decide(town, defect, Decision.CONFIRM)
    assert actions(town.session, defect).count("vanish") == 1


def test_a_candidate_that_no_later_pass_saw_is_gone_sooner_than_a_confirmed_one(town: Town) -> None:
    vehicle, _ = make_vehicle(town.session, town.municipality)
    frame = make_frame(town.session, make_survey(town.session, vehicle), captured_at=town.now)
    candidate = make_defect(town.session, box(score=0.4), frame)
    pass_in_vain(town, candidate, 3)
    propose(town, candidate)
    assert candidate.absence is Absence.GONE
    decide(town, candidate, Decision.CONFIRM)
    assert candidate.state is DefectState.RESOLVED
    order = town.accept(box(score=0.4, north_m=400))
    confirmed = town.session.get_one(Defect, order["defect_id"])
    pass_in_vain(town, confirmed, 3)
    propose(town, confirmed)
    assert confirmed.absence is None


def test_a_repair_that_went_back_to_the_unit_cannot_be_confirmed(town: Town) -> None:
    order_id, defect = repaired(town)
    pass_in_vain(town, defect, 2)
    propose(town, defect)
    order_of(town.session, order_id).state = WorkOrderState.IN_PROGRESS
    town.session.commit()
    with pytest.raises(Conflict, match="went back"):
        decide(town, defect, Decision.CONFIRM)
    town.session.rollback()


def test_the_machine_closes_verified_repairs_only_where_it_is_told_to_and_may(town: Town) -> None:
    order_id, defect = repaired(town)
    pass_in_vain(town, defect, 2)
    propose(town, defect, close_verified=True)
    assert order_of(town.session, order_id).state is WorkOrderState.CLOSED
    assert defect.state is DefectState.RESOLVED and defect.absence is Absence.FIXED
    assert town.session.scalar(select(func.count(Inspection.id))) == 0  # nobody has looked
    repair = town.session.scalars(select(Repair)).one()
    assert repair.verified_by is VerifiedBy.PASS
    passed = select(Event).where(Event.subject_kind == "work_order", Event.action == "pass")
    event = town.session.scalars(passed).one()
    assert event.actor_kind == "system" and event.data == {"by": "pass"}
    assert propose(town, defect, close_verified=True) == []


def test_the_machine_never_closes_a_repair_whose_quantity_is_in_doubt(town: Town) -> None:
    order_id, defect = repaired(town)
    order_of(town.session, order_id).quantity_estimated = 0.5  # 2.5 were reported
    pass_in_vain(town, defect, 2)
    propose(town, defect, close_verified=True)
    assert order_of(town.session, order_id).state is WorkOrderState.DONE and defect.absence is Absence.FIXED


def test_the_machine_never_closes_what_needs_a_person(town: Town) -> None:
    order_id, defect = repaired(town)
    defect.class_key = "standing_water"
    pass_in_vain(town, defect, 2)
    propose(town, defect, close_verified=True)
    assert defect.absence is Absence.FIXED and defect.state is DefectState.CONFIRMED
    assert order_of(town.session, order_id).state is WorkOrderState.DONE


def test_many_defects_are_judged_by_as_many_queries_as_one(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    vehicle, _ = make_vehicle(town.session, town.municipality)
    survey = make_survey(town.session, vehicle)
    defects = [make_defect(town.session, box(north_m=200 * number)) for number in range(20)]
    for defect in defects:
        drive_by(town.session, defect, NOW, sightings=2, survey=survey)
    town.session.commit()
    executed: list[object] = []
    execute = Session.execute

    def counted(self: Session, statement: Any, **more: Any) -> Any:
        executed.append(statement)
        return execute(self, statement, **more)

    monkeypatch.setattr(Session, "execute", counted)
    monkeypatch.setattr(Session, "scalars", lambda self, *told, **more: self.execute(*told, **more).scalars())
    propose_absences(town.session, [defect.id for defect in defects], NOW)
    assert len(executed) == 3


def test_only_who_may_inspect_decides_and_only_in_the_own_municipality(town: Town) -> None:
    _, defect = repaired(town)
    pass_in_vain(town, defect, 2)
    propose(town, defect)
    unit = caller_of_user(make_user(town.session, Role.UNIT, town.municipality))
    with pytest.raises(Forbidden):
        decide_absence(town.session, unit, defect.id, Decision.CONFIRM, None, town.now)
    neighbour = caller_of_user(make_user(town.session, Role.INSPECTOR, make_municipality(town.session, "khobar")))
    with pytest.raises(NotFound):
        decide_absence(town.session, neighbour, defect.id, Decision.CONFIRM, None, town.now)


def test_a_rejected_defect_is_left_alone(session: Session) -> None:
    defect = make_defect(session)
    defect.state = DefectState.REJECTED
    for days in range(6):
        drive_by(session, defect, NOW + timedelta(days=days), sightings=0 if days else 1)
    assert propose_absences(session, [defect.id], NOW) == [] and defect.presence == 0
    assert propose_absences(session, [], NOW) == []


def test_every_action_of_a_proposal_fits_the_audit_trail() -> None:
    longest = max(len(f"propose_{kind.value}") for kind in Absence)
    assert longest <= 30 and max(len(action.value) for action in DefectAction) <= 30
