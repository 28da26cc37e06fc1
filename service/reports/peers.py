"""Keeps another Open311 endpoint and this one in step: reads their requests, posts ours, tells and follows progress.

Every exchange is written down in a transaction of its own, so that a sync that stops goes on where it was.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from service.core.errors import RasidError
from service.core.events import SYSTEM
from service.core.i18n import Language
from service.core.outbound import Unreachable
from service.core.runtime import Runtime
from service.reports.intake import NewReport, file_report
from service.reports.models import Connection, PeerRequest, Report, ReportSource, ReportUpdate
from service.reports.moving import lock_report, move_report, tell
from service.reports.open311_query import SPAN
from service.reports.open311_reading import w3c
from service.reports.open311_services import OTHER
from service.reports.peer_client import Peer, PeerRefused, Row, RowRefused, one_of
from service.reports.photos import is_public
from service.reports.states import OVER, ReportAction, Step, open311_status
from service.reports.words import step_text

log = structlog.get_logger()
PAGE, MOST_PAGES, IDS_AT_ONCE = 200, 500, 50
OVERLAP = timedelta(hours=24)  # requests that their list shows late


@dataclass
class Synced:
    """What one sync did."""

    connection: str
    pulled: int = 0
    skipped: int = 0  # refused here, told in the log
    refused: int = 0  # by them, told in the log and tried again with the next sync
    posted: int = 0
    told: int = 0
    followed: int = 0
    error: str | None = None


def sync_all(runtime: Runtime, now: datetime, key: str | None = None) -> list[Synced]:
    """Every active connection, or the one with this key; the failure of one stops no other."""
    with runtime.database.transaction() as session:
        own = select(Connection).where(Connection.active).order_by(Connection.id)
        connections = list(session.scalars(own if key is None else own.where(Connection.key == key)))
    return [sync_connection(runtime, connection, now) for connection in connections]


def sync_connection(runtime: Runtime, connection: Connection, now: datetime) -> Synced:
    done, peer, failed = Synced(connection.key), _peer(runtime, connection), False
    try:
        if connection.push:
            _post_waiting(runtime, connection, peer, done)
            _redeem_tokens(runtime, connection, peer, done)
            _follow_theirs(runtime, connection, peer, done, now)
        if connection.pull:
            _pull(runtime, connection, peer, done, now)
        if connection.tell_updates:
            _tell_ours(runtime, connection, peer, done)
    except (Unreachable, PeerRefused) as error:
        done.error, failed = str(error)[:300], True
        log.warning("open311.sync_failed", connection=connection.key, error=done.error)
    with runtime.database.transaction() as session:
        row = session.get_one(Connection, connection.id)
        row.last_error = done.error
        if not failed:
            row.last_ok_at = now
            row.polled_until = now if connection.pull else row.polled_until
    return done


def _pull(runtime: Runtime, connection: Connection, peer: Peer, done: Synced, now: datetime) -> None:
    """Their open requests since the last time become reports here, each once."""
    classes = {str(code): key for key, code in connection.service_codes.items()}
    since = connection.polled_until - OVERLAP if connection.polled_until else now - SPAN
    while since < now:
        until = min(since + SPAN, now)
        seen: set[str] = set()
        for page in range(1, MOST_PAGES):
            window = {"start_date": w3c(since), "end_date": w3c(until), "page": str(page), "page_size": str(PAGE)}
            rows = peer.get("requests", **window)
            fresh = [row for row in rows if row.get("service_request_id") not in {None, *seen}]
            seen |= {str(row["service_request_id"]) for row in fresh}
            for row in fresh:
                _take(runtime, connection, row, classes, done, now)
            if not fresh:  # the end, or an endpoint that knows no pages
                break
        since = until


def _take(
    runtime: Runtime, connection: Connection, row: Row, classes: dict[str, str], done: Synced, now: datetime
) -> None:
    number = str(row["service_request_id"])[:120]
    try:
        with runtime.database.transaction() as session:
            same = (PeerRequest.connection_id == connection.id, PeerRequest.service_request_id == number)
            if session.scalar(select(PeerRequest.id).where(*same)) or row.get("status") == "closed":
                return
            report, _ = file_report(session, runtime, _theirs(connection, row, classes, now), (), SYSTEM, now)
            twin = (PeerRequest.connection_id == connection.id, PeerRequest.report_id == report.id)
            if session.scalar(select(PeerRequest.id).where(*twin)) is None:
                pair = {"connection_id": connection.id, "report_id": report.id}
                session.add(PeerRequest(**pair, pulled=True, service_request_id=number))
        done.pulled += 1
    except (RasidError, ValueError) as error:
        done.skipped += 1
        log.warning("open311.request_skipped", connection=connection.key, number=number, error=str(error)[:200])


def _theirs(connection: Connection, row: Row, classes: dict[str, str], now: datetime) -> NewReport:
    told = row.get("requested_datetime")
    at = datetime.fromisoformat(told) if told else now
    lat, lon, media = row.get("lat"), row.get("long"), row.get("media_url")
    key = classes.get(row.get("service_code") or "")
    return NewReport(
        source=ReportSource.OPEN311, class_key=None if key == OTHER else key, description=row.get("description") or "",
        lat=float(lat) if lat and lon else None, lon=float(lon) if lat and lon else None,
        address=(row.get("address") or "")[:500] or None, address_id=(row.get("address_id") or "")[:120] or None,
        attributes={"connection": connection.key, "number": row.get("service_request_id")},
        media_urls=(media,) if media and media.startswith(("http://", "https://")) else (),
        municipality_id=connection.municipality_id, requested_at=min(at if at.tzinfo else at.replace(tzinfo=UTC), now),
    )  # fmt: skip


def _post_waiting(runtime: Runtime, connection: Connection, peer: Peer, done: Synced) -> None:
    for row_id in _ids(runtime, connection, PeerRequest.service_request_id.is_(None), PeerRequest.token.is_(None)):
        with _one_row(connection, row_id, done):
            _post(runtime, connection, peer, row_id)
            done.posted += 1


@contextmanager
def _one_row(connection: Connection, row_id: int, done: Synced) -> Iterator[None]:
    """One that they do not take keeps no other from going; it is told, and tried again with the next sync."""
    try:
        yield
    except RowRefused as error:
        done.refused, done.error = done.refused + 1, str(error)[:300]
        log.warning("open311.row_refused", connection=connection.key, peer_request_id=row_id, error=done.error)


def _post(runtime: Runtime, connection: Connection, peer: Peer, row_id: int) -> None:
    with runtime.database.transaction() as session:
        row = session.get_one(PeerRequest, row_id)
        fields, tried = _ours(runtime, connection, row.report), row.attempts > 0
        since, number = w3c(row.report.received_at - SPAN / 90), row.report.number
        row.attempts += 1  # before the call: an answer that is lost must not make two of it
    answered = _find_posted(peer, fields["service_code"], since, number) if tried else None
    answered = answered or one_of(peer.post("requests", fields))
    with runtime.database.transaction() as session:
        row = session.get_one(PeerRequest, row_id)
        row.service_request_id, row.token = answered.get("service_request_id"), answered.get("token")


def _find_posted(peer: Peer, code: str, since: str, number: str) -> Row | None:
    """What an earlier try may have left there, by our number in its words."""
    rows = peer.get("requests", service_code=code, start_date=since)
    return next((row for row in rows if f"[{number}]" in (row.get("description") or "")), None)


def _ours(runtime: Runtime, connection: Connection, report: Report) -> dict[str, str]:
    """Never who sent it: only the thing, its place and what it looks like."""
    key = report.class_key or OTHER
    code = connection.service_codes.get(key)
    if code is None:
        raise RowRefused(f"expected a service code for {key} in connection {connection.key}, got none; add it")
    fields = {"service_code": str(code), "description": f"{report.description}\n[{report.number}]"}
    if report.lat is not None:
        fields |= {"lat": str(report.lat), "long": str(report.lon)}
    if report.address:
        fields["address_string"] = report.address
    photo = next((one for one in report.photos if is_public(one)), None)
    if photo is not None and runtime.settings.public_url:
        fields["media_url"] = f"{runtime.settings.public_url.rstrip('/')}/open311/v2/photos/{photo.key}"
    return fields


def _redeem_tokens(runtime: Runtime, connection: Connection, peer: Peer, done: Synced) -> None:
    for row_id in _ids(runtime, connection, PeerRequest.service_request_id.is_(None), PeerRequest.token.is_not(None)):
        with runtime.database.transaction() as session:
            token = session.get_one(PeerRequest, row_id).token
        with _one_row(connection, row_id, done):
            number = one_of(peer.get(f"tokens/{token}")).get("service_request_id")
            with runtime.database.transaction() as session:
                session.get_one(PeerRequest, row_id).service_request_id = number


def _follow_theirs(runtime: Runtime, connection: Connection, peer: Peer, done: Synced, now: datetime) -> None:
    """What became there of the reports that we posted."""
    with runtime.database.transaction() as session:
        own = (PeerRequest.connection_id == connection.id, PeerRequest.pulled.is_(False), Report.state.not_in(OVER))
        waiting = select(PeerRequest.service_request_id, PeerRequest.id).join(Report).where(
            *own, PeerRequest.service_request_id.is_not(None)
        )  # fmt: skip
        by_number = {str(row[0]): row[1] for row in session.execute(waiting)}
    numbers = sorted(by_number)
    for start in range(0, len(numbers), IDS_AT_ONCE):
        rows = peer.get("requests", service_request_id=",".join(numbers[start : start + IDS_AT_ONCE]))
        for row in rows:
            row_id = by_number.get(row.get("service_request_id") or "")
            if row_id is not None:
                with runtime.database.transaction() as session:
                    done.followed += _follow(session, row_id, row, now)


def _follow(session: Session, row_id: int, row: Row, now: datetime) -> bool:
    ours = session.get_one(PeerRequest, row_id, with_for_update=True)
    status, updated = (row.get("status") or "")[:40], (row.get("updated_datetime") or "")[:40]
    if (ours.their_status, ours.their_updated) == (status, updated):
        return False
    first, (ours.their_status, ours.their_updated) = ours.their_status is None, (status, updated)
    report, notes = lock_report(session, ours.report_id), row.get("status_notes")
    if status == "closed" and report.state not in OVER:
        move_report(session, report, ReportAction.CLOSE, Step.CLOSED, SYSTEM, now, note=notes)
    elif notes and not first:
        tell(session, report, Step.ANSWERED, now, notes, said_status=status)
    return True


def _tell_ours(runtime: Runtime, connection: Connection, peer: Peer, done: Synced) -> None:
    """Every public step of what began there, in order; the same update_id when it is told twice."""
    for row_id in _ids(runtime, connection, PeerRequest.pulled):
        with _one_row(connection, row_id, done):
            _tell(runtime, peer, row_id, done)


def _tell(runtime: Runtime, peer: Peer, row_id: int, done: Synced) -> None:
    with runtime.database.transaction() as session:
        row = session.get_one(PeerRequest, row_id)
        number, since = row.service_request_id, row.told_update_id
        own = select(ReportUpdate).where(
            ReportUpdate.report_id == row.report_id, ReportUpdate.id > since, ReportUpdate.outside_id.is_(None)
        )  # fmt: skip
        updates = list(session.scalars(own.options(joinedload(ReportUpdate.report)).order_by(ReportUpdate.id)))
    for update in updates:
        words = step_text(update.step, update.note, Language.ARABIC, update.report.agency)
        told = {
            "service_request_id": str(number), "update_id": str(update.id), "updated_datetime": w3c(update.at),
            "status": open311_status(update.state), "description": words,
        }  # fmt: skip
        peer.post("servicerequestupdates", told)
        with runtime.database.transaction() as session:
            session.get_one(PeerRequest, row_id).told_update_id = update.id
        done.told += 1


def _ids(runtime: Runtime, connection: Connection, *where: object) -> list[int]:
    with runtime.database.transaction() as session:
        own = select(PeerRequest.id).where(PeerRequest.connection_id == connection.id, *where)  # type: ignore[arg-type]
        return list(session.scalars(own.order_by(PeerRequest.id)))


def _peer(runtime: Runtime, connection: Connection) -> Peer:
    key = runtime.settings.open311_keys.get(connection.key)
    secret = key.get_secret_value() if key else None
    return Peer(connection.url, connection.format, secret, connection.jurisdiction_id, runtime.settings)
