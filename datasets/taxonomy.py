"""The one list of defect classes, so that labels, models and work orders mean the same thing by a key."""

from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files

import yaml


class Unit(StrEnum):
    """Unit of work in which a repair of the class is measured and paid."""

    SQUARE_METRE = "m2"
    METRE = "m"
    CUBIC_METRE = "m3"
    COUNT = "count"


@dataclass(frozen=True)
class DefectClass:
    """One kind of defect; its place in CLASSES is its index in every model's output."""

    key: str
    name_en: str
    name_ar: str
    unit: Unit
    group: str
    match_radius_m: float
    color: str
    experimental: bool = False
    needs_person: bool = False
    aliases: tuple[str, ...] = ()


def parse_taxonomy(text: str) -> tuple[DefectClass, ...]:
    """Read taxonomy YAML; a missing or unknown field, unit or doubled key raises and names the entry."""
    classes = tuple(_parse_class(row) for row in yaml.safe_load(text))
    keys = [c.key for c in classes]
    doubled = sorted({key for key in keys if keys.count(key) > 1})
    if doubled:
        raise ValueError(f"taxonomy: expected each key once, got {doubled} more than once; delete or rename one")
    return classes


def _parse_class(row: dict[str, object]) -> DefectClass:
    try:
        aliases = row.get("aliases") or ()
        known = {**row, "unit": Unit(str(row["unit"])), "aliases": tuple(aliases)}  # type: ignore[arg-type]
        return DefectClass(**known)  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError) as error:
        expected = ", ".join(DefectClass.__dataclass_fields__)
        raise ValueError(f"taxonomy: expected the fields {expected}, got {row}: {error}; correct that entry") from error


CLASSES: tuple[DefectClass, ...] = parse_taxonomy(files("datasets").joinpath("taxonomy.yaml").read_text("utf-8"))
BY_KEY: dict[str, DefectClass] = {c.key: c for c in CLASSES}
KEYS: tuple[str, ...] = tuple(BY_KEY)
