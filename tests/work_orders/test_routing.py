from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.taxonomy import KEYS
from service.core.hijri import SAUDI_TIME
from service.defects.sizes import SIZES, SizeClass, size_class
from service.work_orders.routing import OrderFacts, Outcome, Rule, route

SUNDAY_NOON = datetime(2026, 3, 1, 12, 0, tzinfo=SAUDI_TIME)
FACTS = OrderFacts("pothole", SizeClass.LARGE, 7, "primary", frozenset(), SUNDAY_NOON)
some = st.frozensets
rules = st.builds(
    Rule,
    id=st.integers(1, 50), key=st.just("a"), rank=st.integers(0, 3), unit_id=st.integers(1, 5),
    class_keys=some(st.sampled_from(["pothole", "garbage"])), size_classes=some(st.sampled_from(["large", "small"])),
    district_ids=some(st.integers(6, 8)), road_classes=some(st.sampled_from(["primary", "track"])),
    incident_kinds=some(st.just("rain")), weekdays=some(st.integers(1, 7)), from_hour=st.integers(0, 23),
    until_hour=st.integers(0, 23), active=st.booleans(), unit_active=st.booleans(),
)  # fmt: skip
lists_of_rules = st.lists(rules, unique_by=lambda rule: rule.id, max_size=8)


@given(lists_of_rules)
def test_one_rule_at_most_decides_and_every_rule_has_its_reason(told: list[Rule]) -> None:
    decision = route(FACTS, told)
    decided = [one for one in decision.considered if one.outcome is Outcome.DECIDED]
    assert [one.rule_id for one in decided] == ([] if decision.rule_id is None else [decision.rule_id])
    assert sorted(one.rule_id for one in decision.considered) == sorted(rule.id for rule in told)
    assert all(one.because for one in decision.considered)
    assert (decision.unit_id is None) == (decision.rule_id is None)


@given(lists_of_rules, st.randoms())
def test_the_order_in_which_rules_are_read_changes_nothing(told: list[Rule], chance: object) -> None:
    shuffled = list(told)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert route(FACTS, told) == route(FACTS, shuffled)


@given(lists_of_rules)
def test_without_the_rule_that_decided_one_that_it_outranked_decides(told: list[Rule]) -> None:
    decision = route(FACTS, told)
    outranked = [one.rule_id for one in decision.considered if one.outcome is Outcome.OUTRANKED]
    others = route(FACTS, [rule for rule in told if rule.id != decision.rule_id])
    assert others.rule_id == (outranked[0] if outranked else None)


@pytest.mark.parametrize(
    ("condition", "because"),
    [
        ({"class_keys": frozenset({"garbage"})}, "class: expected garbage, is pothole"),
        ({"size_classes": frozenset({"small", "medium"})}, "size: expected medium or small, is large"),
        ({"district_ids": frozenset({1})}, "district: expected 1, is 7"),
        ({"road_classes": frozenset({"residential"})}, "road: expected residential, is primary"),
        ({"incident_kinds": frozenset({"rain"})}, "incident: expected rain, is none"),
        ({"weekdays": frozenset({5, 6})}, "weekday: expected 5 or 6, is 7"),
        ({"from_hour": 22, "until_hour": 6}, "hour: expected 22 to 6, is 12"),
        ({"active": False}, "the rule is switched off"),
        ({"unit_active": False}, "its unit takes no orders now"),
    ],
)  # fmt: skip
def test_a_rule_that_does_not_fit_says_what_it_wanted_and_what_came(condition: dict[str, object], because: str) -> None:
    special = replace(Rule(1, "special", 1, 10), **condition)  # type: ignore[arg-type]
    decision = route(FACTS, [special, Rule(2, "rest", 9, 20)])
    assert (decision.unit_id, decision.considered[0].because) == (20, because)


@pytest.mark.parametrize(
    ("hour", "fits"), [(21, False), (22, True), (23, True), (0, True), (5, True), (6, False)]
)  # fmt: skip
def test_hours_pass_midnight_and_are_local(hour: int, fits: bool) -> None:
    night = Rule(1, "night", 1, 10, from_hour=22, until_hour=6)
    at = (SUNDAY_NOON.replace(hour=0) + timedelta(hours=hour)).astimezone(UTC)
    assert (route(replace(FACTS, at=at), [night]).unit_id == 10) is fits


def test_an_incident_and_a_ramp_fit_their_rules() -> None:
    rain = Rule(1, "rain", 1, 10, incident_kinds=frozenset({"rain", "storm"}), road_classes=frozenset({"primary"}))
    facts = replace(FACTS, incident_kinds=frozenset({"rain"}), road_class="primary_link")
    assert route(facts, [rain]).unit_id == 10


def test_with_no_rule_a_person_assigns() -> None:
    assert route(FACTS, []).unit_id is None


@given(st.sampled_from(KEYS), st.floats(0, 100), st.floats(0, 100))
def test_more_work_is_never_a_smaller_class(class_key: str, one: float, other: float) -> None:
    ranks = [SizeClass.SMALL, SizeClass.MEDIUM, SizeClass.LARGE]
    found = [size_class(class_key, size) for size in sorted((one, other))]
    if class_key not in SIZES:
        assert found == [SizeClass.UNKNOWN, SizeClass.UNKNOWN]
    else:
        assert ranks.index(found[0]) <= ranks.index(found[1])
        assert SIZES[class_key].medium_from < SIZES[class_key].large_from and SIZES[class_key].because
