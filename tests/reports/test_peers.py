"""Two Rasids side by side, each the other's Open311 endpoint: whichever stands where, each report is there once."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.service import SYSTEM_CALLER
from service.core.clock import utc_now
from service.core.database import Database
from service.core.events import SYSTEM
from service.core.runtime import Runtime
from service.reports import centre
from service.reports.connections import set_connection
from service.reports.intake import NewReport, file_report
from service.reports.keys import make_key
from service.reports.models import Connection, PeerRequest, Report, ReportSource, ReportUpdate
from service.reports.peer_client import PeerRefused, read_json, read_xml
from service.reports.peers import sync_all
from service.reports.states import ReportState, Step
from tests.factories import DAMMAM, make_municipality
from tests.reports.citizens import BOUNDARY, report, town
from tests.reports.test_open311_clients import serving

CODES = {"pothole": "pothole", "standing_water": "standing_water", "other": "other"}


@pytest.fixture
def theirs(runtime: Runtime, new_database: Callable[[], Database]) -> Iterator[Runtime]:
    """Another installation, with a database of its own."""
    database = new_database()
    database.migrate()
    yield Runtime(runtime.settings.model_copy(), database, runtime.store)


def connect(runtime: Runtime, session: Session, url: str, key: str, form: str, **flags: bool) -> None:
    values = {
        "municipality_id": None, "url": url, "jurisdiction_id": None, "format": form, "service_codes": CODES,
        "pull": False, "push": False, "tell_updates": False, "active": True,
    }  # fmt: skip
    set_connection(session, SYSTEM_CALLER, "other", values | flags, utc_now())
    session.commit()
    runtime.settings.__dict__["open311_keys"] = {"other": SecretStr(key)}
    runtime.settings.__dict__["private_hosts"] = frozenset({"127.0.0.1"})


def prepare(theirs: Runtime) -> str:
    with theirs.database.transaction() as session:
        make_municipality(session, "amana", BOUNDARY)
        return make_key(session, SYSTEM_CALLER, "us", None, None, utc_now())[1]


@pytest.mark.parametrize("form", ["json", "xml"])
def test_their_requests_become_reports_once_and_they_are_told_the_steps(
    session: Session, runtime: Runtime, theirs: Runtime, form: str
) -> None:
    town(session)
    key = prepare(theirs)
    with theirs.database.transaction() as there:
        make_municipality(there, "amana", BOUNDARY)
        told = NewReport(ReportSource.WEB, "standing_water", "ماء <& راكد", *DAMMAM)
        number = file_report(there, theirs, told, (), SYSTEM, utc_now())[0].number
    with serving(theirs) as url:
        connect(runtime, session, url, key, form, pull=True, tell_updates=True)
        (first,) = sync_all(runtime, utc_now() + timedelta(seconds=2))  # Open311 tells whole seconds
        (again,) = sync_all(runtime, utc_now())
        assert (first.pulled, first.error, again.pulled, again.told) == (1, None, 0, 0)
        ours = session.scalars(select(Report)).one()
        assert ours.class_key == "standing_water" and ours.description == "ماء <& راكد"
        assert session.scalars(select(PeerRequest.service_request_id)).one() == number
        centre.close(session, SYSTEM_CALLER, ours, "نزح الماء", utc_now())
        session.commit()
        (last,) = sync_all(runtime, utc_now())
        assert last.told == 1
    with theirs.database.transaction() as there:
        notes = there.scalars(select(ReportUpdate).where(ReportUpdate.outside_id.is_not(None))).all()
        assert notes[-1].said_status == "closed" and "نزح الماء" in (notes[-1].note or "")
        assert len(notes) == first.told + last.told


@pytest.mark.parametrize("form", ["json", "xml"])
def test_a_referred_report_is_posted_once_and_its_end_there_ends_it_here(
    session: Session, runtime: Runtime, theirs: Runtime, form: str
) -> None:
    town(session)
    key = prepare(theirs)
    with serving(theirs) as url:
        connect(runtime, session, url, key, form, push=True)
        ours = report(session, runtime, now=utc_now(), class_key="standing_water")
        centre.refer(session, SYSTEM_CALLER, ours, "Water Company", None, "other", utc_now())
        session.commit()
        assert [one.posted for one in (*sync_all(runtime, utc_now()), *sync_all(runtime, utc_now()))] == [1, 0]
        row = session.scalars(select(PeerRequest)).one()
        row.service_request_id = None  # as if the answer had been lost on its way
        session.commit()
        sync_all(runtime, utc_now())
        with theirs.database.transaction() as there:
            filed = there.scalars(select(Report)).one()  # one, not two
            assert ours.number in filed.description
            centre.close(there, SYSTEM_CALLER, filed, "drained", utc_now() + timedelta(seconds=2))
        (done,) = sync_all(runtime, utc_now())
    session.expire_all()
    assert done.followed == 1
    assert ours.state is ReportState.CLOSED and ours.step is Step.CLOSED and "drained" in (ours.note or "")


def test_one_report_that_they_do_not_take_keeps_no_other_from_going(
    session: Session, runtime: Runtime, theirs: Runtime
) -> None:
    town(session)
    key = prepare(theirs)
    with serving(theirs) as url:
        connect(runtime, session, url, key, "json", push=True, pull=True)
        far = report(session, runtime, now=utc_now(), class_key="standing_water")
        near = report(session, runtime, 40.0, now=utc_now(), class_key="standing_water")
        for one in (far, near):
            centre.refer(session, SYSTEM_CALLER, one, "Water Company", None, "other", utc_now())
        far.lat, far.lon = 21.0, 39.0  # outside of their town
        session.commit()
        (done,) = sync_all(runtime, utc_now())
    assert (done.posted, done.refused) == (1, 1) and "got 400" in (done.error or "")
    session.expire_all()
    sent = {row.report_id: row.service_request_id for row in session.scalars(select(PeerRequest))}
    assert sent[far.id] is None and sent[near.id] is not None
    kept = session.scalars(select(Connection)).one()
    assert kept.last_error == done.error and kept.polled_until is not None  # told, and what else there was went on


def test_an_endpoint_that_is_away_is_told_as_such_and_nothing_is_lost(session: Session, runtime: Runtime) -> None:
    town(session)
    connect(runtime, session, "http://127.0.0.1:9/open311/v2", "k", "json", pull=True, push=True)
    ours = report(session, runtime, now=utc_now())
    centre.refer(session, SYSTEM_CALLER, ours, "Water Company", None, "other", utc_now())
    session.commit()
    (done,) = sync_all(runtime, utc_now())
    assert done.error is not None and "127.0.0.1" in done.error
    session.expire_all()
    kept = session.scalars(select(Connection)).one()
    assert kept.last_error == done.error and kept.polled_until is None
    assert session.scalars(select(PeerRequest)).one().service_request_id is None


def test_a_private_address_is_called_only_where_it_is_allowed_by_name(session: Session, runtime: Runtime) -> None:
    town(session)
    connect(runtime, session, "http://127.0.0.1:8080/v2", "k", "json", pull=True)
    runtime.settings.__dict__["private_hosts"] = frozenset()
    (done,) = sync_all(runtime, utc_now())
    assert done.error is not None and "loopback" in done.error


def test_what_is_no_answer_is_refused() -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY b "c">]><a><b>&b;</b></a>'
    for read, content in (
        (read_xml, bomb),
        (read_xml, b"<a>"),
        (read_json, b"{"),
        (read_json, b"3"),
        (read_json, b"{}"),
    ):
        with pytest.raises(PeerRefused, match="expected"):
            read(content)
    rows = read_xml(b"<service_requests><request><lat>1.5</lat><x/><y><z>1</z></y></request></service_requests>")
    assert rows == [{"lat": "1.5", "x": None}]
    assert read_json(b'{"service_requests": [{"service_request_id": 7, "n": {}}]}') == [
        {"service_request_id": "7", "n": None}
    ]
