"""Fetches photos that were told by address, so that they are blurred, kept and shown like those that were sent."""

import time
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy import cast, func, select
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH

from service.core.errors import RasidError
from service.core.outbound import AnswerTooLarge, Call, Unreachable, call
from service.core.runtime import Runtime
from service.core.tables import JsonObject
from service.reports.models import Report, ReportPhoto
from service.reports.moving import lock_report
from service.reports.open311_reading import w3c
from service.reports.photos import ReadyPhoto, prepare_photos, store_photos
from service.reports.retries import next_try

log = structlog.get_logger()
BATCH, RUN_S = 50, 60.0  # then the run ends, so that slow servers hold up nothing else for long
KEPT, UNREACHABLE, TOO_MANY = "kept", "unreachable", "too_many"
_DUE = "$.* ? (@ == null || @.next_at <= $now)"  # never tried, or its time has come again


@dataclass(frozen=True)
class _Fetched:
    """`refusal`: it may come another time; `unfit`: it never will."""

    photos: list[ReadyPhoto] = field(default_factory=list)
    refusal: str | None = None
    unfit: str | None = None


def fetch_media(runtime: Runtime, now: datetime, run_s: float = RUN_S) -> int:
    """Photos that came in; what cannot be reached is tried again for two days. Safe to run at any time."""
    until_s, kept = time.monotonic() + run_s, 0
    for report_id, url in _due(runtime, now):
        if time.monotonic() >= until_s:
            break
        kept += _keep(runtime, report_id, url, _fetch(runtime, url), now)
    return kept


def _due(runtime: Runtime, now: datetime) -> list[tuple[int, str]]:
    """The oldest reports first: one that fails waits longer each time and so makes room."""
    due = func.jsonb_path_exists(Report.media_urls, cast(_DUE, JSONPATH), cast({"now": w3c(now)}, JSONB))
    with runtime.database.transaction() as session:
        rows = session.execute(select(Report.id, Report.media_urls).where(due).order_by(Report.id).limit(BATCH)).all()
    return [(row.id, url) for row in rows for url, became in row.media_urls.items() if _is_due(became, now)]


def _is_due(became: str | JsonObject | None, now: datetime) -> bool:
    return became is None or (isinstance(became, dict) and became["next_at"] <= w3c(now))


def _fetch(runtime: Runtime, url: str) -> _Fetched:
    settings = runtime.settings
    try:
        answer = call(settings, Call("GET", url), most_bytes=settings.max_image_bytes)
    except AnswerTooLarge:
        return _Fetched(unfit="image.too_many_bytes")
    except Unreachable as error:
        return _Fetched(refusal=str(error))
    if not answer.is_success:
        return _Fetched(refusal=f"status {answer.status}")
    try:
        return _Fetched(prepare_photos(runtime, [answer.content]))
    except RasidError as error:  # no picture: it will not become one
        return _Fetched(unfit=error.code)


def _keep(runtime: Runtime, report_id: int, url: str, fetched: _Fetched, now: datetime) -> bool:
    with runtime.database.transaction() as session:
        report, photos = lock_report(session, report_id), fetched.photos
        have = session.scalar(select(func.count(ReportPhoto.id)).where(ReportPhoto.report_id == report_id)) or 0
        became: str | JsonObject = fetched.unfit or KEPT
        if fetched.refusal is not None:
            became = _again(report.media_urls.get(url), now)
        elif photos and have >= runtime.settings.report_max_photos:
            photos, became = [], TOO_MANY
        report.media_urls = report.media_urls | {url: became}
        store_photos(session, runtime, report, photos)
    if became != KEPT:
        log.info("report.media", report_id=report_id, became=became, refusal=fetched.refusal)
    return became == KEPT


def _again(before: JsonObject | None, now: datetime) -> str | JsonObject:
    tries = (before["tries"] if isinstance(before, dict) else 0) + 1
    at = next_try(tries, now)
    return {"tries": tries, "next_at": w3c(at)} if at else UNREACHABLE
