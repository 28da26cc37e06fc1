"""The class list is what models, labels and work orders agree on."""

import re

import pytest

from datasets.taxonomy import BY_KEY, CLASSES, KEYS, Unit, parse_taxonomy

ROW = {
    "key": "pothole",
    "name_en": "pothole",
    "name_ar": "حفرة",
    "unit": "m2",
    "group": "road",
    "match_radius_m": "4.0",
    "color": '"#d62828"',
}


def yaml_of(*rows: dict[str, str]) -> str:
    return "\n".join("- " + "\n  ".join(f"{k}: {v}" for k, v in row.items()) for row in rows)


def test_the_order_is_the_order_of_every_released_model() -> None:
    assert KEYS == (
        "pothole",
        "road_crack",
        "garbage",
        "graffiti",
        "construction_barrier",
        "neglected_sidewalk",
        "bad_billboard",
        "sand_rubble",
        "standing_water",
        "damaged_sign",
        "unkept_facade",
    )


def test_every_class_has_an_arabic_name_a_positive_radius_and_its_own_colour() -> None:
    assert all(re.search("[\u0600-\u06ff]", c.name_ar) for c in CLASSES)
    assert all(c.match_radius_m > 0 for c in CLASSES)
    assert len({c.color for c in CLASSES if re.fullmatch("#[0-9a-f]{6}", c.color)}) == len(CLASSES)


def test_only_classes_with_too_few_boxes_are_experimental_and_only_water_needs_a_person() -> None:
    assert [c.key for c in CLASSES if c.experimental] == ["damaged_sign", "unkept_facade"]
    assert [c.key for c in CLASSES if c.needs_person] == ["standing_water"]


def test_a_unit_is_read_as_a_unit() -> None:
    assert BY_KEY["graffiti"].unit is Unit.METRE
    assert parse_taxonomy(yaml_of(ROW))[0].unit is Unit.SQUARE_METRE


@pytest.mark.parametrize(
    "row", [{**ROW, "unit": "acre"}, {**ROW, "colour": "red"}, {k: v for k, v in ROW.items() if k != "unit"}]
)
def test_an_entry_with_a_wrong_unknown_or_missing_field_is_refused_by_name(row: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="correct that entry"):
        parse_taxonomy(yaml_of(row))


def test_a_key_given_twice_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\['pothole'\] more than once"):
        parse_taxonomy(yaml_of(ROW, ROW))
