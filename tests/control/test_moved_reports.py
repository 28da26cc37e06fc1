"""A report that goes to another defect takes what its reporter said along: nothing is counted at both."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.control.facts import rebuild, refresh
from service.core.database import Database
from service.defects.models import Defect
from service.reports.following import follow_report
from service.reports.merging import merge_report
from service.reports.models import Report
from service.reports.reopening import reopen_report
from tests.control.conftest import Desk
from tests.control.lives import Street
from tests.control.test_facts import shown, stored
from tests.control.test_indicators_api import REPAIR, figures
from tests.control.test_other_rooms import rate


def rated_and_reopened(session: Session, street: Street, *steps: str) -> Report:
    rate(session, street, street.live(*steps), satisfied=True)
    report = session.scalars(select(Report)).one()
    reopen_report(session, report, street.caller.actor, None, street.now)
    session.commit()
    return report


def refresh_and_compare(desk: Desk, database: Database, session: Session, street: Street) -> None:
    assert figures(desk)["percent_satisfied"]["of"] == 1
    live = shown(database)
    for _ in range(2):
        refresh(database, street.now)
    assert figures(desk)["percent_satisfied"]["of"] == 1
    kept = stored(session)
    assert live == kept
    rebuild(database, street.now)
    assert stored(session) == kept


def test_a_rating_is_counted_once_when_a_person_merges_the_report_with_another_defect(
    desk: Desk, database: Database, session: Session, street: Street
) -> None:
    report, other = rated_and_reopened(session, street, *REPAIR), street.live("accept")
    for _ in range(2):
        refresh(database, street.now)
    merge_report(session, report, other, street.caller.actor, street.now)
    session.commit()
    refresh_and_compare(desk, database, session, street)


def test_a_rating_is_counted_once_when_its_report_follows_a_merged_defect(
    desk: Desk, database: Database, session: Session, street: Street
) -> None:
    street.live("accept")
    report = rated_and_reopened(session, street)
    street.take("merge", 1)
    assert session.get_one(Defect, report.defect_id).merged_into_id is not None
    for _ in range(2):
        refresh(database, street.now)
    follow_report(session, report.id, street.now)
    session.commit()
    refresh_and_compare(desk, database, session, street)


def test_who_rated_a_report_that_has_no_defect_is_one_of_the_rated(
    desk: Desk, database: Database, session: Session, street: Street
) -> None:
    rate(session, street, street.live(*REPAIR), satisfied=True)
    rate(session, street, None, satisfied=False, number="r2")
    rate(session, street, None, satisfied=False, number="r3", class_key=None)
    for refreshed in (False, True):
        found = figures(desk)["percent_satisfied"]
        assert (found["met"], found["of"]) == (1, 3)
        rows = desk.follow(found["rows"])
        assert sorted((row["class_key"] or "", row["defect_id"] is not None, row["url"][8:15]) for row in rows) == [
            ("", False, "reports"), ("pothole", False, "reports"), ("pothole", True, "defects"),
        ]  # fmt: skip
        classes = desk.get("indicators", by="class", indicator="percent_satisfied")["groups"]
        assert {one["key"]: one["figures"][0]["of"] for one in classes} == {"pothole": 2, None: 1}
        assert len(desk.follow(classes[-1]["figures"][0]["rows"])) == 1
        if not refreshed:
            for _ in range(2):
                refresh(database, street.now)
    kept = stored(session)
    assert shown(database) == kept
    rebuild(database, street.now)
    assert stored(session) == kept


def test_a_rated_report_that_gets_a_defect_at_last_is_counted_there_alone(
    desk: Desk, database: Database, session: Session, street: Street
) -> None:
    rate(session, street, None, satisfied=True)
    for _ in range(2):
        refresh(database, street.now)
    report, defect_id = session.scalars(select(Report)).one(), street.live("accept")
    reopen_report(session, report, street.caller.actor, None, street.now)
    merge_report(session, report, defect_id, street.caller.actor, street.now)
    session.commit()
    refresh_and_compare(desk, database, session, street)
    (row,) = desk.follow(figures(desk)["percent_satisfied"]["rows"])
    assert row["defect_id"] == defect_id
