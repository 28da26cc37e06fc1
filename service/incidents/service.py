"""Declares, changes and ends incidents; each request may arrive twice."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from service.accounts.boundaries import BadBoundary, extent_of, parse_boundary
from service.accounts.caller import Caller, visible
from service.accounts.models import Municipality
from service.accounts.permissions import Permission
from service.core.errors import Conflict, NotFound, Unprocessable
from service.core.events import record
from service.core.tables import JsonObject
from service.defects.access import permit
from service.incidents.models import Incident
from service.incidents.rules import DEFAULTS, BadRules, IncidentKind, IncidentRules, parse_rules

EARLIEST = timedelta(days=2)  # an incident may have begun before somebody found the time to declare it


def visible_incidents(caller: Caller) -> Select[Incident]:
    return visible(select(Incident), Incident.municipality_id, caller)


def get_incident(session: Session, caller: Caller, incident_id: int) -> Incident:
    found = session.scalar(visible_incidents(caller).where(Incident.id == incident_id))
    if found is None:
        raise NotFound("incident.unknown", f"expected an incident of your municipalities, got id {incident_id}")
    return found


def declare(
    session: Session, caller: Caller, *, municipality_id: int, kind: IncidentKind, name: str, starts_at: datetime,
    area: dict[str, Any] | None, rules: dict[str, Any] | None, note: str | None, now: datetime,
) -> Incident:  # fmt: skip
    """The incident of that kind and start; the same request again returns it.

    Raises NotFound for a municipality that is not the caller's, Unprocessable for an area or rules that cannot be, and
    for a start in the future or more than two days ago.
    """
    permit(caller, {Permission.MANAGE_INCIDENTS})
    municipality = session.scalar(
        visible(select(Municipality), Municipality.id, caller).where(Municipality.id == municipality_id)
    )
    if municipality is None:
        raise NotFound("municipality.unknown", f"expected one of your municipalities, got id {municipality_id}")
    if not now - EARLIEST <= starts_at <= now:
        raise Unprocessable(
            "incident.starts_at", f"expected a start within the last two days, got {starts_at.isoformat()}"
        )
    same = select(Incident).where(
        Incident.municipality_id == municipality_id, Incident.kind == kind, Incident.starts_at == starts_at
    )
    known = session.scalar(same)
    if known is not None:
        return known
    incident = Incident(
        municipality_id=municipality_id, kind=kind, name=name, starts_at=starts_at, note=note,
        rules=(_rules(rules) if rules is not None else DEFAULTS[kind]).as_json(), declared_by_id=caller.actor.id,
    )  # fmt: skip
    _set_area(incident, area)
    session.add(incident)
    session.flush()
    _record(session, caller, incident, "declare", now, {"kind": kind.value, "name": name, "rules": incident.rules})
    return incident


def change(
    session: Session, caller: Caller, incident_id: int, *, name: str, area: dict[str, Any] | None,
    rules: dict[str, Any], note: str | None, now: datetime,
) -> Incident:  # fmt: skip
    """Name, area, rules and note as told; raises Conflict for one that has ended."""
    incident = _locked(session, caller, incident_id)
    if incident.ended_at is not None:
        raise Conflict("incident.ended", f"expected an incident that lasts, {incident_id} ended; declare another")
    before = (incident.name, incident.area, incident.rules, incident.note)
    incident.name, incident.note, incident.rules = name, note, _rules(rules).as_json()
    _set_area(incident, area)
    if before != (incident.name, incident.area, incident.rules, incident.note):
        _record(session, caller, incident, "change", now, {"name": name, "rules": incident.rules})
    return incident


def end(session: Session, caller: Caller, incident_id: int, now: datetime) -> Incident:
    """From now on the usual rules hold; ended once more it stays as it is."""
    incident = _locked(session, caller, incident_id)
    if incident.ended_at is None:
        incident.ended_at = now
        _record(session, caller, incident, "end", now, {})
    return incident


def _locked(session: Session, caller: Caller, incident_id: int) -> Incident:
    permit(caller, {Permission.MANAGE_INCIDENTS})
    get_incident(session, caller, incident_id)
    statement = select(Incident).where(Incident.id == incident_id).with_for_update()
    return session.scalars(statement, execution_options={"populate_existing": True}).one()


def _set_area(incident: Incident, area: dict[str, Any] | None) -> None:
    try:
        incident.area = parse_boundary(area) if area else None
    except BadBoundary as error:
        raise Unprocessable("incident.area", str(error)) from error
    extent = extent_of(incident.area) if incident.area else (None, None, None, None)
    incident.west, incident.south, incident.east, incident.north = extent


def _rules(told: dict[str, Any]) -> IncidentRules:
    try:
        return parse_rules(told)
    except BadRules as error:
        raise Unprocessable("incident.rules", str(error)) from error


def _record(session: Session, caller: Caller, incident: Incident, action: str, now: datetime, data: JsonObject) -> None:
    record(
        session, at=now, actor=caller.actor, subject_kind="incident", subject_id=incident.id, action=action,
        municipality_id=incident.municipality_id, to_state="ended" if incident.ended_at else "lasting", data=data,
    )  # fmt: skip
