"""The rules of an incident: read from JSON as a person writes it, and refused where they cannot be meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.taxonomy import KEYS
from service.incidents.rules import DEFAULTS, BadRules, IncidentRules, parse_rules

rules = st.builds(
    IncidentRules,
    st.dictionaries(st.sampled_from(KEYS), st.floats(0.1, 100)),
    st.dictionaries(st.sampled_from(KEYS), st.floats(0.1, 720)),
    st.dictionaries(st.sampled_from(["pothole_machine", "rain_water"]), st.integers(1, 1000)),
)


@given(rules)
def test_rules_survive_the_way_through_json(told: IncidentRules) -> None:
    assert parse_rules(told.as_json()) == told


def test_the_rules_of_every_kind_can_be_read() -> None:
    for told in DEFAULTS.values():
        assert parse_rules(told.as_json()) == told


@pytest.mark.parametrize(
    ("told", "named"),
    [
        ({"points": {"pond": 1}}, "pond"),
        ({"points": {"pothole": 0}}, "points.pothole"),
        ({"points": {"pothole": True}}, "points.pothole"),
        ({"close_hours": {"pothole": "soon"}}, "close_hours.pothole"),
        ({"close_hours": [4]}, "close_hours"),
        ({"speed": {}}, "speed"),
    ],
)
def test_rules_that_cannot_be_meant_are_refused_by_name(told: dict[str, object], named: str) -> None:
    with pytest.raises(BadRules, match=named):
        parse_rules(told)
