from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.caller import caller_of_user
from service.accounts.permissions import Role
from service.coverage.period import Period
from service.defects.models import Defect
from service.work_orders.models import Repair, VerifiedBy, WorkOrder
from service.work_orders.repairs import (
    By,
    Durability,
    durability,
    end_repair,
    refuse_repair,
    report_repair,
    verify_repair,
)
from service.work_orders.verification import propose_absences
from tests.factories import NOW, make_user
from tests.work_orders.drive_by import drive_by, pass_in_vain, repaired
from tests.work_orders.orders import Town, make_town, unit_of

YEARS = Period(datetime(2020, 1, 1, tzinfo=UTC).date(), datetime(2030, 1, 1, tzinfo=UTC).date())


def order_of(town: Town, order_id: int) -> WorkOrder:
    return town.session.get_one(WorkOrder, order_id, populate_existing=True)


def figures(town: Town, by: By = By.UNIT, role: Role = Role.SUPERVISOR, period: Period = YEARS) -> list[Durability]:
    unit = unit_of(town.session, town.municipality, "cleaning") if role is Role.UNIT else None
    return durability(town.session, caller_of_user(make_user(town.session, role, town.municipality, unit)), by, period)


def good_repair(town: Town, lasted_days: float | None, north_m: float = 0.0) -> Repair:
    """A repair that was found good after a day, and failed after so many days if any are told."""
    order_id, defect = repaired(town, north_m=north_m)
    order = order_of(town, order_id)
    verify_repair(town.session, order, VerifiedBy.PERSON, town.now)
    if lasted_days is not None:
        assert order.done_at is not None
        drive_by(town.session, defect, order.done_at + timedelta(days=lasted_days), sightings=2)
        town.later(days=lasted_days)
        end_repair(town.session, order, town.now)
    town.session.commit()
    return town.session.scalars(select(Repair).where(Repair.work_order_id == order_id)).one()


def test_a_repair_is_kept_once_however_often_it_is_reported(town: Town) -> None:
    order_id, _ = repaired(town)
    order = order_of(town, order_id)
    first, second = report_repair(town.session, order), report_repair(town.session, order)
    assert first is second and first is not None
    assert (first.unit_id, first.class_key, first.done_at) == (order.unit_id, "pothole", order.done_at)


def test_an_order_that_was_never_done_has_no_repair(town: Town) -> None:
    order = order_of(town, town.accept()["id"])
    assert report_repair(town.session, order) is None and end_repair(town.session, order, NOW) is None


def test_a_failed_repair_lasted_until_it_was_seen_and_not_until_the_frame_was_processed(town: Town) -> None:
    order_id, defect = repaired(town)
    order = order_of(town, order_id)
    verify_repair(town.session, order, VerifiedBy.PASS, town.now)
    assert order.done_at is not None
    drive_by(town.session, defect, order.done_at + timedelta(days=40), sightings=2)
    town.later(days=60)
    assert end_repair(town.session, order, town.now) == pytest.approx(40)
    assert end_repair(town.session, order, town.now + timedelta(days=9)) == pytest.approx(40)


def test_a_repair_that_a_person_reopens_without_a_new_sighting_lasted_until_then(town: Town) -> None:
    order_id, _ = repaired(town)
    order = order_of(town, order_id)
    verify_repair(town.session, order, VerifiedBy.PERSON, town.now)
    assert order.done_at is not None
    assert end_repair(town.session, order, order.done_at + timedelta(days=12)) == pytest.approx(12)


def test_a_repair_that_an_inspection_refused_never_counts(town: Town) -> None:
    order_id, _ = repaired(town)
    refuse_repair(town.session, order_of(town, order_id), town.now)
    repair = town.session.scalars(select(Repair)).one()
    assert repair.failed_at == town.now and repair.lasted_days is None
    assert figures(town) == []


def test_durability_is_the_share_still_good_by_unit_class_and_municipality(town: Town) -> None:
    repairs = [good_repair(town, days, 200.0 * k) for k, days in enumerate((20.0, 60.0, None, None))]
    for repair in repairs[2:]:
        drive_by(town.session, town.session.get_one(Defect, repair.defect_id), repair.done_at + timedelta(days=100))
    machine = unit_of(town.session, town.municipality, "pothole_machine")
    (found,) = figures(town)
    assert (found.key, found.number, found.failed) == (str(machine.id), 4, 2)
    shares = found.good_after_30_days, found.good_after_90_days, found.good_after_365_days
    assert shares == (0.75, 0.5, None) and found.median_days == pytest.approx(60)
    assert [one.key for one in figures(town, By.CLASS)] == ["pothole"]
    assert [one.key for one in figures(town, By.MUNICIPALITY)] == [str(town.municipality.id)]


def test_what_nobody_drove_past_is_not_known_to_hold(town: Town) -> None:
    good_repair(town, None)
    town.later(days=300)
    (found,) = figures(town)
    assert found.number == 1 and found.good_after_30_days is None


def test_figures_stay_in_the_municipality_the_unit_and_the_period(town: Town, session: Session) -> None:
    good_repair(town, None)
    khobar = make_town(town.client, session, "khobar")
    assert figures(khobar) == [] and figures(town, role=Role.UNIT) == []
    day = timedelta(days=1)
    assert figures(town, period=Period(YEARS.first, NOW.date() - day)) == []


def test_the_journey_of_an_order_is_one_repair_each_time_with_how_long_it_lasted(town: Town) -> None:
    """Reported, refused, reported, found good, reopened."""
    order = town.accept()
    town.bring(order["id"], "assign", "start", "done", "fail")
    town.later(days=1)
    town.bring(order["id"], "done", "pass")
    town.later(days=30)
    found = town.bring(order["id"], "reopen")
    refused, good = town.session.scalars(select(Repair).order_by(Repair.id))
    assert refused.verified_at is None and refused.failed_at is not None
    assert good.verified_by is VerifiedBy.PERSON and good.lasted_days == pytest.approx(30)
    assert found["events"][-1]["data"]["lasted_days"] == pytest.approx(30)


def test_a_person_who_fails_the_repair_takes_the_proposal_back(town: Town) -> None:
    order_id, defect = repaired(town)
    pass_in_vain(town, defect, 2)
    propose_absences(town.session, [defect.id], town.now)
    town.session.commit()
    town.bring(order_id, "fail")
    town.session.expire_all()
    assert defect.absence is None
