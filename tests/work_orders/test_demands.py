"""Which proof rule decides."""

from hypothesis import given
from hypothesis import strategies as st

from service.work_orders.demands import BUILT_IN, Demand, Rule, choose

demands = st.frozensets(st.sampled_from(Demand))
scopes = st.tuples(st.sampled_from((None, 1, 2)), st.sampled_from((None, "pothole", "garbage")))
rules = st.dictionaries(scopes, demands).map(
    lambda told: [Rule(number, *scope, wanted) for number, (scope, wanted) in enumerate(told.items(), start=1)]
)


@given(rules)
def test_the_rule_of_the_own_municipality_and_class_decides_then_of_either_then_what_is_built_in(
    told: list[Rule],
) -> None:
    by_scope = {(rule.municipality_id, rule.class_key): rule for rule in told}
    asked = ((1, "pothole"), (1, None), (None, "pothole"), (None, None))
    expected = next((by_scope[scope] for scope in asked if scope in by_scope), BUILT_IN)
    choice = choose(told, 1, "pothole")
    assert choice.rule == expected == choice.considered[0].rule
    assert {one.rule.id for one in choice.considered} == {None, *(rule.id for rule in told)}
    assert all(one.why for one in choice.considered)


@given(rules)
def test_no_rule_of_another_municipality_or_class_decides(told: list[Rule]) -> None:
    rule = choose(told, 2, "garbage").rule
    assert rule.municipality_id in (None, 2) and rule.class_key in (None, "garbage")
