"""Fetches photos that were told by address, so that they are blurred, kept and shown like those that were sent."""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import cast, func, select
from sqlalchemy.dialects.postgresql import JSONPATH

from service.core.errors import RasidError
from service.core.runtime import Runtime
from service.reports.models import Report, ReportPhoto
from service.reports.moving import lock_report
from service.reports.outbound import Unreachable, call
from service.reports.photos import prepare_photos, store_photos

log = structlog.get_logger()
BATCH = 50
GIVEN_UP_AFTER = timedelta(days=2)
KEPT = "kept"


def fetch_media(runtime: Runtime, now: datetime) -> int:
    """Photos that came in; what cannot be reached is tried again for two days. Safe to run at any time."""
    with runtime.database.transaction() as session:
        open_one = func.jsonb_path_exists(Report.media_urls, cast("$.* ? (@ == null)", JSONPATH))
        own = select(Report.id, Report.media_urls).where(open_one).order_by(Report.updated_at.desc()).limit(BATCH)
        waiting = session.execute(own).all()
    told = [(row.id, url) for row in waiting for url, became in row.media_urls.items() if not became]
    return sum(_fetch(runtime, report_id, url, now) for report_id, url in told)


def _fetch(runtime: Runtime, report_id: int, url: str, now: datetime) -> bool:
    became: str | None
    data, refusal = b"", None
    try:
        response = call("GET", url, runtime.settings.private_hosts)
        data, refusal = response.content, None if response.is_success else f"status {response.status_code}"
    except Unreachable as error:
        refusal = str(error)
    ready = []
    became = KEPT
    if refusal is None:
        try:
            ready = prepare_photos(runtime, [data])
        except RasidError as error:  # no picture: it will not become one
            became = error.code
    with runtime.database.transaction() as session:
        report = lock_report(session, report_id)
        if refusal is not None:
            became = "unreachable" if now - report.updated_at > GIVEN_UP_AFTER else None
        have = session.scalar(select(func.count(ReportPhoto.id)).where(ReportPhoto.report_id == report_id)) or 0
        if ready and have >= runtime.settings.report_max_photos:
            ready, became = [], "too_many"
        report.media_urls = report.media_urls | {url: became}
        store_photos(session, runtime, report, ready)
    if refusal or became != KEPT:
        log.info("report.media", report_id=report_id, became=became, refusal=refusal)
    return became == KEPT
