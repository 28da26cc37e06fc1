"""A plan as it is stored: stops, what was left out, and the figures of the whole."""

from dataclasses import dataclass
from datetime import datetime

from datasets.taxonomy import BY_KEY
from service.core.tables import JsonObject
from service.crews.models import PlanStop
from service.crews.planning import Planned, Stop, Terms
from service.crews.rates import Need, needs
from service.crews.roads import LonLat

DECIMALS = 7  # of a degree: a centimetre


@dataclass(frozen=True)
class Finished:
    """A stop of the version before that needs no more plan."""

    stop: PlanStop
    done_at: datetime | None  # reported since that version was made


def stop_rows(planned: Planned, after: int) -> list[PlanStop]:
    """Numbered on from the `after` finished ones."""
    return [_row(stop, after + number) for number, stop in enumerate(planned.stops, 1)]


def kept_rows(finished: list[Finished]) -> list[PlanStop]:
    names = [column.name for column in PlanStop.__table__.columns if column.name not in {"plan_id", "position"}]
    rows = []
    for number, one in enumerate(finished, 1):
        row = PlanStop(position=number, **{name: getattr(one.stop, name) for name in names})
        row.finished = True
        if one.done_at is not None:
            row.leaves_at, row.arrives_at = one.done_at, min(row.arrives_at, one.done_at)
        rows.append(row)
    return rows


def skipped_rows(planned: Planned) -> list[JsonObject]:
    return [
        {"work_order_id": one.job.order_id, "class_key": one.job.class_key, "must": one.must, "why": one.why.value}
        for one in planned.skipped
    ]


def summary_of(planned: Planned, terms: Terms, finished: list[Finished]) -> JsonObject:
    """Of the stops that are still to be done, and the way back."""
    work = [(stop.job.class_key, stop.job.quantity) for stop in planned.stops]
    return {
        "measured": planned.measured.value,
        "ending": planned.ending.value,
        "speed_kmh": terms.speed_kmh,
        "detour_factor": terms.detour_factor,
        "drive_m": round(planned.drive_m, 1),
        "drive_s": round(planned.drive_m / terms.speed_kmh * 3.6),
        "work_s": round(sum((stop.leaves_at - stop.arrives_at).total_seconds() for stop in planned.stops)),
        "break_at": planned.break_at.isoformat() if planned.break_at else None,
        "back_at": planned.back_at.isoformat(),
        "back_path": _path(planned.back.path) if planned.back else [],
        "start": list(terms.start),
        "end": list(terms.end),
        "finished": len(finished),
        "musts_skipped": sum(one.must for one in planned.skipped),
        "materials": [material_row(need) for need in needs(work)],
    }


def material_row(need: Need) -> JsonObject:
    one = need.material
    return {
        "key": one.key, "name_en": one.name_en, "name_ar": one.name_ar, "unit": one.unit,
        "amount": round(need.amount, 2), "orders": need.orders, "unknown_orders": need.unknown_orders,
        "assumes": one.because, "assumes_ar": one.because_ar,
    }  # fmt: skip


def _row(stop: Stop, position: int) -> PlanStop:
    job = stop.job
    return PlanStop(
        position=position, work_order_id=job.order_id, finished=False, must=stop.must, class_key=job.class_key,
        quantity=job.quantity, quantity_unit=BY_KEY[job.class_key].unit.value, lat=job.lat, lon=job.lon,
        due_at=job.due_at, arrives_at=stop.arrives_at, leaves_at=stop.leaves_at, drive_s=stop.drive_s,
        drive_m=round(stop.leg.metres, 1), by_road=stop.leg.by_road, path=_path(stop.leg.path),
    )  # fmt: skip


def _path(path: tuple[LonLat, ...]) -> list[list[float]]:
    return [[round(lon, DECIMALS), round(lat, DECIMALS)] for lon, lat in path]
