"""The bench of operations asks real questions of a database that it filled."""

import pytest

from service.bench.operations import as_json, as_markdown, measure_operations, questions


@pytest.fixture(scope="module")
def measured() -> list[dict[str, object]]:
    told: list[str] = []
    found = measure_operations([300], most_events=2_000, repeats=1, advance=told.append)
    assert "questions" in told[-1]
    sizes: list[dict[str, object]] = as_json(found)["sizes"]
    assert as_markdown(found).count("\n") > len(questions())
    return sizes


def test_every_question_is_asked_and_nothing_is_left_out(measured: list[dict[str, object]]) -> None:
    (size,) = measured
    assert (size["defects"], size["events"]) == (300, 2_000)
    p95 = size["p95_ms"]
    assert isinstance(p95, dict)
    assert set(questions()) < set(p95) and all(value > 0 for value in p95.values())
