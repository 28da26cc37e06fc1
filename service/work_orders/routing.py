"""Chooses the unit that takes a class, so that accepting a defect needs no second decision."""

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet

from datasets.taxonomy import BY_KEY


def choose_unit(class_key: str, rules: Mapping[str, int], active_unit_ids: AbstractSet[int]) -> int | None:
    """The unit id that the municipality's rules (class key -> unit id) name; None without a rule or when that
    unit is no longer active, and then a person assigns."""
    unit_id = rules.get(class_key)
    return unit_id if unit_id in active_unit_ids else None


def opens_work_order(class_key: str, enabled: Collection[str]) -> bool:
    """Whether an accepted defect of the class is sent to a crew; experimental classes only where enabled."""
    return not BY_KEY[class_key].experimental or class_key in enabled
