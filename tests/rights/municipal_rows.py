"""Rows of the rooms that a municipality works with, as the service makes them: orders, contracts, reports, others."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, Date, DateTime, Enum, Float, Integer, Interval, LargeBinary, Numeric, Uuid, inspect
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from service.accounts.caller import caller_of_user
from service.accounts.models import District, User
from service.contracts import statements
from service.contracts.models import Contract, Contractor
from service.contracts.months import month_of
from service.control.models import Phase, Programme
from service.core.events import Event
from service.core.tables import Base
from service.crews.models import Crew, CrewPlan
from service.crews.planning import Planned, Terms
from service.crews.rows import summary_of
from service.crews.tour import Ending
from service.crews.travel import Measured
from service.incidents.models import Incident
from service.incidents.rules import DEFAULTS, IncidentKind
from service.reports.models import ApiKey, Connection, Notice, Report, Reporter, ReportPhoto, ReportUpdate
from service.webhooks.models import WebhookDelivery, WebhookEndpoint
from service.work_orders.bulk_models import BulkAction, BulkItem
from service.work_orders.models import ProofRule, RoutingRule, SlaPolicy, WorkOrder
from service.work_orders.referral_models import Agency, Referral
from service.work_orders.service_levels import adopt_order
from service.work_orders.service_levels_models import SpecialPeriod
from tests.factories import DAMMAM, NOW, square

HIDDEN = 7_000_001
WORD = "hidden"
PERSON = "zaynab"  # who reported: seen by nobody but those who manage the reports of that municipality
FIRST_DAY = date(2024, 1, 1)  # of the contract
STATED = month_of(FIRST_DAY)  # its statement is issued

# In an order in which each can point at those before it.
MORE: tuple[type[Base], ...] = (
    Event, BulkAction, BulkItem, District, RoutingRule, ProofRule, Agency, Referral, SlaPolicy, SpecialPeriod, Incident,
    Contractor, Contract, Programme, Phase, Report, Reporter, ReportPhoto, ReportUpdate, Notice, ApiKey, Connection,
    WebhookEndpoint, WebhookDelivery, Crew, CrewPlan,
)  # fmt: skip
EMPTY_PLAN = summary_of(
    Planned((), (), None, NOW, None, Measured.GREAT_CIRCLE, Ending.NOTHING),
    Terms((50.1, 26.4), (50.1, 26.4), 30, 1.35),
    [],
)
LAST_DAY = date(2030, 3, 4)
# What a row must hold to be one that the service could have made.
FIXED: dict[type[Base], dict[str, object]] = {
    Crew: {"shift_min": 480, "speed_kmh": 30.0},
    CrewPlan: {"summary": EMPTY_PLAN, "skipped": []},
    Event: {"subject_kind": "defect", "action": "find"},
    BulkAction: {"request": {"order_ids": []}},
    District: {"west": 50.0, "south": 26.3, "east": 50.2, "north": 26.5, "boundary": square(50.0, 26.3)},
    RoutingRule: {"key": "hidden_rule"},
    ProofRule: {"class_key": "pothole", "demands": ["photo_before"]},
    SlaPolicy: {
        "class_key": "pothole", "size_class": "large", "hours_to_close": 3, "clock": "round_the_clock",
        "escalations": [],
    },
    SpecialPeriod: {"first_day": NOW.date(), "last_day": NOW.date(), "hours": []},
    Incident: {"kind": IncidentKind.RAIN, "rules": DEFAULTS[IncidentKind.RAIN].as_json()},
    Contract: {"first_day": FIRST_DAY, "last_day": LAST_DAY, "class_keys": [], "district_ids": []},
    Phase: {"key": "hidden_phase", "last_day": LAST_DAY},
    Report: {"number": "7000001", "class_key": "pothole", "lat": DAMMAM[0], "lon": DAMMAM[1]},
    Reporter: {
        "email": f"{PERSON}@example.org", "first_name": PERSON, "last_name": PERSON, "phone": f"05 {PERSON}",
        "account_id": PERSON, "device_id": PERSON, "words": f"I am {PERSON}", "language": "ar",
    },
    ReportPhoto: {
        "key": "hiddenphoto", "blob_key": "frames/hidden", "media_type": "image/jpeg", "blur": {"model": "m 1"},
    },
    Connection: {"key": "hidden", "format": "json"},
}  # fmt: skip


def make_municipal_rows(session: Session, own: dict[type[Base], Any]) -> dict[type[Base], Any]:
    """One of each table of MORE, pointing at the rows of `own` and at each other; the order's clock, a statement."""
    known, made = dict(own), {}
    for kind in MORE:
        known[kind] = made[kind] = any_row(session, kind, known)
    order: WorkOrder = own[WorkOrder]
    adopt_order(session, order, order.state, NOW)
    _issue_statement(session, made[Contract], own[User])
    return made


def any_row(session: Session, kind: type[Base], own: dict[type[Base], Any]) -> Any:
    """A row of a table with what it must have: words hold WORD, and it points at the rows of `own` where it can."""
    tables = {str(one.__tablename__): row for one, row in own.items()}
    values: dict[str, object] = {}
    for column in inspect(kind).local_table.columns:
        target = next((key.column.table.name for key in column.foreign_keys), None)
        if target in tables:
            values[column.name] = tables[target].id
        elif not (column.nullable or column.primary_key or column.default or column.server_default):
            values[column.name] = _filled(column.type)
    row = kind(**values | FIXED.get(kind, {}))
    session.add(row)
    session.flush()
    return row


def _issue_statement(session: Session, contract: Contract, manager: User) -> None:
    now = datetime(STATED.year + 1, 1, 1, tzinfo=UTC)
    statements.issue(session, caller_of_user(manager), contract.id, STATED, now)


def _filled(kind: TypeEngine[Any]) -> object:
    if isinstance(kind, Enum):
        return kind.enums[0] if kind.enum_class is None else next(iter(kind.enum_class))
    for known, value in (
        (Boolean, True), (DateTime, NOW), (Date, NOW.date()), (Interval, timedelta(0)), (LargeBinary, b"1"),
        (Uuid, UUID(int=HIDDEN)), (JSONB, {}), (ARRAY, []), (Integer, 1), (Numeric, 1), (Float, 1.0),
    ):  # fmt: skip
        if isinstance(kind, known):
            return value
    length = getattr(kind, "length", None) or 40
    return WORD[:length]
