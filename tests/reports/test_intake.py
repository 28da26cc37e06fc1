"""A report is taken in once, in the right municipality, and says of its sender only what they gave, to nobody."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.core.errors import Unprocessable
from service.core.events import SYSTEM, Event
from service.core.runtime import Runtime
from service.reports.models import Rating, Report, Reporter, ReportUpdate
from service.reports.moving import lock_report, move_report
from service.reports.people import Person, apply_retention, read_reporter
from service.reports.reopening import link_token, rate_report
from service.reports.states import ReportAction, ReportState, Step
from tests.factories import NOW, jpeg, make_municipality, square
from tests.reports.citizens import report

SARA = Person(email="sara@example.org", phone="+966 50 123 4567", first_name="Sara", last_name="Al-Harbi")


def test_standing_water_that_no_vehicle_has_seen_becomes_a_candidate_for_inspection(
    session: Session, runtime: Runtime
) -> None:
    filed = report(session, runtime, class_key="standing_water")
    assert filed.state is ReportState.ACCEPTED and filed.step is Step.INSPECTION
    assert filed.defect is not None and filed.defect.class_key == "standing_water"
    assert filed.defect.state.value == "candidate" and filed.defect.sightings_count == 0
    assert filed.defect.reports_count == 1 and filed.defect.priority_parts["reports"]["because"] == 1


def test_the_same_report_sent_twice_is_one(session: Session, runtime: Runtime) -> None:
    first = report(session, runtime, photos=(jpeg(),), person=SARA)
    again = report(session, runtime, photos=(), person=SARA)
    same = report(session, runtime, photos=(), person=SARA)
    assert again.id != first.id and same.id == again.id  # another set of photos is another report


def test_a_place_decides_the_municipality_and_one_outside_of_all_is_refused(session: Session, runtime: Runtime) -> None:
    khobar = make_municipality(session, "khobar", square(60.0, 10.0))
    filed = report(session, runtime, lat=10.1, lon=60.1)
    assert filed.municipality_id == khobar.id and filed.number == f"khobar-{filed.id}"
    with pytest.raises(Unprocessable, match=r"report\.outside"):
        report(session, runtime, lat=0.5, lon=0.5)
    with pytest.raises(Unprocessable, match="within dammam"):
        report(session, runtime, lat=10.1, lon=60.1, municipality_id=make_municipality(session).id)


def test_a_report_by_address_alone_waits_for_a_person(session: Session, runtime: Runtime) -> None:
    filed = report(session, runtime, lat=None, lon=None, address="King Saud St, Dammam")
    assert filed.state is ReportState.RECEIVED and filed.defect_id is None


def test_who_sent_a_report_stands_in_no_other_table_and_each_reading_is_an_event(
    session: Session, runtime: Runtime
) -> None:
    words = "Hole. Call me on 050 123 4567 or sara@example.org, I am 1029384756"
    filed = report(session, runtime, description=words, person=SARA)
    session.flush()
    found = read_reporter(session, filed, SYSTEM, "test", NOW)
    assert found is not None and found.words == words and found.email == SARA.email
    session.flush()
    rest = "\n".join(
        json.dumps({column.name: str(getattr(row, column.key)) for column in row.__table__.columns})
        for table in (Report, ReportUpdate, Event)
        for row in session.scalars(select(table))
    )
    for secret in ("050 123 4567", "sara@", "1029384756", "Harbi"):
        assert secret not in rest
    assert "audit.read" in rest


def test_a_reporter_is_deleted_some_days_after_the_end_and_no_earlier(session: Session, runtime: Runtime) -> None:
    filed = report(session, runtime, person=SARA, now=NOW)
    open_one = report(session, runtime, east_m=500, person=SARA, now=NOW)
    move_report(session, lock_report(session, filed.id), ReportAction.CLOSE, Step.CLOSED, SYSTEM, NOW)
    session.commit()
    days = runtime.settings.keep_reporters_days
    assert apply_retention(runtime, NOW + timedelta(days=days - 1)) == (0, 0)
    assert apply_retention(runtime, NOW + timedelta(days=days + 1)) == (1, 0)
    assert apply_retention(runtime, NOW + timedelta(days=days + 1)) == (0, 0)
    session.expire_all()
    assert session.get(Reporter, filed.id) is None and session.get(Reporter, open_one.id) is not None
    assert session.get_one(Report, filed.id).digest == ""


def test_a_report_that_never_ends_keeps_its_reporter_for_so_long_at_most(session: Session, runtime: Runtime) -> None:
    report(session, runtime, person=SARA, now=NOW)
    session.commit()
    days = runtime.settings.keep_reporters_at_most_days
    assert apply_retention(runtime, NOW + timedelta(days=days - 1)) == (0, 0)
    assert apply_retention(runtime, NOW + timedelta(days=days + 1)) == (1, 0)
    assert session.scalars(select(Reporter)).all() == []


def test_figures_stay_when_the_people_behind_them_are_deleted(session: Session, runtime: Runtime) -> None:
    urls = ("https://example.org/sara/a.jpg", "https://example.org/sara/b.jpg")
    filed = report(session, runtime, description="hole, call 0501234567", now=NOW, media_urls=urls, person=SARA)
    filed.media_urls = filed.media_urls | {"https://example.org/sara/a.jpg": "kept"}
    move_report(session, lock_report(session, filed.id), ReportAction.CLOSE, Step.CLOSED, SYSTEM, NOW)
    rate_report(session, runtime.settings, link_token(filed, runtime.settings) or "", 4, True, NOW)
    session.commit()
    later = NOW + timedelta(days=runtime.settings.keep_reporters_days + 1)
    assert apply_retention(runtime, later) == (1, 0)
    session.expire_all()
    kept, rating = session.scalars(select(Report)).one(), session.scalars(select(Rating)).one()
    assert (kept.state, kept.closed_at, kept.closings, kept.class_key) == (ReportState.CLOSED, NOW, 1, "pothole")
    assert (rating.stars, rating.satisfied, rating.municipality_id) == (4, True, kept.municipality_id)
    assert kept.defect is not None and kept.defect.reports_count == 1
    assert [row.step for row in session.scalars(select(ReportUpdate).order_by(ReportUpdate.id))][-1] is Step.CLOSED
    assert kept.media_urls == {"https://example.org/sara/b.jpg": None}  # that one is still to be fetched
    assert session.scalars(select(Reporter)).all() == []
    (told,) = session.scalars(select(Event).where(Event.action == "delete_reporter"))
    assert told.data == {"reason": "age"}


def test_photos_go_when_their_time_is_over(session: Session, runtime: Runtime) -> None:
    filed = report(session, runtime, photos=(jpeg(),), now=NOW)
    move_report(session, lock_report(session, filed.id), ReportAction.CLOSE, Step.CLOSED, SYSTEM, NOW)
    session.commit()
    assert runtime.store.exists(filed.photos[0].blob_key or "")
    assert apply_retention(runtime, NOW + timedelta(days=runtime.settings.keep_evidence_days + 1)) == (0, 1)
    session.expire_all()
    assert session.get_one(Report, filed.id).photos[0].blob_key is None


def test_what_is_no_picture_is_refused_and_nothing_is_kept(session: Session, runtime: Runtime) -> None:
    with pytest.raises(Unprocessable, match="image"):
        report(session, runtime, photos=(b"not a picture",))
    assert session.scalars(select(Report)).all() == []
