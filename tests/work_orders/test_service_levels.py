"""The clock of an order on the real database: promised, stopped, gone on, stamped once, and right after downtime."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from service.accounts.models import User
from service.accounts.permissions import Role
from service.core.calendar import OFFICE_HOURS, add_working_time, working_time_between
from service.core.database import Database
from service.core.events import SYSTEM, Event
from service.core.hijri import SAUDI_TIME
from service.defects.models import Defect
from service.work_orders.models import WorkOrder
from service.work_orders.moves import move_order
from service.work_orders.service_levels import clock_of
from service.work_orders.service_levels_changes import after_priority, follow_due
from service.work_orders.service_levels_models import OrderClock
from service.work_orders.service_levels_sweep import Swept, bring_forward, sweep
from service.work_orders.states import WorkOrderAction
from tests.defects.sightings import box
from tests.work_orders.orders import Town

SLA_ACTIONS = ("late_start", "warn", "breach", "escalate")
H = timedelta(hours=1)


def at(told: str) -> datetime:
    return datetime.fromisoformat(told)


def stamped(session: Session, order_id: int) -> list[tuple[str, datetime]]:
    session.rollback()
    own = (Event.subject_kind == "work_order", Event.subject_id == order_id, Event.action.in_(SLA_ACTIONS))
    return [(one.action, one.at) for one in session.scalars(select(Event).where(*own).order_by(Event.at, Event.id))]


def set_level(town: Town, **told: Any) -> dict[str, Any]:
    body = {"municipality_id": town.municipality.id, "class_key": "pothole", "clock": "round_the_clock"}
    answer = town.put("supervisor", "sla-policies", **(body | told))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def order_row(session: Session, order_id: int) -> WorkOrder:
    session.rollback()
    return session.get_one(WorkOrder, order_id, populate_existing=True)


def test_an_order_in_working_hours_is_due_by_the_calendar(town: Town) -> None:
    set_level(town, clock="working_hours", hours_to_start=2, hours_to_close=12)
    order = town.accept()  # Wednesday in Ramadan, nine in the morning; open from ten to three
    assert at(order["start_due_at"]) == datetime(2026, 3, 4, 12, tzinfo=SAUDI_TIME)
    assert at(order["due_at"]) == datetime(2026, 3, 8, 12, tzinfo=SAUDI_TIME)  # 5 + 5 + Sunday's first two
    assert order["due_at_hijri"] == {"date": "1447-09-19", "en": "19 Ramadan 1447", "ar": "19 رمضان 1447"}
    assert order["done_at_hijri"] is None


def test_a_large_pothole_has_the_policy_of_its_size(town: Town) -> None:
    set_level(town, size_class="large", hours_to_close=5)
    large, small = town.accept(box(size=0.5)), town.accept(box(east_m=60, size=0.1))
    assert at(large["due_at"]) == town.now + 5 * H
    assert at(small["due_at"]) == town.now + 48 * H


def test_the_working_time_left_when_held_is_left_when_resumed(town: Town) -> None:
    set_level(town, clock="working_hours", hours_to_close=12)
    order = town.accept()
    town.bring(order["id"], "assign", "start")
    town.later(hours=4)  # at one: three hours are used
    left = working_time_between(town.now, at(order["due_at"]), OFFICE_HOURS)
    town.bring(order["id"], "hold")
    town.later(days=23, hours=9)  # after Eid, in the evening
    resumed = town.bring(order["id"], "resume")
    assert left == 9 * H
    assert at(resumed["due_at"]) == add_working_time(town.now, left, OFFICE_HOURS)
    clock = town.get("supervisor", f"work-orders/{order['id']}/clock").json()
    assert (clock["used_s"], clock["left_s"], clock["running"]) == (3 * 3600, 9 * 3600, True)


def test_each_thing_is_stamped_once_at_the_time_it_fell_due_however_late_the_sweep(
    town: Town, database: Database
) -> None:
    escalations = [{"level": 1, "after_hours": 2, "to_role": "supervisor"}]
    set_level(town, hours_to_start=4, hours_to_close=10, warn_share=0.5, escalations=escalations)
    order, opened = town.accept(), town.now
    assert sweep(database, opened + 3 * H) == Swept(0, 0)
    assert sweep(database, opened + timedelta(days=30)) == Swept(4, 0)  # nobody swept for a month
    assert sweep(database, opened + timedelta(days=31)) == Swept(0, 0)
    expected = [("late_start", 4), ("warn", 5), ("breach", 10), ("escalate", 12)]
    assert stamped(town.session, order["id"]) == [(action, opened + hours * H) for action, hours in expected]


def test_an_escalation_names_whom(town: Town, database: Database) -> None:
    set_level(town, hours_to_close=1, escalations=[{"level": 1, "after_hours": 0, "to_role": "supervisor"}])
    order = town.accept()
    sweep(database, town.now + 2 * H)
    told = town.session.scalars(select(Event).filter_by(subject_id=order["id"], action="escalate")).one()
    supervisors = town.session.scalars(select(User.id).where(User.role == Role.SUPERVISOR)).all()
    assert told.data["to_user_ids"] == list(supervisors) and told.data["level"] == 1
    assert told.municipality_id == town.municipality.id and at(told.data["noticed_at"]) == town.now + 2 * H


def test_an_order_that_was_done_in_time_is_never_stamped_later(town: Town, database: Database) -> None:
    set_level(town, hours_to_close=10, hours_to_start=None)
    order = town.accept()
    town.bring(order["id"], "assign", "start")
    town.later(hours=6)
    town.bring(order["id"], "done")
    assert sweep(database, town.now + timedelta(days=9)) == Swept(0, 0)
    assert stamped(town.session, order["id"]) == []


def test_what_fell_due_while_nobody_swept_is_stamped_before_the_repair(town: Town, database: Database) -> None:
    set_level(town, hours_to_close=10, hours_to_start=2, warn_share=0.5)
    order, opened = town.accept(), town.now
    town.later(hours=3)
    town.bring(order["id"], "assign", "start")  # too late to start in time
    town.later(hours=20)
    town.bring(order["id"], "done")
    town.later(hours=20)
    town.bring(order["id"], "pass")
    sweep(database, town.now)
    expected = [("late_start", 2), ("warn", 5), ("breach", 10)]
    assert stamped(town.session, order["id"]) == [(action, opened + hours * H) for action, hours in expected]


def test_a_repair_that_fails_its_inspection_was_not_done_in_time(town: Town, database: Database) -> None:
    set_level(town, hours_to_close=10, warn_share=0.9)
    order, opened = town.accept(), town.now
    town.bring(order["id"], "assign", "start", "done")
    town.later(hours=12)
    assert sweep(database, town.now) == Swept(0, 0)
    town.bring(order["id"], "fail")
    assert stamped(town.session, order["id"]) == [("warn", opened + 9 * H), ("breach", opened + 10 * H)]


def test_nothing_falls_due_on_hold_and_what_was_stamped_is_not_stamped_again(town: Town, database: Database) -> None:
    set_level(town, hours_to_close=10, warn_share=0.5)
    order, opened = town.accept(), town.now
    town.later(hours=6)
    town.bring(order["id"], "hold")
    assert sweep(database, town.now + timedelta(days=50)) == Swept(0, 0)
    town.later(hours=100)
    town.bring(order["id"], "resume")
    sweep(database, town.now + timedelta(days=1))
    assert stamped(town.session, order["id"]) == [("warn", opened + 5 * H), ("breach", opened + 110 * H)]


def test_a_due_time_that_was_missed_stays_missed_after_a_hold(town: Town) -> None:
    set_level(town, hours_to_close=10)
    order = town.accept()
    town.later(hours=11)
    town.bring(order["id"], "hold")
    town.later(hours=100)
    resumed = town.bring(order["id"], "resume")
    assert resumed["due_at"] == order["due_at"] and resumed["overdue"]


def test_an_action_sent_twice_around_a_stamp_is_still_done_once(town: Town, database: Database) -> None:
    set_level(town, hours_to_close=1)
    order_id = town.accept()["id"]
    town.bring(order_id, "assign", "start")
    sweep(database, town.now + 2 * H)
    assert town.act("unit", order_id, "start").status_code == 200


def test_a_reopened_order_has_a_promise_of_its_own(town: Town, database: Database) -> None:
    set_level(town, hours_to_close=10, warn_share=0.5)
    order = town.accept()
    town.bring(order["id"], "assign", "start", "done", "pass")
    town.later(days=20)
    again = town.bring(order["id"], "reopen")
    assert at(again["due_at"]) == town.now + 10 * H
    sweep(database, town.now + 11 * H)
    assert stamped(town.session, order["id"]) == [("warn", town.now + 5 * H), ("breach", town.now + 10 * H)]


def test_an_open_order_keeps_its_promise_when_the_policy_changes_or_goes(town: Town, database: Database) -> None:
    policy = set_level(town, hours_to_close=10)
    order = town.accept()
    set_level(town, hours_to_close=2)
    assert town.client.delete(
        f"/api/v1/sla-policies/{policy['id']}", headers=town.headers["supervisor"]
    ).status_code == 204  # fmt: skip
    town.later(hours=3)
    assert town.bring(order["id"])["due_at"] == order["due_at"]
    sweep(database, town.now)
    assert stamped(town.session, order["id"]) == []


def move(town: Town, order_id: int, action: WorkOrderAction, at: datetime) -> WorkOrder:
    row = order_row(town.session, order_id)
    move_order(town.session, row, action, SYSTEM, at)
    town.session.commit()
    return row


def test_a_transfer_goes_on_or_starts_anew_by_the_rule_of_the_policy(town: Town) -> None:
    kept = town.accept()
    set_level(town, hours_to_close=10, on_transfer="restart")
    restarted = town.accept(box(east_m=60))
    later = town.now + 4 * H
    for order in (kept, restarted):
        town.bring(order["id"], "assign")
        move(town, order["id"], WorkOrderAction.TRANSFER, later)
    assert order_row(town.session, kept["id"]).due_at == at(kept["due_at"])
    assert order_row(town.session, restarted["id"]).due_at == later + 10 * H


def test_the_clock_stands_still_while_another_agency_has_the_order(town: Town, database: Database) -> None:
    set_level(town, hours_to_close=10, warn_share=0.5)
    order, opened = town.accept(), town.now
    held = move(town, order["id"], WorkOrderAction.REFER, opened + 4 * H)
    held.held_at = opened + 4 * H
    town.session.commit()
    assert sweep(database, opened + 90 * H) == Swept(0, 0)
    assert move(town, order["id"], WorkOrderAction.AGENCY_BACK, opened + 104 * H).due_at == opened + 110 * H
    sweep(database, opened + 200 * H)
    assert stamped(town.session, order["id"]) == [("warn", opened + 105 * H), ("breach", opened + 110 * H)]


def hurry_to(town: Town, order_id: int, due: datetime, now: datetime) -> None:
    row = order_row(town.session, order_id)
    row.due_at = due
    follow_due(town.session, row, now)
    town.session.commit()


def test_a_due_time_that_something_else_sets_is_kept_and_stamped_once(town: Town, database: Database) -> None:
    set_level(town, hours_to_close=40, hours_to_start=30, warn_share=0.5)
    order, opened = town.accept(), town.now
    hurry_to(town, order["id"], opened + 6 * H, opened + H)
    sweep(database, opened + 7 * H)
    assert stamped(town.session, order["id"]) == [("breach", opened + 6 * H)]
    hurry_to(town, order["id"], opened + 40 * H, opened + 8 * H)  # as it was before
    sweep(database, opened + 41 * H)
    assert stamped(town.session, order["id"]) == [("breach", opened + 6 * H)]


def test_a_hurried_order_goes_on_after_a_hold_with_what_was_left_to_it(town: Town) -> None:
    set_level(town, clock="working_hours", hours_to_close=40)
    order, opened = town.accept(), town.now  # Wednesday nine in the morning; open from ten
    hurry_to(town, order["id"], opened + 6 * H, opened + H)
    row = order_row(town.session, order["id"])
    row.due_before_incident = at(order["due_at"])
    town.session.commit()
    town.later(hours=3)
    town.bring(order["id"], "hold")
    usual_left = working_time_between(town.now, at(order["due_at"]), OFFICE_HOURS)
    town.later(hours=24 * 4)
    resumed = town.bring(order["id"], "resume")  # Sunday at noon, with three hours left
    assert at(resumed["due_at"]) == datetime(2026, 3, 8, 15, tzinfo=SAUDI_TIME)
    usual = order_row(town.session, order["id"]).due_before_incident
    assert usual == add_working_time(town.now, usual_left, OFFICE_HOURS)


def test_a_risen_priority_brings_the_due_time_forward_once_and_never_puts_it_off(
    town: Town, database: Database
) -> None:
    order, opened = town.accept(), town.now
    set_level(town, min_priority=90, hours_to_close=6)
    town.session.execute(update(Defect).values(priority=95))
    town.session.commit()
    assert bring_forward(database, opened + 2 * H) == 1
    assert order_row(town.session, order["id"]).due_at == opened + 6 * H  # two of the six hours were used
    assert bring_forward(database, opened + 3 * H) == 0
    town.session.execute(update(Defect).values(priority=5))
    town.session.commit()
    row = order_row(town.session, order["id"])
    defect = town.session.get_one(Defect, row.defect_id, populate_existing=True)
    assert not after_priority(town.session, row, defect, opened + 3 * H)
    assert row.due_at == opened + 6 * H


def test_a_priority_that_a_person_sets_brings_the_due_time_forward(town: Town) -> None:
    order = town.accept()
    set_level(town, min_priority=90, hours_to_close=6)
    body = {"priority": 95, "reason": "a school"}
    answer = town.put("supervisor", f"work-orders/{order['id']}/priority", **body)
    assert answer.status_code == 200, answer.text
    assert at(answer.json()["due_at"]) == town.now + 6 * H


def test_an_order_that_takes_in_an_earlier_one_is_due_and_late_with_it(town: Town, database: Database) -> None:
    early, opened = town.accept(), town.now
    town.later(hours=10)
    late = town.accept(box(east_m=60))
    answer = town.act("supervisor", late["id"], "merge", order_ids=[early["id"]])
    assert answer.status_code == 200, answer.text
    sweep(database, opened + 60 * H)
    assert ("breach", opened + 48 * H) in stamped(town.session, late["id"])
    assert stamped(town.session, early["id"]) == []


def test_a_promise_that_a_priority_makes_is_not_broken_before_it_is_made(town: Town, database: Database) -> None:
    order, opened = town.accept(), town.now
    set_level(town, min_priority=90, hours_to_close=6)
    town.session.execute(update(Defect).values(priority=95))
    town.session.commit()
    assert bring_forward(database, opened + 20 * H) == 1
    assert order_row(town.session, order["id"]).due_at == opened + 20 * H


@pytest.mark.parametrize("late", [False, True])
def test_an_order_of_an_earlier_release_gets_a_clock_and_keeps_its_due_time(
    town: Town, database: Database, late: bool
) -> None:
    order, due = town.accept(), town.now + (-5 if late else 5) * H
    town.session.execute(OrderClock.__table__.delete())  # type: ignore[attr-defined]
    town.session.execute(update(WorkOrder).values(due_at=due))
    town.session.commit()
    assert sweep(database, town.now).adopted == 1
    assert order_row(town.session, order["id"]).due_at == due
    assert [one for one in stamped(town.session, order["id"]) if one[0] == "breach"] == [("breach", due)] * late
    town.bring(order["id"], "hold")
    town.later(hours=100)
    resumed = town.bring(order["id"], "resume")
    assert at(resumed["due_at"]) == (due if late else due + 100 * H)


def test_an_order_that_was_held_before_clocks_goes_on_with_what_was_left(town: Town) -> None:
    order = town.accept()
    town.later(hours=8)
    town.bring(order["id"], "hold")
    town.session.execute(OrderClock.__table__.delete())  # type: ignore[attr-defined]
    town.session.commit()
    town.later(hours=30)
    assert at(town.bring(order["id"], "resume")["due_at"]) == at(order["due_at"]) + 30 * H


def test_an_order_moved_behind_the_clocks_back_is_left_alone(town: Town, database: Database) -> None:
    order = town.accept()
    town.session.execute(update(WorkOrder).values(state="done", done_at=town.now))
    town.session.commit()
    assert sweep(database, town.now + timedelta(days=9)) == Swept(0, 0)
    row = order_row(town.session, order["id"])
    clock = clock_of(town.session, row)
    assert clock is not None and clock.next_at is None
    assert stamped(town.session, order["id"]) == []


def test_two_sweeps_at_once_stamp_once(town: Town, database: Database) -> None:
    set_level(town, hours_to_close=1, warn_share=0.5)
    ids = [town.accept(box(east_m=40 * n))["id"] for n in range(4)]
    with database.transaction() as other:
        first = select(WorkOrder).where(WorkOrder.id == ids[0]).with_for_update()
        other.scalars(first).one()  # as another sweep, or a person, holds it
        assert sweep(database, town.now + 2 * H, batch=2).stamped == 6
    assert sweep(database, town.now + 2 * H, batch=2).stamped == 2
    assert all(len(stamped(town.session, one)) == 2 for one in ids)
