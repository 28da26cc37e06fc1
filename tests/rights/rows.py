"""A municipality that nobody else may see, with a row for every kind of path parameter of the API.

All its ids begin at HIDDEN and all its words hold "hidden", so that whatever leaks of it can be told in any answer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    text,
)
from sqlalchemy.orm import Session

from service.accounts.models import District, Municipality, User, Vehicle
from service.accounts.permissions import Role
from service.contracts.models import Contract, Contractor
from service.control.models import Phase, Programme
from service.core.storage import Store
from service.core.tables import Base
from service.coverage.cells import cell_name
from service.crews.models import CrewPlan
from service.defects.models import Defect
from service.incidents.models import Incident
from service.intake.models import Archive, ArchiveState, Upload, UploadSet, UploadState
from service.privacy.models import BlurReport, BlurReportState
from service.reports.models import ApiKey, Connection, Notice, Report, ReportPhoto
from service.surveys.models import Frame, FrameState, Survey
from service.webhooks.models import WebhookDelivery, WebhookEndpoint
from service.work_orders.bulk_models import BulkAction
from service.work_orders.defaults import create_default_operations
from service.work_orders.models import Proof, ProofRule, RoutingRule, SlaPolicy, Unit, WorkOrder
from service.work_orders.referral_models import Referral
from service.work_orders.service_levels_models import SpecialPeriod
from tests.coverage.streets_made import FIRST_CELL, cells_in_a_row, see
from tests.defects.sightings import make_defect
from tests.factories import NOW, jpeg, make_frame, make_municipality, make_survey, make_user, make_vehicle, square
from tests.geodata.made import put_order
from tests.rights.municipal_rows import HIDDEN, STATED, WORD, make_municipal_rows
from tests.work_orders.orders import unit_of

OPEN311_FORMS = (
    "discovery.", "services.", "{code}.", "requests.", "{token}.", "{number}.", "servicerequestupdates.",
)  # fmt: skip


@dataclass(frozen=True)
class Rows:
    municipality: Municipality
    vehicle: Vehicle
    vehicle_key: dict[str, str]
    survey: Survey
    frame: Frame
    defect: Defect
    unit: Unit
    order: WorkOrder
    proof: Proof
    archive: Archive
    upload: Upload
    upload_set: UploadSet
    blur_report: BlurReport
    more: dict[type[Base], Any]  # rows of which nothing but whose they are matters


# By the path's words before the parameter and its name: a room that adds a path adds its row here.
FACTORIES: dict[str, Callable[[Rows], object]] = {
    "municipalities/{municipality_id}": lambda rows: rows.municipality.id,
    "users/{user_id}": lambda rows: rows.blur_report.reported_by_id,
    "vehicles/{vehicle_id}": lambda rows: rows.vehicle.id,
    "surveys/{survey}": lambda rows: rows.survey.id,
    "surveys/{survey_id}": lambda rows: rows.survey.id,
    "frames/{frame_id}": lambda rows: rows.frame.id,
    "checks/{class_key}": lambda rows: rows.defect.class_key,
    "defects/{defect_id}": lambda rows: rows.defect.id,
    "units/{unit_id}": lambda rows: rows.unit.id,
    "plans/{plan_id}": lambda rows: rows.more[CrewPlan].id,
    "work-orders/{order_id}": lambda rows: rows.order.id,
    "proofs/{proof_id}": lambda rows: rows.proof.id,
    "archives/{archive_id}": lambda rows: rows.archive.id,
    "uploads/{public_id}": lambda rows: rows.upload.public_id,
    "tus/{public_id}": lambda rows: rows.upload.public_id,
    "upload_sets/{upload_set_id}": lambda rows: rows.upload_set.public_id,
    "blur-reports/{report_id}": lambda rows: rows.blur_report.id,
    "bulk/{bulk_id}": lambda rows: rows.more[BulkAction].id,
    "districts/{district_id}": lambda rows: rows.more[District].id,
    "routing-rules/{rule_id}": lambda rows: rows.more[RoutingRule].id,
    "referrals/{referral_id}": lambda rows: rows.more[Referral].id,
    "proof-rules/{rule_id}": lambda rows: rows.more[ProofRule].id,
    "sla-policies/{policy_id}": lambda rows: rows.more[SlaPolicy].id,
    "periods/{period_id}": lambda rows: rows.more[SpecialPeriod].id,
    "incidents/{incident_id}": lambda rows: rows.more[Incident].id,
    "contracts/{contract_id}": lambda rows: rows.more[Contract].id,
    "contractors/{contractor_id}": lambda rows: rows.more[Contractor].id,
    "statements/{month}": lambda rows: str(STATED),
    "programmes/{programme_id}": lambda rows: rows.more[Programme].id,
    "phases/{key}": lambda rows: rows.more[Phase].key,
    "initiatives/{initiative}": lambda rows: "night_shift",
    "indicators/{indicator}": lambda rows: "received",
    "notices/{notice_id}": lambda rows: rows.more[Notice].id,
    "reports/{report_id}": lambda rows: rows.more[Report].id,
    "photos/{photo_id}": lambda rows: rows.more[ReportPhoto].id,
    "api-keys/{key_id}": lambda rows: rows.more[ApiKey].id,
    "open311-connections/{key}": lambda rows: rows.more[Connection].key,
    "webhooks/{webhook_id}": lambda rows: rows.more[WebhookEndpoint].id,
    "webhook-deliveries/{delivery_id}": lambda rows: rows.more[WebhookDelivery].id,
    "geodata/{collection_id}": lambda rows: "defects",
    "collections/{collection_id}": lambda rows: "defects",
    "items/{feature_id}": lambda rows: rows.defect.id,
    "report-links/{token}": lambda rows: "no-such-link",
    "defects./{format}": lambda rows: "csv",
    "reports./{format}": lambda rows: "csv",
    # Open311 is read by everybody: of a report, never of who sent it.
    **{f"{before}/{{form}}": lambda rows: "json" for before in OPEN311_FORMS},
    "services/{code}": lambda rows: rows.defect.class_key,
    "tokens/{token}": lambda rows: "0",
    "requests/{number}": lambda rows: rows.more[Report].number,
    "photos/{key}": lambda rows: rows.more[ReportPhoto].key,
}

# What bodies and queries name: ids of these rows stand wherever a property is called so.
NAMED: dict[str, Callable[[Rows], object]] = {
    "municipality_id": lambda rows: rows.municipality.id,
    "municipality_ids": lambda rows: [rows.municipality.id],
    "vehicle_id": lambda rows: rows.vehicle.id,
    "survey_id": lambda rows: rows.survey.id,
    "frame_ids": lambda rows: [rows.frame.id],
    "defect_id": lambda rows: rows.defect.id,
    "unit_id": lambda rows: rows.unit.id,
    "work_order_id": lambda rows: rows.order.id,
    "order_id": lambda rows: rows.order.id,
    "order_ids": lambda rows: [rows.order.id],
}

# Features of the OGC collections: each has a row of its own.
FEATURES: dict[str, Callable[[Rows], object]] = {
    "defects": lambda rows: rows.defect.id,
    "work_orders": lambda rows: rows.order.id,
    "coverage": lambda rows: f"{rows.municipality.id}-{cell_name(FIRST_CELL)}",
    "municipalities": lambda rows: rows.municipality.id,
}


def number_from(session: Session, start: int) -> None:
    """Ids of all tables go on from here."""
    for table in Base.metadata.sorted_tables:
        if "id" in table.columns and table.columns["id"].identity is not None:
            session.execute(text(f'ALTER TABLE "{table.name}" ALTER COLUMN id RESTART WITH {start}'))
    session.commit()


def make_rows(session: Session, store: Store) -> Rows:
    """Commits."""
    place = make_municipality(session, WORD, square(50.0, 26.3))
    place.name_en = place.name_ar = f"{WORD} town"
    create_default_operations(session, place)
    for unit in session.query(Unit):
        unit.name_en = unit.name_ar = f"{WORD} unit"
    vehicle, key = make_vehicle(session, place)
    vehicle.name = f"{WORD} vehicle"
    survey = make_survey(session, vehicle, f"{WORD} drive")
    store.put("frames/hidden", jpeg())
    frame = make_frame(
        session, survey, filename=f"{WORD}.jpg", state=FrameState.PROCESSED, blob_key="frames/hidden",
        blur={"model": "m 1", "boxes_xyxy_px": [], "kinds": []},
    )  # fmt: skip
    defect = make_defect(session, frame=frame)
    unit = unit_of(session, place, "pothole_machine")
    order = put_order(session, defect, unit_id=unit.id, state_reason=f"{WORD} reason")
    see(session, place, cells_in_a_row(3), NOW.date())
    rows = Rows(
        place, vehicle, key, survey, frame, defect, unit, order,
        proof=_proof(session, order), archive=_archive(survey), upload=_upload(vehicle),
        upload_set=UploadSet(public_id=uuid4(), vehicle_id=vehicle.id, survey_id=survey.id, told={"title": WORD}),
        blur_report=_blur_report(session, frame), more={},
    )  # fmt: skip
    session.add_all([rows.archive, rows.upload, rows.upload_set, rows.blur_report])
    session.flush()
    manager = make_user(session, Role.SUPERVISOR, place)
    manager.name = f"{WORD} manager"
    own: dict[type[Base], Any] = {Municipality: place, Unit: unit, WorkOrder: order, User: manager, Defect: defect}
    rows.more.update(make_municipal_rows(session, own))
    session.commit()
    return rows


def value_of(rows: Rows, path: str, parameter: str) -> object:
    """The id of a real row for a parameter of a path; fails where nobody has said which."""
    before = path.split("{" + parameter)[0].rstrip("/").rsplit("/", 1)[-1]
    key = f"{before}/{{{parameter}}}"
    assert key in FACTORIES, (
        f"expected a row for {key} of {path}; add it to Rows and FACTORIES of tests/rights/rows.py, so that this walk "
        "tries it with a neighbour's credentials"
    )
    return FACTORIES[key](rows)


def _proof(session: Session, order: WorkOrder) -> Proof:
    foreman = make_user(session, municipality=order.municipality)
    foreman.name = f"{WORD} foreman"
    proof = Proof(
        work_order_id=order.id, user_id=foreman.id, sha256="5" * 64, blob_key="frames/hidden", media_type="image/jpeg",
        quantity=1.0, note=f"{WORD} note",
    )  # fmt: skip
    session.add(proof)
    session.flush()
    return proof


def _archive(survey: Survey) -> Archive:
    return Archive(
        vehicle_id=survey.vehicle_id, municipality_id=survey.municipality_id, survey_id=survey.id, sha256="6" * 64,
        filename=f"{WORD}.zip", kind="zip", size_bytes=10, state=ArchiveState.REFUSED, reason_code="zip.broken",
        reason_detail=WORD, entries={},
    )  # fmt: skip


def _upload(vehicle: Vehicle) -> Upload:
    return Upload(
        public_id=UUID(int=HIDDEN), vehicle_id=vehicle.id, state=UploadState.REFUSED, length_bytes=9, offset_bytes=9,
        metadata_header="filename aGlkZGVu", reason_code="file.unknown", reason_detail=WORD,
        expires_at=NOW.replace(year=2099),
    )  # fmt: skip


def _blur_report(session: Session, frame: Frame) -> BlurReport:
    reader = make_user(session, municipality=frame.municipality)
    return BlurReport(
        municipality_id=frame.municipality_id, frame_id=frame.id, kind="missing", x0_px=1, y0_px=1, x1_px=9, y1_px=9,
        note=f"{WORD} face", state=BlurReportState.OPEN, reported_by_id=reader.id,
    )  # fmt: skip
