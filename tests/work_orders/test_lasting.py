import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.work_orders.lasting import Lasted, survival

# Remission times in weeks of the patients given 6-MP, in Freireich et al. (Blood 21, 1963), the textbook example.
TREATED = [Lasted(days, True) for days in (6, 6, 6, 7, 10, 13, 16, 22, 23)]
TREATED += [Lasted(days, False) for days in (6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35)]
things = st.lists(st.builds(Lasted, st.integers(0, 400).map(float), st.booleans()), min_size=1, max_size=40)


def test_the_textbook_example_comes_out() -> None:
    kept = survival(TREATED)
    expected = ((6, 0.857), (7, 0.807), (10, 0.753), (13, 0.690), (16, 0.627), (22, 0.538), (23, 0.448))
    assert [(days, round(share, 3)) for days, share in kept.steps] == list(expected)
    assert (
        kept.median_days == 23 and kept.share_after(5) == 1.0 and kept.share_after(15) == pytest.approx(0.690, abs=1e-3)
    )


def test_nothing_is_told_beyond_what_was_followed() -> None:
    assert survival([Lasted(40, False), Lasted(10, True)]).share_after(30) == 0.5
    assert survival([Lasted(40, False), Lasted(10, True)]).share_after(90) is None
    assert survival([Lasted(10, True)]).share_after(90) == 0.0
    assert survival([]).share_after(30) is None


def test_as_long_as_most_are_good_there_is_no_median() -> None:
    assert survival([Lasted(10, True), Lasted(50, False), Lasted(60, False)]).median_days is None


@given(things, st.floats(0, 400))
def test_if_all_failed_the_share_is_the_plain_one(lasted: list[Lasted], days: float) -> None:
    failed = [Lasted(one.days, True) for one in lasted]
    share = survival(failed).share_after(days)
    assert share == pytest.approx(sum(one.days > days for one in failed) / len(failed))


@given(things)
def test_shares_fall_from_one_and_more_failures_make_them_fall_lower(lasted: list[Lasted]) -> None:
    shares = [1.0, *(share for _, share in survival(lasted).steps)]
    assert shares == sorted(shares, reverse=True) and shares[-1] >= 0
    worse = survival([Lasted(one.days, True) for one in lasted])
    for days in (30.0, 90.0, 365.0):
        one, other = survival(lasted).share_after(days), worse.share_after(days)
        assert one is None or other is None or other <= one + 1e-12
