"""Photos told by address: fetched once, within bounds, from where it is allowed; what fails holds up nothing."""

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.core.clock import utc_now
from service.core.runtime import Runtime
from service.reports.media import fetch_media
from service.reports.models import Report, ReportPhoto
from service.reports.retries import RETRIES
from tests.factories import jpeg
from tests.reports.citizens import report
from tests.webhooks.support import Receiver, always, receiving, reply


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


def with_settings(runtime: Runtime, **changes: object) -> Runtime:
    told = {"private_hosts": frozenset({"127.0.0.1"}), "outbound_timeout_s": 10.0}
    return Runtime(runtime.settings.model_copy(update=told | changes), runtime.database, runtime.store)


def tell(session: Session, runtime: Runtime, *urls: str, east_m: float = 0.0) -> int:
    filed = report(session, runtime, east_m, media_urls=urls)
    session.commit()
    return filed.id


def became(session: Session, report_id: int) -> list[object]:
    session.expire_all()
    return list(session.get_one(Report, report_id).media_urls.values())


def next_at(now: datetime, tries: int) -> str:
    return (now + RETRIES[tries - 1]).isoformat(timespec="seconds").replace("+00:00", "Z")


def test_without_photos_to_fetch_nothing_is_fetched(runtime: Runtime) -> None:
    assert fetch_media(runtime, utc_now()) == 0


def test_a_photo_is_fetched_once_and_kept_with_the_report(session: Session, runtime: Runtime, server: Receiver) -> None:
    fetching, picture, now = with_settings(runtime), jpeg(), utc_now()
    server.answer = lambda handler: reply(
        handler, 200, picture, Content_Type="text/plain"
    )  # what it says counts little
    report_id = tell(session, fetching, server.url)
    assert (fetch_media(fetching, now), fetch_media(fetching, now + timedelta(days=9))) == (1, 0)
    assert became(session, report_id) == ["kept"] and len(server.got()) == 1
    (photo,) = session.scalars(select(ReportPhoto)).all()
    assert photo.report_id == report_id and photo.media_type == "image/jpeg"
    assert runtime.store.exists(photo.blob_key or "")


@pytest.mark.parametrize(
    ("content", "limits", "code"),
    [
        (b"<html>not here any more</html>", {}, "image.unsupported_format"),
        (jpeg(np.full((64, 64, 3), 90, np.uint8)), {"max_image_pixels": 1000}, "image.too_many_pixels"),
        (b"", {}, "image.empty"),
    ],
)
def test_what_is_no_picture_of_ours_is_asked_for_once(
    session: Session, runtime: Runtime, server: Receiver, content: bytes, limits: dict[str, object], code: str
) -> None:
    fetching = with_settings(runtime, **limits)
    server.answer = lambda handler: reply(handler, 200, content, Content_Type="image/jpeg")
    report_id = tell(session, fetching, server.url)
    assert fetch_media(fetching, utc_now()) == 0 and fetch_media(fetching, utc_now() + timedelta(days=9)) == 0
    assert became(session, report_id) == [code] and len(server.got()) == 1
    assert session.scalars(select(ReportPhoto)).all() == []


def test_of_an_endless_photo_little_more_than_the_limit_is_read(
    session: Session, runtime: Runtime, server: Receiver
) -> None:
    sent: list[int] = []
    hung_up = threading.Event()

    def pour(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.close_connection = True
        try:
            while sum(sent) < 100_000_000:
                sent.append(handler.wfile.write(b"\xff" * 65_536))
        except OSError:
            hung_up.set()

    server.answer = pour
    fetching = with_settings(runtime, max_image_bytes=100_000)
    report_id = tell(session, fetching, server.url)
    assert fetch_media(fetching, utc_now()) == 0
    assert became(session, report_id) == ["image.too_many_bytes"]
    assert hung_up.wait(30) and sum(sent) < 50_000_000


def test_a_slow_server_is_left_in_time_and_the_next_photo_comes(
    session: Session, runtime: Runtime, server: Receiver
) -> None:
    over, picture = threading.Event(), jpeg()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        if "quick" in handler.path:
            reply(handler, 200, picture)
            return
        handler.send_response(200)
        handler.end_headers()
        while not over.wait(0.02):  # never silent for long, never done
            try:
                handler.wfile.write(b"\xff")
            except OSError:
                break
        handler.close_connection = True

    server.answer = drip
    fetching, now = with_settings(runtime, outbound_timeout_s=0.5), utc_now()
    slow = tell(session, fetching, server.url)
    quick = tell(session, fetching, server.url.replace("hook", "quick"), east_m=500)
    assert fetch_media(fetching, now) == 1
    over.set()
    assert became(session, slow) == [{"tries": 1, "next_at": next_at(now, 1)}] and became(session, quick) == ["kept"]


def test_a_run_ends_in_time_and_what_is_left_comes_with_the_next(
    session: Session, runtime: Runtime, server: Receiver
) -> None:
    server.answer = lambda handler: reply(handler, 200, jpeg())
    fetching = with_settings(runtime)
    report_id = tell(session, fetching, server.url)
    assert fetch_media(fetching, utc_now(), run_s=0.0) == 0 and became(session, report_id) == [None]
    assert fetch_media(fetching, utc_now()) == 1


def test_what_is_away_is_asked_again_ever_later_and_given_up(
    session: Session, runtime: Runtime, server: Receiver
) -> None:
    fetching, now = with_settings(runtime), utc_now()
    server.answer = always(503)
    report_id = tell(session, fetching, server.url)
    for tries, wait in enumerate(RETRIES, 1):
        fetch_media(fetching, now)
        assert became(session, report_id) == [{"tries": tries, "next_at": next_at(now, tries)}]
        assert fetch_media(fetching, now + wait - timedelta(seconds=2)) == 0  # not yet
        now += wait + timedelta(seconds=1)
    fetch_media(fetching, now)
    assert became(session, report_id) == ["unreachable"] and len(server.got()) == len(RETRIES) + 1


@pytest.mark.parametrize("lie", ["127.0.0.1", "10.0.0.7", "169.254.169.254", "::1", "::ffff:192.168.1.1"])
def test_a_name_that_leads_inside_is_not_asked(
    session: Session, runtime: Runtime, server: Receiver, monkeypatch: pytest.MonkeyPatch, lie: str
) -> None:
    report_id = tell(session, runtime, "http://photos.example.org/a.jpg", "http://127.0.0.1/b.jpg")
    answers = [(0, 0, 0, "", ("93.184.216.34", 80)), (0, 0, 0, "", (lie, 80))]
    with monkeypatch.context() as lying:
        lying.setattr("socket.getaddrinfo", lambda *_, **__: answers)
        assert fetch_media(with_settings(runtime, private_hosts=frozenset()), utc_now()) == 0
    assert all(isinstance(one, dict) for one in became(session, report_id)) and server.got() == []


def test_a_redirect_is_not_followed(session: Session, runtime: Runtime, server: Receiver) -> None:
    server.answer = always(302, Location=f"http://127.0.0.1:{server.port}/inside")
    fetching, now = with_settings(runtime), utc_now()
    report_id = tell(session, fetching, server.url)
    assert fetch_media(fetching, now) == 0
    assert became(session, report_id) == [{"tries": 1, "next_at": next_at(now, 1)}]
    assert [one.path for one in server.got()] == ["/hook?tenant=7"]


def test_no_more_photos_are_kept_than_the_settings_allow(session: Session, runtime: Runtime, server: Receiver) -> None:
    server.answer = lambda handler: reply(handler, 200, jpeg())
    fetching = with_settings(runtime, report_max_photos=2)
    report_id = tell(session, fetching, *(f"{server.url}&photo={number}" for number in range(3)))
    assert fetch_media(fetching, utc_now()) == 2
    assert sorted(map(str, became(session, report_id))) == ["kept", "kept", "too_many"]
