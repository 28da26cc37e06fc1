"""Who sent a report: kept apart, read through one door that records each reading, and deleted in time."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from service.core.audit import record_reads
from service.core.events import SYSTEM, Actor
from service.core.queue import enqueue
from service.core.runtime import Runtime
from service.core.settings import Settings
from service.reports.models import Report, Reporter, ReportPhoto
from service.reports.moving import record_report
from service.surveys.mending import DELETE_BLOB

log = structlog.get_logger()
BATCH = 200
PERSONAL = ("email", "phone", "first_name", "last_name", "account_id", "device_id", "words")  # of a reporter


@dataclass(frozen=True)
class Person:
    """What a reporter gave of themselves; nothing of it is needed to report."""

    email: str | None = None
    phone: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    account_id: str | None = None
    device_id: str | None = None
    language: str = "ar"

    @property
    def is_known(self) -> bool:
        return any(value for name, value in asdict(self).items() if name != "language")


def keep_person(session: Session, report: Report, person: Person, words: str | None) -> None:
    """`words`: the description as sent, where something in it was masked."""
    if person.is_known or words:
        session.add(Reporter(report_id=report.id, **asdict(person), words=words))


def read_reporter(session: Session, report: Report, actor: Actor, via: str, now: datetime) -> Reporter | None:
    """The only way to read one: every reading is in the audit trail, with the fields that were there."""
    found = session.get(Reporter, report.id)
    if found is not None:
        fields = [name for name in PERSONAL if getattr(found, name)]
        record_reads(
            session, at=now, actor=actor, subject_kind="reporter", subject_ids=[report.id], fields=fields, via=via,
            municipality_id=report.municipality_id,
        )  # fmt: skip
    return found


def delete_reporter(session: Session, report: Report, actor: Actor, reason: str, now: datetime) -> bool:
    """At the reporter's own wish, or by age; False where nobody is kept."""
    found = session.get(Reporter, report.id)
    if found is None:
        return False
    session.delete(found)
    report.digest = ""  # it was made of what is deleted too
    report.media_urls = {url: became for url, became in report.media_urls.items() if not isinstance(became, str)}
    record_report(session, report, "delete_reporter", actor, now, from_state=report.state, data={"reason": reason})
    session.flush()
    return True


def apply_retention(runtime: Runtime, now: datetime) -> tuple[int, int]:
    """Deletes reporters and photos whose time is over, in batches; how many of each. Safe to run again at any time."""
    people, photos = _until_done(runtime, _delete_people, now), _until_done(runtime, _delete_photos, now)
    if people or photos:
        log.info("reports.retention", reporters=people, photos=photos)
    return people, photos


def _until_done(runtime: Runtime, delete: Callable[[Session, Settings, datetime], int], now: datetime) -> int:
    total = 0
    while True:
        with runtime.database.transaction() as session:
            count = delete(session, runtime.settings, now)
        total += count
        if count < BATCH:
            return total


def _delete_people(session: Session, settings: Settings, now: datetime) -> int:
    over = now - timedelta(days=settings.keep_reporters_days)
    at_most = now - timedelta(days=settings.keep_reporters_at_most_days)
    due = select(Report).join(Reporter, Reporter.report_id == Report.id)
    due = due.where(or_(Report.closed_at < over, Report.received_at < at_most)).order_by(Report.id).limit(BATCH)
    reports = list(session.scalars(due.with_for_update(skip_locked=True, of=Reporter)))
    for report in reports:
        delete_reporter(session, report, SYSTEM, "age", now)
    return len(reports)


def _delete_photos(session: Session, settings: Settings, now: datetime) -> int:
    """As long as pictures of vehicles that show a defect which is over; 0 keeps them for good."""
    if not settings.keep_evidence_days:
        return 0
    over = now - timedelta(days=settings.keep_evidence_days)
    due = select(ReportPhoto).join(Report, Report.id == ReportPhoto.report_id)
    due = due.where(ReportPhoto.blob_key.is_not(None), Report.closed_at < over).order_by(ReportPhoto.id).limit(BATCH)
    photos = list(session.scalars(due.with_for_update(skip_locked=True, of=ReportPhoto)))
    for photo in photos:
        enqueue(session, DELETE_BLOB, lock=f"blob:{photo.blob_key}", key=photo.blob_key)
        photo.blob_key = None
    return len(photos)
