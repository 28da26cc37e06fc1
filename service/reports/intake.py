"""Takes a citizen's report in, whichever way it came: once, in the right municipality, without more than was given."""

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from datasets.taxonomy import BY_KEY
from service.accounts.models import Municipality
from service.accounts.service import municipality_at
from service.core.errors import Unprocessable
from service.core.events import Actor
from service.core.runtime import Runtime
from service.core.tables import JsonObject
from service.reports.masking import clean, mask
from service.reports.merging import settle_report
from service.reports.models import Report, ReportSource
from service.reports.moving import record_report, tell
from service.reports.people import Person, keep_person
from service.reports.photos import MAX_URLS, prepare_photos, store_photos
from service.reports.states import ReportState, Step

TWICE_WITHIN = timedelta(hours=24)  # the same words of the same place by the same sender are one report
MAX_DESCRIPTION = 4000


@dataclass(frozen=True)
class NewReport:
    """A report as it came. `class_key` None: something else. Without lat and lon an address must tell the place."""

    source: ReportSource
    class_key: str | None
    description: str = ""
    lat: float | None = None
    lon: float | None = None
    place_sd_m: float | None = None  # None: as the settings say
    address: str | None = None
    address_id: str | None = None
    attributes: JsonObject = field(default_factory=dict)
    media_urls: tuple[str, ...] = ()
    person: Person = field(default_factory=Person)
    municipality_id: int | None = None  # None: by the place
    api_key_id: int | None = None
    requested_at: datetime | None = None  # when it was told elsewhere


def file_report(
    session: Session, runtime: Runtime, told: NewReport, photos: Sequence[bytes], actor: Actor, now: datetime
) -> tuple[Report, bool]:
    """The report and whether it is new: the same one sent again within a day is the one that is there.

    Raises Unprocessable for a place outside of every municipality, an unknown class and photos that cannot be used.
    """
    _check(told)
    digest = _digest(told, photos)
    session.execute(select(func.pg_advisory_xact_lock(int(digest[:15], 16))))
    if same := _same(session, digest, now):
        return same, False
    municipality = _municipality(session, told)
    ready = prepare_photos(runtime, photos)
    words = clean(told.description)
    received_at = told.requested_at or now
    report = Report(
        municipality_id=municipality.id, number=uuid4().hex, source=told.source, api_key_id=told.api_key_id,
        digest=digest, class_key=told.class_key, description=mask(words), attributes=told.attributes,
        lat=told.lat, lon=told.lon, place_sd_m=told.place_sd_m or runtime.settings.report_place_sd_m,
        address=told.address and mask(clean(told.address)), address_id=told.address_id,
        media_urls=dict.fromkeys(told.media_urls), state=ReportState.RECEIVED, step=Step.RECEIVED,
        token=secrets.token_urlsafe(24) if told.class_key is None else None, received_at=received_at, updated_at=now,
    )  # fmt: skip
    session.add(report)
    session.flush()
    report.number = f"{municipality.key}-{report.id}"
    store_photos(session, runtime, report, ready)
    keep_person(session, report, told.person, words if words != report.description else None)
    about: JsonObject = {"source": told.source.value, "class_key": told.class_key}
    record_report(session, report, "receive", actor, now, from_state=None, data=about)
    tell(session, report, Step.RECEIVED, now)
    settle_report(session, runtime.settings, report, now)
    session.flush()
    return report, True


def is_published(report: Report) -> bool:
    """What nobody has looked at and nobody could name is not public yet; its sender has a token meanwhile."""
    return report.token is None or report.class_key is not None or report.state is not ReportState.RECEIVED


def _check(told: NewReport) -> None:
    if told.class_key is not None and told.class_key not in BY_KEY:
        raise Unprocessable("report.class_key", f"expected one of {', '.join(BY_KEY)}, got {told.class_key!r}")
    if (told.lat is None) != (told.lon is None):
        raise Unprocessable("report.place", "expected lat and lon together, got one of them")
    if told.lat is None and not told.address and not told.address_id:
        raise Unprocessable("report.place", "expected lat and long, address_string or address_id, got none")
    if told.lat is not None and told.lon is not None and not (abs(told.lat) <= 90 and abs(told.lon) <= 180):
        raise Unprocessable("report.place", f"expected degrees of WGS 84, got {told.lat}, {told.lon}")
    if len(told.description) > MAX_DESCRIPTION:
        raise Unprocessable(
            "report.description", f"expected at most {MAX_DESCRIPTION} characters, got {len(told.description)}"
        )
    if len(told.media_urls) > MAX_URLS:
        raise Unprocessable("report.media_url", f"expected at most {MAX_URLS} addresses, got {len(told.media_urls)}")


def _municipality(session: Session, told: NewReport) -> Municipality:
    """By the boundary around the place; by name where there is no place, or where that municipality has no boundary."""
    named = session.get(Municipality, told.municipality_id) if told.municipality_id is not None else None
    if told.lat is not None and told.lon is not None:
        around = municipality_at(session, told.lat, told.lon, 0)
        if around and told.municipality_id in (None, around):
            return session.get_one(Municipality, around)
        if named is not None and named.west is None and not around:
            return named
    elif named is not None:
        return named
    every = list(session.scalars(select(Municipality).order_by(Municipality.id).limit(2)))
    if len(every) == 1 and (every[0].west is None or told.lat is None):
        return every[0]
    where = f"{told.lat}, {told.lon}" if told.lat is not None else "an address alone"
    wanted = f"a place within {named.key}" if named else "a place within a municipality's boundary"
    raise Unprocessable("report.outside", f"expected {wanted}, got {where}; move the marker or name the municipality")


def _digest(told: NewReport, photos: Sequence[bytes]) -> str:
    content = json.dumps(asdict(told), sort_keys=True, default=str, ensure_ascii=False)
    hashes = sorted(hashlib.sha256(photo).hexdigest() for photo in photos)
    return hashlib.sha256("\n".join([content, *hashes]).encode("utf-8", "replace")).hexdigest()


def _same(session: Session, digest: str, now: datetime) -> Report | None:
    recent = select(Report).where(Report.digest == digest, Report.received_at > now - TWICE_WITHIN)
    return session.scalar(recent.order_by(Report.id.desc()).limit(1))
