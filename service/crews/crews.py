"""What a crew is told to work with: its depot, shift, break, speed, load and times."""

from dataclasses import asdict
from datetime import datetime

from sqlalchemy.orm import Session

from service.accounts.caller import Caller
from service.accounts.permissions import Permission, Role
from service.core.errors import Conflict, NotFound
from service.core.events import record
from service.crews.models import Crew
from service.crews.planning import Terms
from service.crews.rates import WORK_TIMES, WorkTime
from service.crews.schemas import CrewIn
from service.defects.access import permit
from service.work_orders.models import Unit
from service.work_orders.operations import visible_units


def unit_of(session: Session, caller: Caller, unit_id: int) -> Unit:
    """Raises NotFound for a unit that the caller does not see; a unit's user sees the own one."""
    permit(caller, {Permission.VIEW_WORK_ORDERS})
    unit = session.scalar(visible_units(caller).where(Unit.id == unit_id))
    if unit is None or (caller.role is Role.UNIT and caller.unit_id != unit_id):
        raise NotFound("unit.unknown", f"expected a unit that you may see, got id {unit_id}")
    return unit


def crew_of(session: Session, caller: Caller, unit_id: int) -> Crew:
    unit_of(session, caller, unit_id)
    crew = session.get(Crew, unit_id)
    if crew is None:
        raise Conflict("crew.unknown", f"expected unit {unit_id} to have a depot and a shift; set them with PUT crew")
    return crew


def set_crew(session: Session, caller: Caller, unit_id: int, data: CrewIn, now: datetime) -> Crew:
    """Plans made from now on follow it; sent again it changes nothing."""
    permit(caller, {Permission.MANAGE_WORK_ORDERS})
    unit = unit_of(session, caller, unit_id)
    values = data.model_dump() | {
        "end_lat": data.start_lat if data.end_lat is None else data.end_lat,
        "end_lon": data.start_lon if data.end_lon is None else data.end_lon,
    }
    crew = session.get(Crew, unit_id, with_for_update=True)
    before = None if crew is None else {name: getattr(crew, name) for name in values}
    if crew is not None and before == values:
        return crew
    if crew is None:
        crew = Crew(unit_id=unit_id, municipality_id=unit.municipality_id, **values, changed_at=now)
        session.add(crew)
    for name, value in values.items():
        setattr(crew, name, value)
    crew.changed_at = now
    session.flush()
    record(
        session, at=now, actor=caller.actor, subject_kind="unit", subject_id=unit_id, action="set_crew",
        municipality_id=unit.municipality_id, data={"before": before, "after": values},
    )  # fmt: skip
    return crew


def terms_of(crew: Crew, capacity: int | None) -> Terms:
    return Terms(
        start=(crew.start_lon, crew.start_lat), end=(crew.end_lon, crew.end_lat), speed_kmh=crew.speed_kmh,
        detour_factor=crew.detour_factor, break_after_min=crew.break_after_min, break_min=crew.break_min,
        capacity=capacity, carries_kg=crew.carries_kg,
        work_times={key: WorkTime(**values, because="set for this crew") for key, values in crew.work_times.items()},
    )  # fmt: skip


def work_times_of(crew: Crew | None) -> dict[str, dict[str, object]]:
    """Of every class, the crew's own in place of the usual ones."""
    own = terms_of(crew, None).work_times if crew else {}
    return {key: asdict(own.get(key, usual)) for key, usual in WORK_TIMES.items()}
