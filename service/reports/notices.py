"""Tells reporters what became of their reports: an outbox that loses nothing and keeps no address and no words."""

import traceback
from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from service.core.events import SYSTEM
from service.core.i18n import Language
from service.core.runtime import Runtime
from service.core.settings import Settings
from service.core.tables import JsonObject
from service.core.telemetry import NOTICES
from service.reports.channels import Channel, Contact, Message, NotDelivered, open_channels
from service.reports.models import ApiKey, Notice, NoticeState, Report, Reporter, ReportUpdate
from service.reports.open311_reading import w3c
from service.reports.people import read_reporter
from service.reports.reopening import ends_at, link_token
from service.reports.retries import next_try
from service.reports.states import OVER, Step, open311_status
from service.reports.words import SUBJECT, message_text, step_text

log = structlog.get_logger()
BATCH = 100
LEASE = timedelta(minutes=5)  # a try that never came back is made again after it


def send_notices(
    runtime: Runtime, now: datetime, channels: Mapping[str, Channel] | None = None
) -> dict[NoticeState, int]:
    """Puts new steps into the outbox and sends what is due; how many ended how. Several may run at once."""
    ways = open_channels(runtime.settings) if channels is None else channels
    while _prepare(runtime, ways, now) == BATCH:
        pass
    done = dict.fromkeys(NoticeState, 0)
    while notice_ids := _lease(runtime, now):
        for notice_id in notice_ids:
            done[_send(runtime, ways, notice_id, now)] += 1
    return done


def _prepare(runtime: Runtime, channels: Mapping[str, Channel], now: datetime) -> int:
    """Notices of the steps that have none yet: one for each way that may reach somebody."""
    with runtime.database.transaction() as session:
        new = select(ReportUpdate).where(ReportUpdate.noticed.is_(False)).order_by(ReportUpdate.id).limit(BATCH)
        updates = list(
            session.scalars(
                new.options(selectinload(ReportUpdate.report)).with_for_update(skip_locked=True, of=ReportUpdate)
            )
        )
        people = select(Reporter.report_id).where(Reporter.report_id.in_([one.report_id for one in updates]))
        known = set(session.scalars(people))
        receipts = {one.report_id: one.at for one in updates if one.step is Step.RECEIVED}
        for update in updates:
            update.noticed = True
            if update.step is Step.INSPECTION and receipts.get(update.report_id) == update.at:
                continue  # it came with the receipt: a second message at once says no more
            names = [name for name in channels if name == "webhook" or update.report_id in known]
            if update.report.api_key_id is None:
                names = [name for name in names if name != "webhook"]
            session.add_all(
                Notice(
                    report_id=update.report_id,
                    update_id=update.id,
                    channel=name,
                    state=NoticeState.WAITING,
                    next_at=now,
                )
                for name in names
            )
        return len(updates)


def _lease(runtime: Runtime, now: datetime) -> list[int]:
    """Takes some that are due, each counted as a try before it is made."""
    with runtime.database.transaction() as session:
        due = select(Notice).where(Notice.state == NoticeState.WAITING, Notice.next_at <= now).order_by(Notice.next_at)
        notices = list(session.scalars(due.limit(BATCH).with_for_update(skip_locked=True)))
        for notice in notices:
            notice.attempts, notice.next_at = notice.attempts + 1, now + LEASE
        return [notice.id for notice in notices]


def _send(runtime: Runtime, channels: Mapping[str, Channel], notice_id: int, now: datetime) -> NoticeState:
    """Address and words are looked up now: what was deleted since is not sent."""
    with runtime.database.transaction() as session:
        notice = session.get_one(Notice, notice_id)
        channel, report = channels.get(notice.channel), session.get_one(Report, notice.report_id)
        contact, language = _contact(session, report, notice.channel, now)
        message = _message(runtime.settings, notice, report, language)
    error = None
    if channel is None or not channel.reaches(contact):
        return _end(runtime, notice_id, NoticeState.DROPPED, None, now)
    try:
        channel.send(contact, message)
    except NotDelivered as refused:
        error = str(refused)[:200]
    except Exception as fault:  # an adapter is code of others: its fault must not keep all other messages from going
        place = traceback.extract_tb(fault.__traceback__)[-1]  # its words and its values may name the reporter
        log.warning(
            "notice.channel_fault",
            channel=notice.channel,
            kind=type(fault).__name__,
            at=f"{place.filename}:{place.lineno}",
        )
        error = f"fault of the channel: {type(fault).__name__}"
    return _end(runtime, notice_id, NoticeState.SENT if error is None else NoticeState.WAITING, error, now)


def _end(runtime: Runtime, notice_id: int, state: NoticeState, error: str | None, now: datetime) -> NoticeState:
    with runtime.database.transaction() as session:
        notice = session.get_one(Notice, notice_id, with_for_update=True)
        if error is not None:
            again = next_try(notice.attempts, now)
            state, notice.next_at = (NoticeState.WAITING, again) if again else (NoticeState.FAILED, now)
        notice.state, notice.error = state, error
        notice.sent_at = now if state is NoticeState.SENT else None
        told = "failed_try" if error is not None and state is NoticeState.WAITING else state.value
        NOTICES.labels(notice.channel, told).inc()
    log.info("notice." + state.value, notice_id=notice_id, error=error)
    return state


def _contact(session: Session, report: Report, channel: str, now: datetime) -> tuple[Contact, Language]:
    """A webhook reads nothing of the person; every other way is one reading, with its event."""
    if channel == "webhook":
        key = session.get(ApiKey, report.api_key_id) if report.api_key_id else None
        live = key is not None and key.revoked_at is None
        return Contact(
            api_key_id=report.api_key_id, notice_url=key.notice_url if key and live else None
        ), Language.ARABIC
    person = read_reporter(session, report, SYSTEM, f"notice by {channel}"[:60], now)
    if person is None:
        return Contact(), Language.ARABIC
    return Contact(person.email, person.phone), Language(person.language)


def _message(settings: Settings, notice: Notice, report: Report, language: Language) -> Message:
    update = notice.update
    token = link_token(report, settings) if update.state in OVER and report.state in OVER else None
    link, until = link_address(settings, token) if token else None, ends_at(report, settings)
    words = step_text(update.step, update.note, language, report.agency)
    ends = f"{until:%Y-%m-%d}" if until else ""
    facts: JsonObject = {
        "service_request_id": report.number, "update_id": str(update.id), "status": open311_status(update.state),
        "state": update.state.value, "step": update.step.value, "at": w3c(update.at), "link": link,
    }  # fmt: skip
    return Message(
        key=f"notice-{notice.id}", language=language.value, subject=SUBJECT[language].format(number=report.number),
        text=message_text(report.number, report.class_key, words, language, link, ends), at=update.at, facts=facts,
    )  # fmt: skip


def link_address(settings: Settings, token: str) -> str:
    if settings.link_url:
        return settings.link_url.replace("{token}", token)
    base = (settings.public_url or f"http://{settings.host}:{settings.port}").rstrip("/")
    return f"{base}/api/v1/report-links/{token}"
