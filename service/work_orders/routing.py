"""Chooses the unit that takes a class, so that accepting a defect needs no second decision."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet


def choose_unit(class_key: str, rules: Mapping[str, int], active_unit_ids: AbstractSet[int]) -> int | None:
    """The unit id that the municipality's rules (class key -> unit id) name; None without a rule or when that
    unit is no longer active, and then a person assigns."""
    unit_id = rules.get(class_key)
    return unit_id if unit_id in active_unit_ids else None
