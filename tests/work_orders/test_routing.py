from hypothesis import given
from hypothesis import strategies as st

from datasets.taxonomy import KEYS
from service.work_orders.routing import choose_unit

keys = st.sampled_from(KEYS)
unit_ids = st.integers(1, 5)


@given(keys, st.dictionaries(keys, unit_ids), st.frozensets(unit_ids))
def test_a_class_goes_to_the_active_unit_its_rule_names_and_else_to_a_person(
    class_key: str, rules: dict[str, int], active: frozenset[int]
) -> None:
    chosen = choose_unit(class_key, rules, active)
    if class_key in rules and rules[class_key] in active:
        assert chosen == rules[class_key]
    else:
        assert chosen is None
