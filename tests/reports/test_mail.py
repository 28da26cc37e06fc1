"""E-mail over a line that nobody reads, with a password that nobody hears; what fails is seen and mended."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.permissions import Role
from service.core.clock import utc_now
from service.core.events import Event
from service.core.runtime import Runtime
from service.core.settings import Settings
from service.reports.channels import Contact, EmailChannel, Message, open_channels
from service.reports.models import Notice, NoticeState
from service.reports.notices import send_notices
from service.reports.people import Person
from service.reports.retries import RETRIES
from tests.certificates import Certificate, write_certificate
from tests.factories import make_user, sign_in
from tests.reports.citizens import report, town
from tests.reports.mail import MailServer, mail_server

ACCOUNT = ("rasid", "correct horse")
SARA = Person(email="sara@example.org", phone="+966501234567")


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return write_certificate(tmp_path, "127.0.0.1")


def serving(certificate: Certificate, security: str) -> AbstractContextManager[MailServer]:
    return mail_server(security, certificate.server_context(), ACCOUNT)


def using(runtime: Runtime, server: MailServer, certificate: Certificate | None, **changes: object) -> Runtime:
    """The service with this mail server, whose authority it trusts if told."""
    told = {
        "smtp_host": "127.0.0.1", "smtp_port": server.port, "smtp_security": "starttls", "smtp_user": ACCOUNT[0],
        "smtp_password": SecretStr(ACCOUNT[1]), "ca_file": certificate and certificate.only,
    }  # fmt: skip
    return Runtime(runtime.settings.model_copy(update=told | changes), runtime.database, runtime.store)


def tell_sara(session: Session, runtime: Runtime, now: datetime) -> None:
    report(session, runtime, person=SARA, now=now)
    session.commit()


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_message_goes_over_tls_with_the_account_of_the_settings(
    session: Session, runtime: Runtime, certificate: Certificate, security: str
) -> None:
    now = utc_now()
    with serving(certificate, security) as server:
        mailing = using(runtime, server, certificate, smtp_security=security)
        tell_sara(session, mailing, now)
        assert send_notices(mailing, now)[NoticeState.SENT] == 1
    (mail,) = server.taken
    assert mail["To"] == SARA.email and server.logins == [(*ACCOUNT, True)]


@pytest.mark.parametrize(("offered", "trusted"), [("starttls", False), ("none", True), ("tls", False)])
def test_the_password_is_not_told_on_a_line_that_is_not_safe(
    session: Session, runtime: Runtime, certificate: Certificate, offered: str, trusted: bool
) -> None:
    now, wanted = utc_now(), "tls" if offered == "tls" else "starttls"
    with serving(certificate, offered) as server:
        mailing = using(runtime, server, certificate if trusted else None, smtp_security=wanted)
        tell_sara(session, mailing, now)
        assert send_notices(mailing, now)[NoticeState.WAITING] == 1
    assert server.logins == [] and server.taken == []
    assert "mail server" in str(session.scalars(select(Notice)).one().error)


def test_a_wrong_password_is_seen_by_the_centre_and_mended_and_the_message_goes_out(
    client: TestClient, session: Session, runtime: Runtime, certificate: Certificate
) -> None:
    agent = sign_in(session, make_user(session, Role.CENTRE, town(session)))
    now = utc_now()
    with serving(certificate, "starttls") as server:
        wrong = using(runtime, server, certificate, smtp_password=SecretStr("battery staple"))
        tell_sara(session, wrong, now)
        for tries in range(len(RETRIES) + 1):
            send_notices(wrong, now + timedelta(days=2 * tries))
        (failed,) = client.get("/api/v1/notices?state=failed", headers=agent).json()["items"]
        assert failed["error"] == "mail server: SMTPAuthenticationError" and failed["attempts"] == len(RETRIES) + 1
        assert "sara" not in str(failed) and server.taken == []
        for _ in range(2):  # the same wish again is one
            told = client.post(f"/api/v1/notices/{failed['id']}/retry", headers=agent)
            assert (told.status_code, told.json()["state"], told.json()["attempts"]) == (200, "waiting", 0)
        assert send_notices(using(runtime, server, certificate), utc_now())[NoticeState.SENT] == 1
    assert len(server.taken) == 1
    sent = client.get(f"/api/v1/notices?report_id={failed['report_id']}", headers=agent).json()["items"]
    assert [row["state"] for row in sent] == ["sent"] and sent[0]["error"] is None
    again = client.post(f"/api/v1/notices/{failed['id']}/retry", headers=agent)
    assert (again.status_code, again.json()["code"]) == (409, "notice.state")
    assert len(session.scalars(select(Event).where(Event.action == "retry_notice")).all()) == 1


def test_a_mail_server_that_is_away_is_tried_again(session: Session, runtime: Runtime) -> None:
    now = utc_now()
    with mail_server() as server:
        mailing = using(runtime, server, None, smtp_security="none", smtp_user=None)
    tell_sara(session, mailing, now)  # it is gone
    assert send_notices(mailing, now)[NoticeState.WAITING] == 1
    notice = session.scalars(select(Notice)).one()
    assert notice.error == "mail server: ConnectionRefusedError" and notice.next_at == now + RETRIES[0]


class BrokenChannel:
    """An adapter with a fault in it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def reaches(self, contact: Contact) -> bool:
        return contact.phone is not None

    def send(self, contact: Contact, message: Message) -> None:
        raise KeyError(contact.phone)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package that brings the channel `sms`, as pip leaves one behind."""
    told = tmp_path / "city_sms-1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: city-sms\nVersion: 1.0\n")
    (told / "entry_points.txt").write_text(f"[rasid.notices]\nsms = {__name__}:BrokenChannel\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield


@pytest.mark.usefixtures("installed")
def test_an_installed_adapter_is_asked_and_its_fault_keeps_no_other_message_back(
    session: Session, runtime: Runtime, certificate: Certificate, capfd: pytest.CaptureFixture[str]
) -> None:
    now = utc_now()
    with serving(certificate, "starttls") as server:
        mailing = using(runtime, server, certificate, notice_channels=frozenset({"email", "sms"}))
        channels = open_channels(mailing.settings)
        assert type(channels["sms"]).__name__ == "BrokenChannel" and isinstance(channels["email"], EmailChannel)
        tell_sara(session, mailing, now)
        done = send_notices(mailing, now, {"sms": channels["sms"], "email": channels["email"]})
    assert (done[NoticeState.SENT], done[NoticeState.WAITING]) == (1, 1) and len(server.taken) == 1
    kept = session.scalar(select(Notice).where(Notice.channel == "sms"))
    assert kept is not None and kept.error == "fault of the channel: KeyError" and kept.next_at == now + RETRIES[0]
    said = capfd.readouterr()
    assert "+966501234567" not in said.out + said.err and "notice.channel_fault" in said.out + said.err


def test_a_channel_that_is_not_installed_is_named(runtime: Runtime) -> None:
    with pytest.raises(ValueError, match="'pigeon'; install"):
        open_channels(runtime.settings.model_copy(update={"notice_channels": frozenset({"pigeon"})}))
