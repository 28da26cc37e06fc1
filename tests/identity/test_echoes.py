from hypothesis import given
from hypothesis import strategies as st

from service.identity.echoes import leaders

Box = tuple[str, float, tuple[float, float, float, float]]
WHOLE = ("sand_rubble", 0.8, (100.0, 100.0, 200.0, 150.0))


def test_a_heap_that_is_named_twice_is_one_thing() -> None:
    assert leaders([("garbage", 0.4, (105.0, 98.0, 198.0, 152.0)), WHOLE]) == [1, 1]


def test_a_part_boxed_inside_of_the_whole_is_no_thing_of_its_own() -> None:
    assert leaders([WHOLE, ("sand_rubble", 0.5, (100.0, 110.0, 130.0, 150.0))]) == [0, 0]


def test_two_holes_side_by_side_are_two() -> None:
    holes = [("pothole", 0.8, (100.0, 100.0, 200.0, 150.0)), ("pothole", 0.7, (195.0, 102.0, 300.0, 155.0))]
    assert leaders(holes) == [0, 1]


boxes = st.lists(
    st.tuples(
        st.sampled_from(["pothole", "garbage"]), st.floats(0.05, 1),
        st.tuples(st.integers(0, 300), st.integers(0, 300), st.integers(5, 200), st.integers(5, 200)).map(
            lambda box: (float(box[0]), float(box[1]), float(box[0] + box[2]), float(box[1] + box[3]))
        ),
    ),
    max_size=8,
)  # fmt: skip


@given(boxes)
def test_a_leader_leads_itself_and_scores_at_least_as_high_as_its_echoes(found: list[Box]) -> None:
    leads = leaders(found)
    for index, leader in enumerate(leads):
        assert leads[leader] == leader and found[leader][1] >= found[index][1]
