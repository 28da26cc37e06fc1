"""What a person of the reports centre does with a report; each act may arrive twice and then changes nothing more.

Every function takes a report that the caller may see, and returns it locked.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from datasets.taxonomy import BY_KEY
from service.accounts.caller import Caller
from service.accounts.service import municipality_at
from service.core.errors import Conflict, Unprocessable
from service.core.settings import Settings
from service.reports.masking import clean, mask
from service.reports.merging import settle_report
from service.reports.models import Connection, PeerRequest, Report, ReportUpdate
from service.reports.moving import count_reports, lock_report, move_report, record_report, tell
from service.reports.reopening import reopen_report
from service.reports.states import ReportAction, ReportState, Step


def take(
    session: Session, settings: Settings, caller: Caller, report: Report, now: datetime, *,
    class_key: str | None = None, lat: float | None = None, lon: float | None = None,
) -> Report:  # fmt: skip
    """The caller looks after it, and says what it is and where as far as that was missing or wrong; a report that
    waited for just that is then merged, or opens a candidate, as a new one would."""
    if class_key is not None and class_key not in BY_KEY:
        raise Unprocessable("report.class_key", f"expected one of {', '.join(BY_KEY)}, got {class_key!r}")
    if (lat is None) != (lon is None):
        raise Unprocessable("report.place", "expected lat and lon together, got one of them")
    report = lock_report(session, report.id)
    changes: dict[str, object] = {"class_key": class_key, "lat": lat, "lon": lon, "taken_by_id": caller.actor.id}
    changes = {name: value for name, value in changes.items() if value not in (None, getattr(report, name))}
    if not changes:
        return report
    if report.defect_id is not None and changes.keys() - {"taken_by_id"}:
        raise Conflict("report.defect", "expected a report without a defect, it has one; merge it or open a candidate")
    if lat is not None and lon is not None:
        around = municipality_at(session, lat, lon, report.municipality_id)
        if around != report.municipality_id:
            raise Unprocessable(
                "report.outside", f"expected a place in municipality {report.municipality_id}, got one in {around}"
            )
    for name, value in changes.items():
        setattr(report, name, value)
    report.updated_at = now
    told = {name: value for name, value in changes.items() if name != "taken_by_id"}
    record_report(session, report, "take", caller.actor, now, from_state=report.state, data=told)
    if told and report.state is ReportState.RECEIVED:
        settle_report(session, settings, report, now)
    return report


def refer(
    session: Session, caller: Caller, report: Report, agency: str, note: str | None, connection_key: str | None,
    now: datetime,
) -> Report:  # fmt: skip
    """Another agency has it now; with a connection it is posted there and followed."""
    report = lock_report(session, report.id)
    if report.state is ReportState.REFERRED and report.agency == agency:
        return report
    if connection_key is not None:
        _queue(session, caller, report, connection_key)
    report.agency = clean(agency)
    told = {"agency": report.agency, "connection": connection_key}
    move_report(session, report, ReportAction.REFER, Step.REFERRED, caller.actor, now, note=_public(note), data=told)
    return report


def reject(session: Session, caller: Caller, report: Report, note: str, now: datetime) -> Report:
    report = lock_report(session, report.id)
    if report.state is ReportState.REJECTED:
        return report
    move_report(session, report, ReportAction.REJECT, Step.REJECTED, caller.actor, now, note=_public(note))
    count_reports(session, [report.defect_id], now)
    return report


def close(session: Session, caller: Caller, report: Report, note: str, now: datetime) -> Report:
    """With an answer to the reporter; reports of a defect close by themselves once that is mended."""
    report = lock_report(session, report.id)
    if report.state is ReportState.CLOSED:
        return report
    move_report(session, report, ReportAction.CLOSE, Step.CLOSED, caller.actor, now, note=_public(note))
    return report


def reopen(session: Session, caller: Caller, report: Report, note: str | None, now: datetime) -> Report:
    report = lock_report(session, report.id)
    if report.state is ReportState.REOPENED:
        return report
    return reopen_report(session, report, caller.actor, _public(note), now)


def answer(session: Session, caller: Caller, report: Report, note: str, now: datetime) -> ReportUpdate:
    """Words to the reporter that leave the state as it is; public, so what names a person in them is masked."""
    report, words = lock_report(session, report.id), _public(note)
    last = session.scalar(
        select(ReportUpdate).where(ReportUpdate.report_id == report.id).order_by(ReportUpdate.id.desc()).limit(1)
    )
    if last is not None and last.step is Step.ANSWERED and last.note == words and last.outside_id is None:
        return last
    record_report(session, report, "answer", caller.actor, now, from_state=report.state)
    return tell(session, report, Step.ANSWERED, now, words)


def _queue(session: Session, caller: Caller, report: Report, key: str) -> None:
    connection = session.scalar(select(Connection).where(Connection.key == key, Connection.active, Connection.push))
    own = connection is not None and connection.municipality_id in (None, report.municipality_id)
    if connection is None or not own:
        raise Unprocessable(
            "report.connection", f"expected an active connection that reports are pushed to, got {key!r}"
        )
    if (report.class_key or "other") not in connection.service_codes:
        raise Unprocessable(
            "report.connection", f"expected a class that {key} has a service code for, got {report.class_key}"
        )
    known = (PeerRequest.connection_id == connection.id, PeerRequest.report_id == report.id)
    if session.scalar(select(PeerRequest.id).where(*known)) is None:
        session.add(PeerRequest(connection_id=connection.id, report_id=report.id, pulled=False))


def _public(note: str | None) -> str | None:
    return mask(clean(note)) if note else None
