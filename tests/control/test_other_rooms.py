"""Costs, contractors and what reporters say enter the figures from their own rooms."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.models import District
from service.contracts.charging import post_all_charges
from service.control.counting import View, snapshot
from service.control.facts import rebuild, refresh
from service.core.database import Database
from service.core.events import SYSTEM, record
from service.defects.models import Defect
from service.reports.models import Rating, Report, ReportSource
from service.reports.states import ReportState, Step
from tests.contracts.conftest import make_contract
from tests.control.conftest import Desk
from tests.control.lives import NOW, Street
from tests.control.test_facts import shown, stored
from tests.control.test_indicators_api import REPAIR, figures
from tests.work_orders.orders import Town


def contract(desk: Desk, session: Session, street: Street) -> dict[str, Any]:
    """100.50 a square metre of pothole."""

    def post(who: str, path: str, **body: Any) -> Any:
        return desk.client.post(f"/api/v1/{path}", headers=desk.headers[who], json=body)

    town = SimpleNamespace(session=session, municipality=street.municipality, post=post)
    return make_contract(cast("Town", town))


def rate(
    session: Session, street: Street, defect_id: int | None, *, satisfied: bool, number: str = "r1",
    class_key: str | None = "pothole",
) -> None:  # fmt: skip
    report = Report(
        municipality_id=street.municipality.id, number=number, source=ReportSource.CENTRE, digest=number,
        class_key=class_key, description="a hole", place_sd_m=5.0, media_urls={}, state=ReportState.CLOSED,
        step=Step.RECEIVED, defect_id=defect_id, received_at=NOW, updated_at=NOW, closings=1,
    )  # fmt: skip
    session.add(report)
    session.flush()
    session.add(Rating(
        report_id=report.id, municipality_id=report.municipality_id, closing=1, stars=5 if satisfied else 1,
        satisfied=satisfied, created_at=street.now,
    ))  # fmt: skip
    record(session, at=street.now, actor=SYSTEM, subject_kind="report", subject_id=report.id, action="rate",
           municipality_id=report.municipality_id)  # fmt: skip
    session.commit()


def test_what_orders_cost_and_whose_they_were(desk: Desk, database: Database, session: Session, street: Street) -> None:
    contract(desk, session, street)
    for _ in range(2):
        street.live(*REPAIR)
    street.live("accept", class_key="garbage")
    assert figures(desk)["cost"]["value"] is None
    assert "charged" in figures(desk)["cost"]["reason"]
    post_all_charges(session, street.now + timedelta(hours=1))
    session.commit()
    cost = figures(desk)["cost"]
    assert cost["value"] == pytest.approx(2 * 2.5 * 100.5)
    assert sum(float(row["cost"]) for row in desk.follow(cost["rows"])) == pytest.approx(cost["value"])
    for _ in range(2):
        refresh(database, street.now)
    groups = desk.get("indicators", by="contractor", indicator="received")["groups"]
    assert [(one["name_en"], one["figures"][0]["value"]) for one in groups] == [("Asphalt Works", 2), (None, 1)]


def test_a_contract_that_comes_later_takes_its_orders_with_the_next_run(
    desk: Desk, database: Database, session: Session, street: Street
) -> None:
    street.live("accept")
    for _ in range(2):
        refresh(database, street.now)
    contract(desk, session, street)
    for _ in range(2):
        refresh(database, street.now)
    groups = desk.get("indicators", by="contractor", indicator="received")["groups"]
    assert {one["name_en"]: one["figures"][0]["value"] for one in groups} == {"Asphalt Works": 1, None: 0}
    kept = stored(session)
    rebuild(database, street.now)
    assert stored(session) == kept


def test_the_satisfied_are_those_of_the_rated(desk: Desk, database: Database, session: Session, street: Street) -> None:
    rate(session, street, street.live(*REPAIR), satisfied=True)
    rate(session, street, street.live(*REPAIR), satisfied=True, number="r2")
    rate(session, street, street.live(*REPAIR), satisfied=False, number="r3")
    found = figures(desk)["percent_satisfied"]
    assert (found["met"], found["of"]) == (2, 3)
    assert [row["rating"] for row in desk.follow(found["rows"])] == [5, 5, 1]
    for _ in range(2):
        refresh(database, street.now)
    with snapshot(database) as reading:
        assert View(reading).dirty == []
    assert shown(database) == stored(session)
    assert figures(desk)["percent_satisfied"] == found


def test_what_a_report_found_first_is_the_centres(desk: Desk, session: Session, street: Street) -> None:
    found = street.find()
    street.find()
    rate(session, street, found, satisfied=True)
    session.scalars(select(Defect).where(Defect.id == found)).one().created_at = NOW + timedelta(minutes=1)
    session.commit()
    groups = desk.get("indicators", by="source", indicator="observed")["groups"]
    assert {one["key"]: one["figures"][0]["value"] for one in groups} == {"centre": 1, "vehicle": 1}


def test_orders_count_in_their_district_and_places_without_an_order_say_why(
    desk: Desk, session: Session, street: Street
) -> None:
    district = District(municipality_id=street.municipality.id, key="north", name_en="North", name_ar="الشمال",
                        boundary={}, west=0, south=0, east=0, north=0)  # fmt: skip
    session.add(district)
    session.flush()
    order = street.order(street.live("accept"))
    assert order is not None
    order.district_id = district.id
    record(session, at=NOW, actor=SYSTEM, subject_kind="work_order", subject_id=order.id, action="place",
           municipality_id=order.municipality_id)  # fmt: skip
    session.commit()
    street.live("accept")
    groups = desk.get("indicators", by="district", indicator=["received", "observed"])["groups"]
    told = [(one["name_en"], *(figure["value"] for figure in one["figures"])) for one in groups]
    assert told == [("North", None, 1), (None, None, 1)]
