"""What programs write through Open311: service requests with photos, and updates of them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.models import Municipality
from service.core.errors import Forbidden, NotFound
from service.core.events import SYSTEM
from service.core.i18n import Language
from service.core.runtime import Runtime
from service.reports.intake import MAX_DESCRIPTION, NewReport, file_report
from service.reports.masking import clean, mask
from service.reports.models import ApiKey, Report, ReportSource, ReportUpdate
from service.reports.moving import lock_report, record_report, tell
from service.reports.open311_query import BadParameter, Parameters
from service.reports.open311_reading import get_request
from service.reports.open311_services import ATTRIBUTES, OTHER, check_answers, service_codes
from service.reports.people import Person
from service.reports.photos import add_photos, prepare_photos
from service.reports.reopening import may_reopen, reopen_report
from service.reports.states import OVER, Step

_ATTRIBUTE = re.compile(r"attribute\[([^\[\]]{1,60})\](?:\[\d*\])?")
_EMAIL = re.compile(r"[^\s@<>,;\"]+@[^\s@<>,;\"]+\.[^\s@<>,;\"]+")
_MEDIA = ("media_url", "media_url[]")


@dataclass(frozen=True)
class Form:
    """A body as it was sent."""

    fields: Parameters
    files: Sequence[BinaryIO] = ()  # read once the key is known to be good


def post_request(
    session: Session, runtime: Runtime, key: ApiKey, jurisdiction: Municipality | None, form: Form, language: Language,
    now: datetime,
) -> Report:  # fmt: skip
    """Files the report; the same request sent again is answered with the same one."""
    told = form.fields
    if jurisdiction is not None and key.municipality_id not in (None, jurisdiction.id):
        raise Forbidden("api_key.municipality", f"expected a key for {jurisdiction.key}, got one for another")
    code = told.get("service_code")
    if code is None:
        raise BadParameter("open311.service_code", "expected a service_code of GET services, got none")
    if code not in service_codes():
        raise NotFound("open311.service_code", f"expected a service_code of GET services, got {code!r:.60}")
    place = told.place()
    new = NewReport(
        source=ReportSource.OPEN311, class_key=None if code == OTHER else code,
        description=told.get("description", MAX_DESCRIPTION) or "",
        lat=place[0] if place else None, lon=place[1] if place else None, address=told.get("address_string"),
        address_id=told.get("address_id", 120), attributes=check_answers(ATTRIBUTES.get(code, ()), _answers(told)),
        media_urls=_media_urls(told), person=_person(told, language),
        municipality_id=jurisdiction.id if jurisdiction else key.municipality_id, api_key_id=key.id,
    )  # fmt: skip
    report, _ = file_report(session, runtime, new, [one.read() for one in form.files], SYSTEM, now)
    refuse_foreign(key, report)
    return report


def post_update(
    session: Session, runtime: Runtime, key: ApiKey, jurisdiction: Municipality | None, form: Form, now: datetime
) -> ReportUpdate:
    """Keeps words and photos about a report; the same update_id of the same key is kept once.

    `open` reopens what was closed a short while ago; `closed` is the sender's word alone, a person closes.
    """
    told = form.fields
    number, status = told.get("service_request_id"), (told.get("status", 40) or "").lower()
    if number is None:
        raise BadParameter("open311.request", "expected a service_request_id, got none")
    if not status:
        raise BadParameter("open311.status", "expected a status, open or closed, got none")
    at, update_id = told.time("updated_datetime") or now, told.get("update_id", 120)
    report = get_request(session, jurisdiction, number)
    refuse_foreign(key, report)
    photos = prepare_photos(runtime, [one.read() for one in form.files])
    report = lock_report(session, report.id)
    outside_id = f"key {key.id}: {update_id or uuid4().hex}"
    if same := _known(session, report, outside_id):
        return same
    add_photos(session, runtime, report, photos, _media_urls(told))
    words = mask(clean(told.get("description", MAX_DESCRIPTION) or ""))
    if status == "open" and report.state in OVER and may_reopen(report, runtime.settings, now):
        reopen_report(session, report, SYSTEM, words or None, now)
    update = tell(
        session, report, Step.ANSWERED, now, words or None, said_status=status, outside_id=outside_id, at=min(at, now)
    )
    update.noticed = True  # whoever wrote it knows
    record_report(session, report, "comment", SYSTEM, now, from_state=report.state, data={"said_status": status})
    return update


def refuse_foreign(key: ApiKey, report: Report) -> None:
    if key.municipality_id is not None and key.municipality_id != report.municipality_id:
        raise Forbidden("api_key.municipality", "expected a place within the municipality of this api_key, got another")


def _known(session: Session, report: Report, outside_id: str) -> ReportUpdate | None:
    own = (ReportUpdate.report_id == report.id, ReportUpdate.outside_id == outside_id)
    return session.scalar(select(ReportUpdate).where(*own))


def _answers(told: Parameters) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, values in told.lists().items():
        if asked := _ATTRIBUTE.fullmatch(name):
            found.setdefault(asked[1], []).extend(values)
    return found


def _media_urls(told: Parameters) -> tuple[str, ...]:
    urls = tuple(dict.fromkeys(url for name in _MEDIA for url in told.lists().get(name, ())))
    if wrong := next((url for url in urls if len(url) > 2000 or not url.startswith(("http://", "https://"))), None):
        raise BadParameter("open311.media_url", f"expected an http or https address in media_url, got {wrong!r:.60}")
    return urls


def _person(told: Parameters, language: Language) -> Person:
    email = told.get("email", 254)
    if email is not None and not _EMAIL.fullmatch(email):
        raise BadParameter("open311.email", "expected an e-mail address as name@example.org in email")
    return Person(
        email=email, phone=told.get("phone", 40), first_name=told.get("first_name", 120),
        last_name=told.get("last_name", 120), account_id=told.get("account_id", 120),
        device_id=told.get("device_id", 120), language=language.value,
    )  # fmt: skip
