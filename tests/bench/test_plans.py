import pytest

from service.bench.plans import BLOCK_M, SIDE_M, Run, as_json, as_markdown, measure


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    return measure([6, 12], [1])


def test_every_town_is_measured_with_and_without_streets(runs: list[Run]) -> None:
    assert [(run.orders, run.streets) for run in runs] == [(6, False), (6, True), (12, False), (12, True)]
    assert SIDE_M % BLOCK_M == 0


def test_a_plan_is_never_measured_as_longer_than_the_nearest_neighbours(runs: list[Run]) -> None:
    assert all(run.ratio <= 1 and run.done >= 1 and run.seconds > 0 for run in runs)


def test_the_table_has_a_row_for_each_size_and_kind_of_distance(runs: list[Run]) -> None:
    table = as_markdown(runs)
    assert table.count("\n| 6 |") == 2 and table.count("\n| 12 |") == 2 and "1 towns of each; 0 of 4" in table
    assert len(as_json(runs)["runs"]) == 4
