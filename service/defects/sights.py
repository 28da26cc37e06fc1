"""Sightings as identity reads them: what a detection tells of where its thing is, kept with it and read again."""

from collections.abc import Collection, Iterable
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from service.core.plane import LocalPlane
from service.core.tables import JsonObject
from service.defects.models import Defect, Detection, Sighting, Visit
from service.identity.gaussian import Ellipse, Spot
from service.identity.linking import Sight
from service.identity.locate import UNMEASURED_HEADLESS_SD_M, GroundPosition
from service.identity.rays import Ray
from service.surveys.models import Frame


def ray_json(position: GroundPosition) -> JsonObject | None:
    """As `Detection.ray` keeps it, the vehicle's place with it; read by `sight_of`."""
    if position.ray is None or position.eye is None:
        return None
    return {"eye": list(position.eye), **{name: round(value, 7) for name, value in asdict(position.ray).items()}}


def sight_of(detection: Detection, frame: Frame, gps_sd_m: float, plane: LocalPlane) -> Sight:
    eye_m, ray = None, None
    if detection.ray is not None:
        told = dict(detection.ray)
        eye_m, ray = plane.to_m(*told.pop("eye")), Ray(**told)
    return Sight(
        frame=frame.id,
        at_s=(frame.captured_at or frame.received_at).timestamp(),
        spot=spot_of(detection, plane),
        class_key=detection.class_key,
        score=detection.score,
        gps_sd_m=gps_sd_m,
        eye_m=eye_m,
        ray=ray,
    )


def sights_of(session: Session, visits: Collection[Visit], plane: LocalPlane) -> dict[int, list[Sight]]:
    """By visit id what the pass saw of the thing, in the order of time: of each frame the surest box."""
    by_id = {visit.id: visit for visit in visits}
    if not by_id:
        return {}
    rows = session.execute(
        select(Sighting.visit_id, Detection, Frame)
        .join(Detection, Sighting.detection_id == Detection.id)
        .join(Frame, Detection.frame_id == Frame.id)
        .where(Sighting.visit_id.in_(by_id))
    )
    found: dict[int, list[Sight]] = {}
    for visit_id, detection, frame in rows:
        assert visit_id is not None  # asked for
        sight = sight_of(detection, frame, by_id[visit_id].gps_sd_m or 0.0, plane)
        found.setdefault(visit_id, []).append(sight)
    return {visit_id: surest(sights) for visit_id, sights in found.items()}


def surest(sights: Iterable[Sight]) -> list[Sight]:
    """Of each frame the one with the highest score, of equals the wider one, in the order of time."""
    best: dict[int, Sight] = {}
    for sight in sights:
        other = best.get(sight.frame)
        if other is None or _rank(sight) > _rank(other):
            best[sight.frame] = sight
    return sorted(best.values(), key=lambda sight: (sight.at_s, sight.frame))


def _rank(sight: Sight) -> tuple[float, float, str]:
    return sight.score, sight.ray.span if sight.ray else 0.0, sight.class_key


def spot_of(row: Visit | Detection, plane: LocalPlane) -> Spot:
    """Where it lies by that row alone, the vehicle's fix taken as exact."""
    assert row.lat is not None and row.lon is not None  # a visit with sightings has a place
    return Spot(*plane.to_m(row.lat, row.lon), ellipse_of(row) or Ellipse.round(UNMEASURED_HEADLESS_SD_M))


def ellipse_of(row: Visit | Detection | Defect | Row[Any]) -> Ellipse | None:
    if row.cov_ee_m2 is None or row.cov_en_m2 is None or row.cov_nn_m2 is None:
        return None
    return Ellipse(row.cov_ee_m2, row.cov_en_m2, row.cov_nn_m2)


def shifted(visit: Visit, plane: LocalPlane) -> Spot:
    """The same place without what the map tells of the vehicle's fix."""
    spot = spot_of(visit, plane)
    east_m, north_m = visit.fix_east_m or 0.0, visit.fix_north_m or 0.0
    return replace(spot, east_m=spot.east_m - east_m, north_m=spot.north_m - north_m)
