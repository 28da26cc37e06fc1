"""Programmes and their phases: what is to be reached by when and where, and how it stands."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from service.accounts.caller import Caller
from service.accounts.models import Municipality
from service.accounts.permissions import Permission
from service.control.counting import By, Slice, View
from service.control.definitions import BY_KEY, Shape
from service.control.figures import Figure, figures_of
from service.control.models import Initiative, Phase, Programme, Target
from service.control.periods import PeriodKind, Span, saudi_day
from service.control.progress import Progress, Seen, forecast, progress, recent_span
from service.core.errors import Conflict, Forbidden, NotFound, Unprocessable
from service.core.events import record
from service.core.tables import JsonObject
from service.defects.access import permit


@dataclass(frozen=True)
class Stand:
    """A target and how it stands."""

    target: Target
    progress: Progress
    rows: str | None
    reason: str | None  # why there is no value


@dataclass(frozen=True)
class Aim:
    """A target to set."""

    municipality_id: int
    indicator: str
    class_key: str | None
    value: float


def visible_programmes(caller: Caller) -> Select[Programme]:
    """Those of the caller's municipalities and those of all municipalities together."""
    statement = select(Programme)
    if caller.municipality_ids is None:
        return statement
    own = Programme.municipality_id.in_(caller.municipality_ids)
    return statement.where(or_(own, Programme.municipality_id.is_(None)))


def get_programme(session: Session, caller: Caller, programme_id: int) -> Programme:
    found = session.scalar(visible_programmes(caller).where(Programme.id == programme_id))
    if found is None:
        raise NotFound("programme.unknown", f"expected a programme of your municipalities, got id {programme_id}")
    return found


def targets_of(phase: Phase, caller: Caller) -> list[Target]:
    """A programme of all municipalities shows each its own targets."""
    return [one for one in phase.targets if caller.sees(one.municipality_id)]


def initiatives_of(phase: Phase, caller: Caller) -> list[Initiative]:
    return [one for one in phase.initiatives if one.municipality_id is None or caller.sees(one.municipality_id)]


def create_programme(
    session: Session, caller: Caller, municipality_id: int | None, key: str, names: dict[str, Any], now: datetime
) -> Programme:
    """The programme of that key; the same request again returns it, another content is a Conflict."""
    permit(caller, {Permission.MANAGE_PROGRAMMES})
    _require_place(session, caller, municipality_id)
    place = {"municipality_id": municipality_id, "key": key}
    made = session.scalar(insert(Programme).values(place | names).on_conflict_do_nothing().returning(Programme.id))
    same = Programme.municipality_id.is_not_distinct_from(municipality_id)
    programme = session.scalars(select(Programme).where(same, Programme.key == key)).one()
    if made is not None:
        _record(session, caller, programme, "create", now, place | names)
    elif any(getattr(programme, name) != value for name, value in names.items()):
        raise Conflict(
            "programme.exists", f"expected a new key, {key!r} is programme {programme.id}; change it with PUT"
        )
    return programme


def change_programme(
    session: Session, caller: Caller, programme_id: int, names: dict[str, Any], now: datetime
) -> Programme:
    programme = _lock(session, caller, programme_id)
    if any(getattr(programme, name) != value for name, value in names.items()):
        _set(programme, names)
        _record(session, caller, programme, "change", now, names)
    return programme


def set_phase(
    session: Session, caller: Caller, programme_id: int, key: str, values: dict[str, Any], now: datetime
) -> Programme:
    """Makes or changes the phase of that key. Raises Unprocessable for one that ends before it begins."""
    programme = _lock(session, caller, programme_id)
    if values["first_day"] > values["last_day"]:
        raise Unprocessable("phase.period", f"expected first_day <= last_day, got {values['first_day']} and "
                            f"{values['last_day']}")  # fmt: skip
    if _put(session, programme.phases, Phase(key=key, **values), key, values):
        told = {name: str(value) for name, value in values.items()}
        _record(session, caller, programme, "set_phase", now, {"phase": key} | told)
    return programme


def set_targets(
    session: Session, caller: Caller, programme_id: int, key: str, aims: Sequence[Aim], now: datetime
) -> Programme:
    """Replaces the targets of a phase, all of them together."""
    programme = _lock(session, caller, programme_id)
    phase = phase_of(programme, key)
    for aim in aims:
        _check_aim(session, caller, programme, aim)
    if len({(aim.municipality_id, aim.indicator, aim.class_key) for aim in aims}) < len(aims):
        raise Unprocessable("target.twice", "expected one target for each indicator, class and municipality, got two")
    wanted = {_content(aim) for aim in aims}
    if {_content(one) for one in phase.targets} == wanted:
        return programme
    for one in list(phase.targets):
        session.delete(one)
    session.flush()
    session.expire(phase, ["targets"])
    session.add_all(Target(phase_id=phase.id, **asdict(aim)) for aim in aims)
    session.flush()
    session.expire(phase, ["targets"])
    _record(session, caller, programme, "set_targets", now, {"phase": key, "targets": [asdict(aim) for aim in aims]})
    return programme


def set_initiative(
    session: Session, caller: Caller, programme_id: int, phase_key: str, key: str, values: dict[str, Any], now: datetime
) -> Programme:
    """Makes or changes the initiative of that key."""
    programme = _lock(session, caller, programme_id)
    phase = phase_of(programme, phase_key)
    place = values.get("municipality_id")
    if place is not None:
        _require_place(session, caller, place)
    unknown = [one for one in values["serves"] if one not in BY_KEY]
    if unknown:
        raise Unprocessable("initiative.serves", f"expected keys of indicators ({', '.join(BY_KEY)}), got {unknown}")
    if _put(session, phase.initiatives, Initiative(key=key, **values), key, values):
        _record(session, caller, programme, "set_initiative", now, {"phase": phase_key, "initiative": key} | values)
    return programme


def phase_of(programme: Programme, key: str) -> Phase:
    found = next((one for one in programme.phases if one.key == key), None)
    if found is None:
        known = ", ".join(one.key for one in programme.phases) or "none yet"
        raise NotFound("phase.unknown", f"expected the key of a phase of that programme ({known}), got {key!r}")
    return found


def stand_of(view: View, caller: Caller, phase: Phase, target: Target, now: datetime) -> Stand:
    """The figure over the phase so far, what it will be at the end, and what that means."""
    one, today = BY_KEY[target.indicator], saudi_day(now)
    begun, ended = today >= phase.first_day, today > phase.last_day
    so_far = Span(phase.first_day, phase.last_day).until(today)
    figure = _figure(view, caller, target, so_far, now) if begun else None
    expected = None
    if figure is not None and not ended:
        first, last = recent_span(phase.first_day, today)
        recent = _recent(view, caller, one.shape, target, phase.first_day, first, last, now)
        days_left = (phase.last_day - today).days
        expected = forecast(one.shape, Seen(figure.value, figure.of), recent, (last - first).days + 1, days_left)
        if expected is not None:
            expected = min(max(expected, 0.0), 100.0) if one.unit == "%" else max(expected, 0.0)
    found = progress(
        figure.value if figure else None, expected, target.value, one.better, phase.margin_percent,
        begun=begun, ended=ended, shape=one.shape,
    )  # fmt: skip
    return Stand(target, found, figure.rows if figure else None, figure.reason if figure else None)


def _recent(
    view: View, caller: Caller, shape: Shape, target: Target, begun: date, first: date, last: date, now: datetime
) -> Seen:
    """Of a level what it was before the recent days; of all else what it was in them."""
    if shape is not Shape.LEVEL:
        figure = _figure(view, caller, target, Span(first, last), now)
        return Seen(figure.value, figure.of)
    day_before = first - timedelta(days=1)
    figure = _figure(view, caller, target, Span(min(begun, day_before), day_before), now)
    return Seen(figure.value)


def _figure(view: View, caller: Caller, target: Target, span: Span, now: datetime) -> Figure:
    asked = Slice(municipality_id=target.municipality_id, class_key=target.class_key)
    only = {target.indicator}
    answer = figures_of(view, caller, asked, By.ALL, PeriodKind.RANGE, span, now, only, earlier=span)
    return answer.groups[0][target.indicator]


def _check_aim(session: Session, caller: Caller, programme: Programme, aim: Aim) -> None:
    if aim.indicator not in BY_KEY:
        raise Unprocessable("target.indicator", f"expected one of {', '.join(BY_KEY)}, got {aim.indicator!r}")
    if BY_KEY[aim.indicator].unit == "%" and aim.value > 100:
        raise Unprocessable("target.value", f"expected at most 100 for a percentage, got {aim.value:g}")
    if programme.municipality_id not in (None, aim.municipality_id):
        raise Unprocessable(
            "target.municipality", f"expected municipality {programme.municipality_id} of the programme, got "
            f"{aim.municipality_id}")  # fmt: skip
    _require_place(session, caller, aim.municipality_id)


def _require_place(session: Session, caller: Caller, municipality_id: int | None) -> None:
    """None stands for all municipalities: only who sees all of them may speak for all."""
    if municipality_id is None:
        if caller.municipality_ids is not None:
            raise Forbidden(
                "programme.scope", "expected a user of all municipalities, or a municipality_id, got neither"
            )
        return
    if not caller.sees(municipality_id) or session.get(Municipality, municipality_id) is None:
        raise NotFound("municipality.unknown", f"expected a municipality of yours, got id {municipality_id}")


def _lock(session: Session, caller: Caller, programme_id: int) -> Programme:
    permit(caller, {Permission.MANAGE_PROGRAMMES})
    found = get_programme(session, caller, programme_id)
    _require_place(session, caller, found.municipality_id)
    session.execute(select(Programme.id).where(Programme.id == found.id).with_for_update())
    return found


def _put(session: Session, among: list[Any], new: Any, key: str, values: dict[str, Any]) -> bool:
    """Whether that changed anything."""
    present = next((one for one in among if one.key == key), None)
    if present is None:
        among.append(new)
    elif all(getattr(present, name) == value for name, value in values.items()):
        return False
    else:
        _set(present, values)
    session.flush()
    return True


def _content(one: Aim | Target) -> tuple[object, ...]:
    return one.municipality_id, one.indicator, one.class_key, one.value


def _set(row: object, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(row, name, value)


def _record(
    session: Session, caller: Caller, programme: Programme, action: str, now: datetime, data: JsonObject
) -> None:
    record(
        session, at=now, actor=caller.actor, subject_kind="programme", subject_id=programme.id, action=action,
        municipality_id=programme.municipality_id, data=data,
    )  # fmt: skip
