"""Units, routing and service levels that a new municipality starts with, so that its first defect finds a
crew."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from service.accounts.models import Municipality
from service.work_orders.models import RoutingRule, SlaPolicy, Unit
from service.work_orders.routing import RANK_OF_CLASS_RULES, class_rule_key
from service.work_orders.sla import DEFAULT_LEVELS, told_level


@dataclass(frozen=True)
class DefaultUnit:
    key: str
    name_en: str
    name_ar: str
    class_keys: tuple[str, ...]


DEFAULT_UNITS = (
    DefaultUnit("pothole_machine", "Pothole machine", "معدة معالجة الحفر", ("pothole", "road_crack")),
    DefaultUnit("rain_water", "Rain-water unit", "وحدة تصريف مياه الأمطار", ("standing_water",)),
    DefaultUnit("cleaning", "Cleaning contractor", "مقاول النظافة", ("garbage", "sand_rubble")),
    DefaultUnit("walls", "Walls and façades", "وحدة الجدران والواجهات", ("graffiti", "unkept_facade")),
    DefaultUnit("signs", "Signs and billboards", "وحدة اللوحات", ("damaged_sign", "bad_billboard")),
    DefaultUnit("barriers", "Works and barriers", "وحدة الأعمال والحواجز", ("construction_barrier",)),
    DefaultUnit("sidewalks", "Sidewalks", "وحدة الأرصفة", ("neglected_sidewalk",)),
)  # fmt: skip


def create_default_operations(session: Session, municipality: Municipality) -> None:
    """Adds what is missing and changes nothing that is there; safe to run twice. The municipality must be
    flushed."""
    place = {"municipality_id": municipality.id}
    names = [
        place | {"key": unit.key, "name_en": unit.name_en, "name_ar": unit.name_ar, "active": True}
        for unit in DEFAULT_UNITS
    ]
    session.execute(insert(Unit).values(names).on_conflict_do_nothing())
    unit_ids = dict(session.execute(select(Unit.key, Unit.id).filter_by(**place)).all())
    rules = [
        place
        | {
            "key": class_rule_key(class_key),
            "rank": RANK_OF_CLASS_RULES,
            "class_keys": [class_key],
            "unit_id": unit_ids[unit.key],
        }
        for unit in DEFAULT_UNITS
        for class_key in unit.class_keys
    ]
    session.execute(insert(RoutingRule).values(rules).on_conflict_do_nothing())
    levels = [place | {"class_key": class_key} | told_level(level) for class_key, level in DEFAULT_LEVELS.items()]
    session.execute(insert(SlaPolicy).values(levels).on_conflict_do_nothing())
