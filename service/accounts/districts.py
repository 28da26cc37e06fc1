"""The districts of a municipality: imported as polygons, and which of them a place lies in."""

import re
from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from shapely import Point, STRtree
from shapely.geometry import shape
from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, undefer

from service.accounts.boundaries import BadBoundary, containing, extent_of, parse_boundary
from service.accounts.caller import Caller, visible
from service.accounts.models import District
from service.core.errors import NotFound, Unprocessable
from service.core.events import Actor, record
from service.core.tables import JsonObject

NAME_LENGTH, KEY_LENGTH = 120, 40
MAX_DISTRICTS = 5_000
_NO_KEY_SIGN = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class Properties:
    """Which properties of a feature name the district; names in one language stand for both."""

    key: str = "key"
    name_en: str = "name_en"
    name_ar: str = "name_ar"


@dataclass(frozen=True)
class Skipped:
    """A feature that is no district; the others of the file are imported."""

    number: int  # in the file, from 1
    code: str
    detail: str


@dataclass(frozen=True)
class DistrictImport:
    new: int
    changed: int
    same: int
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True)
class Shape:
    key: str
    name_en: str
    name_ar: str
    boundary: JsonObject


class DistrictMap:
    """The districts of one municipality in memory, to place many things."""

    def __init__(self, boundaries: Mapping[int, JsonObject]) -> None:
        self._ids = sorted(boundaries)
        self._tree = STRtree([shape(boundaries[key]) for key in self._ids])

    def district_id_at(self, lat: float, lon: float) -> int | None:
        """Of districts that overlap there, the one that was made first."""
        hits = self._tree.query(Point(lon, lat), predicate="covered_by")
        return self._ids[min(hits)] if len(hits) else None


def district_of(session: Session, municipality_id: int, lat: float, lon: float) -> District | None:
    """The district that covers the place; of several the one that was made first."""
    around = select(District).where(
        District.municipality_id == municipality_id, District.ended_at.is_(None),
        District.west <= lon, lon <= District.east, District.south <= lat, lat <= District.north,
    )  # fmt: skip
    found = {row.id: row for row in session.scalars(around.options(undefer(District.boundary)))}
    covering = containing({key: row.boundary for key, row in found.items()}, lat, lon)
    return found[covering] if covering is not None else None


def district_map(session: Session, municipality_id: int) -> DistrictMap:
    own = (District.municipality_id == municipality_id, District.ended_at.is_(None))
    rows = session.execute(select(District.id, District.boundary).where(*own))
    return DistrictMap({row.id: row.boundary for row in rows})


def others_than_in_use(session: Session, municipality_id: int, ids: Collection[int]) -> list[int]:
    """Those that are no districts of the municipality, or ended ones; the others cannot end before the transaction."""
    own = (District.municipality_id == municipality_id, District.ended_at.is_(None), District.id.in_(ids))
    return sorted(set(ids) - set(session.scalars(select(District.id).where(*own).with_for_update(read=True))))


def visible_districts(caller: Caller) -> Select[District]:
    return visible(select(District), District.municipality_id, caller)


def get_district(session: Session, caller: Caller, district_id: int) -> District:
    own = visible_districts(caller).where(District.id == district_id).options(undefer(District.boundary))
    found = session.scalar(own)
    if found is None:
        raise NotFound("district.unknown", f"expected a district of your municipalities, got id {district_id}")
    return found


def end_district(session: Session, district: District, actor: Actor, now: datetime, told: JsonObject) -> bool:
    """No work is placed in it from now on; the row must be locked. Whether it was in use; safe to run twice."""
    if district.ended_at is not None:
        return False
    district.ended_at = now
    _record(session, district, "end", actor, now, told)
    return True


def put_district(
    session: Session, municipality_id: int, told: Shape, actor: Actor, now: datetime
) -> tuple[District, str]:
    """The district of that key as told, and whether that is new, changed or the same; one that had ended is in use
    again. Safe to run twice. Raises Unprocessable for a boundary that is no polygon."""
    try:
        boundary = parse_boundary(told.boundary)
    except BadBoundary as error:
        raise Unprocessable("district.boundary", str(error)) from error
    west, south, east, north = extent_of(boundary)
    values: JsonObject = {"name_en": told.name_en, "name_ar": told.name_ar, "boundary": boundary, "west": west,
                          "south": south, "east": east, "north": north, "ended_at": None}  # fmt: skip
    place = {"municipality_id": municipality_id, "key": told.key}
    made = session.scalar(insert(District).values(place | values).on_conflict_do_nothing().returning(District.id))
    own = select(District).filter_by(**place).options(undefer(District.boundary)).with_for_update()
    district = session.scalars(own, execution_options={"populate_existing": True}).one()
    if made is None and all(_equal(getattr(district, name), value) for name, value in values.items()):
        return district, "same"
    for name, value in values.items():
        setattr(district, name, value)
    _record(session, district, "create" if made else "change", actor, now, {})
    return district, "new" if made else "changed"


def import_districts(
    session: Session, municipality_id: int, geojson: JsonObject, properties: Properties, actor: Actor, now: datetime
) -> DistrictImport:
    """Every polygon of a FeatureCollection; those it does not name stay. Safe to run twice. Raises Unprocessable for
    anything but a FeatureCollection."""
    features = geojson.get("features")
    if geojson.get("type") != "FeatureCollection" or not isinstance(features, list):
        raise Unprocessable("district.file", f"expected a FeatureCollection, got {geojson.get('type')!r:.60}")
    if len(features) > MAX_DISTRICTS:
        raise Unprocessable("district.file", f"expected at most {MAX_DISTRICTS} features, got {len(features)}")
    counts = {"new": 0, "changed": 0, "same": 0}
    skipped: list[Skipped] = []
    seen: set[str] = set()
    for number, feature in enumerate(features, 1):
        try:
            told = _new_shape(feature, properties, seen)
            _, what = put_district(session, municipality_id, told, actor, now)
        except Unprocessable as error:
            skipped.append(Skipped(number, error.code, error.detail))
            continue
        seen.add(told.key)
        counts[what] += 1
    return DistrictImport(**counts, skipped=tuple(skipped))


def _record(session: Session, district: District, action: str, actor: Actor, now: datetime, told: JsonObject) -> None:
    record(
        session, at=now, actor=actor, subject_kind="district", subject_id=district.id, action=action,
        municipality_id=district.municipality_id, data={"key": district.key} | told,
    )  # fmt: skip


def _new_shape(feature: object, properties: Properties, seen: AbstractSet[str]) -> Shape:
    told = _shape(feature, properties)
    if told.key in seen:
        raise Unprocessable("district.key", f"expected each key once, got {told.key!r} again")
    return told


def _shape(feature: object, properties: Properties) -> Shape:
    if not isinstance(feature, dict) or not isinstance(feature.get("geometry"), dict):
        raise Unprocessable("district.feature", f"expected a Feature with a geometry, got {feature!r:.60}")
    told = feature.get("properties") or {}
    if not isinstance(told, dict):
        raise Unprocessable("district.feature", f"expected properties as an object, got {told!r:.60}")
    name_en, name_ar = _names(told.get(properties.name_en), told.get(properties.name_ar))
    key = _key(told.get(properties.key, feature.get("id")))
    return Shape(key, name_en, name_ar, feature["geometry"])


def _key(told: object) -> str:
    """Lower case letters, digits and underscores; a number is prefixed."""
    key = _NO_KEY_SIGN.sub("_", str(told).lower()).strip("_") if isinstance(told, str | int) else ""
    key = f"d{key}" if key[:1].isdigit() else key
    if not 2 <= len(key) <= KEY_LENGTH:
        raise Unprocessable(
            "district.key", f"expected a key of 2 to {KEY_LENGTH} Latin letters and digits, got {told!r:.60}"
        )
    return key


def _names(name_en: object, name_ar: object) -> tuple[str, str]:
    names = [str(name).replace("\x00", "").strip()[:NAME_LENGTH] if name else "" for name in (name_en, name_ar)]
    if not any(names):
        raise Unprocessable("district.name", "expected a name in English or Arabic, got none")
    return names[0] or names[1], names[1] or names[0]


def _equal(stored: object, told: object) -> bool:
    """JSON turns tuples into lists."""
    return _listed(stored) == _listed(told)


def _listed(value: object) -> object:
    if isinstance(value, dict):
        return {key: _listed(one) for key, one in value.items()}
    return [_listed(one) for one in value] if isinstance(value, list | tuple) else value
