"""Reports as Open311 shows them to everybody: never who sent one, never a photo that nobody looked for faces in."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Select, false, or_, select
from sqlalchemy.orm import Session, selectinload

from service.accounts.models import Municipality
from service.core.errors import NotFound
from service.core.i18n import Language
from service.core.plane import metres_per_degree
from service.core.settings import Settings
from service.core.tables import JsonObject
from service.reports.models import Report, ReportUpdate
from service.reports.open311_query import MOST_ROWS, BadParameter, Near, Paging, Wanted
from service.reports.open311_services import OTHER
from service.reports.photos import is_public
from service.reports.states import OVER, ReportState, open311_status
from service.reports.words import kind_name, step_text
from service.work_orders.models import Unit, WorkOrder
from service.work_orders.states import WorkOrderState


@dataclass(frozen=True)
class Viewer:
    """What an answer depends on besides the rows."""

    base_url: str  # of the endpoint
    language: Language
    extensions: bool = False


def find_jurisdiction(session: Session, settings: Settings, told: str | None) -> Municipality | None:
    """The municipality of a jurisdiction_id; None stands for all of them.

    An endpoint of several municipalities needs to be told, unless `open311_jurisdiction` names them together.
    """
    if told is not None and told == settings.open311_jurisdiction:
        return None
    if told is not None:
        found = session.scalar(select(Municipality).where(Municipality.key == told))
        if found is None:
            raise NotFound("open311.jurisdiction", f"expected a known jurisdiction_id, got {told!r:.60}")
        return found
    keys = list(session.scalars(select(Municipality.key).order_by(Municipality.key).limit(20)))
    if len(keys) > 1 and settings.open311_jurisdiction is None:
        raise BadParameter("open311.jurisdiction", f"expected a jurisdiction_id ({', '.join(keys)}), got none")
    return None


def published(jurisdiction: Municipality | None) -> Select[Report]:
    statement = select(Report).options(selectinload(Report.photos)).where(
        or_(Report.token.is_(None), Report.class_key.is_not(None), Report.state != ReportState.RECEIVED)
    )  # fmt: skip
    return statement if jurisdiction is None else statement.where(Report.municipality_id == jurisdiction.id)


def find_requests(session: Session, jurisdiction: Municipality | None, wanted: Wanted) -> list[Report]:
    """The newest first."""
    statement = published(jurisdiction).order_by(Report.received_at.desc(), Report.id.desc())
    if wanted.numbers:
        return list(session.scalars(statement.where(Report.number.in_(wanted.numbers)).limit(MOST_ROWS)))
    statement = statement.where(Report.received_at >= wanted.since, Report.received_at <= wanted.until)
    if wanted.codes:
        own = [code for code in wanted.codes if code != OTHER]
        is_other = Report.class_key.is_(None) if OTHER in wanted.codes else false()
        statement = statement.where(or_(Report.class_key.in_(own), is_other))
    if len(wanted.statuses) == 1:
        over = Report.state.in_(OVER)
        statement = statement.where(over if "closed" in wanted.statuses else ~over)
    if wanted.near is not None:
        statement = _near(statement, wanted.near)
    return list(session.scalars(statement.offset(wanted.page.offset).limit(wanted.page.size)))


def get_request(session: Session, jurisdiction: Municipality | None, number: str) -> Report:
    found = session.scalar(published(jurisdiction).where(Report.number == number))
    if found is None:
        raise NotFound("open311.request", f"expected a known service_request_id, got {number[:60]!r}")
    return found


def report_of_token(session: Session, jurisdiction: Municipality | None, token: str) -> Report:
    own = select(Report).where(Report.token == token)
    found = session.scalar(own if jurisdiction is None else own.where(Report.municipality_id == jurisdiction.id))
    if found is None:
        raise NotFound("open311.token", f"expected a known token, got {token[:60]!r}")
    return found


def find_updates(
    session: Session, jurisdiction: Municipality | None, since: datetime, until: datetime, page: Paging
) -> list[ReportUpdate]:
    """The oldest first, so that a reader goes on from the last one it got."""
    ids = published(jurisdiction).with_only_columns(Report.id).options()
    own = select(ReportUpdate).where(
        ReportUpdate.at >= since, ReportUpdate.at <= until, ReportUpdate.report_id.in_(ids)
    )
    rows = own.options(selectinload(ReportUpdate.report)).order_by(ReportUpdate.at, ReportUpdate.id)
    return list(session.scalars(rows.offset(page.offset).limit(page.size)))


def request_rows(session: Session, reports: Sequence[Report], viewer: Viewer) -> list[JsonObject]:
    orders = _orders(session, {one.defect_id for one in reports if one.defect_id is not None})
    notes = _notes(session, [one.id for one in reports], viewer) if viewer.extensions else {}
    return [_row(one, orders.get(one.defect_id or 0), viewer, notes.get(one.id, [])) for one in reports]


def update_row(update: ReportUpdate, viewer: Viewer) -> JsonObject:
    return {
        "update_id": str(update.id),
        "service_request_id": update.report.number,
        "status": open311_status(update.state),
        "updated_datetime": w3c(update.at),
        "description": _words(update, viewer.language, update.report.agency),
        "media_url": None,
        "external_status_code": update.step.value,
    }


def w3c(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _near(statement: Select[Report], near: Near) -> Select[Report]:
    """Within the radius on a plane around the place: its error is below a thousandth within a hundred kilometres."""
    per_lat, per_lon = (float(one) for one in metres_per_degree(near.lat))
    north_m, east_m = (Report.lat - near.lat) * per_lat, (Report.lon - near.lon) * per_lon
    rough = Report.lat.between(near.lat - near.radius_m / per_lat, near.lat + near.radius_m / per_lat)
    return statement.where(rough, north_m * north_m + east_m * east_m <= near.radius_m**2)


def _orders(session: Session, defect_ids: Collection[int]) -> dict[int, tuple[datetime, str | None, str | None]]:
    """By defect when its order is due, and the unit that has it, English and Arabic."""
    live = (
        WorkOrder.defect_id.in_(defect_ids),
        WorkOrder.state != WorkOrderState.CANCELLED,
        WorkOrder.part_of_id.is_(None),
    )
    columns = select(WorkOrder.defect_id, WorkOrder.due_at, Unit.name_en, Unit.name_ar)
    rows = session.execute(columns.outerjoin(Unit, Unit.id == WorkOrder.unit_id).where(*live))
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


def _words(update: ReportUpdate, language: Language, agency: str | None = None) -> str:
    """What came from outside is its sender's own word, and no answer of ours."""
    if update.outside_id is not None and update.note:
        return update.note
    return step_text(update.step, update.note, language, agency)


def _notes(session: Session, report_ids: Sequence[int], viewer: Viewer) -> dict[int, list[JsonObject]]:
    rows = session.scalars(select(ReportUpdate).where(ReportUpdate.report_id.in_(report_ids)).order_by(ReportUpdate.id))
    found: dict[int, list[JsonObject]] = {}
    for one in rows:
        words = _words(one, viewer.language)
        found.setdefault(one.report_id, []).append(
            {"datetime": w3c(one.at), "description": words, "type": one.step.value}
        )
    return found


def _row(
    one: Report, order: tuple[datetime, str | None, str | None] | None, viewer: Viewer, notes: list[JsonObject]
) -> JsonObject:
    photos = [f"{viewer.base_url}/photos/{photo.key}" for photo in one.photos if is_public(photo)]
    due_at, unit_en, unit_ar = order or (None, None, None)
    row: JsonObject = {
        "service_request_id": one.number,
        "status": open311_status(one.state),
        "status_notes": step_text(one.step, one.note, viewer.language, one.agency),
        "service_name": kind_name(one.class_key, viewer.language),
        "service_code": one.class_key or OTHER,
        "description": one.description,
        "agency_responsible": one.agency or (unit_ar if viewer.language is Language.ARABIC else unit_en),
        "service_notice": None,
        "requested_datetime": w3c(one.received_at),
        "updated_datetime": w3c(one.closed_at or one.updated_at),
        "expected_datetime": w3c(due_at) if due_at else None,
        "address": one.address,
        "address_id": one.address_id,
        "zipcode": None,
        "lat": one.lat,
        "long": one.lon,
        "media_url": photos[0] if photos else None,
    }
    if viewer.extensions:
        row["extended_attributes"] = {
            "state": one.state.value, "step": one.step.value, "channel": one.source.value, "answers": one.attributes,
            "photos": [{"media_url": url} for url in photos], "notes": notes,
        }  # fmt: skip
    return row
