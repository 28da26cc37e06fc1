"""The bench of operations asks real questions of a database that it filled."""

from datetime import UTC, datetime

import pytest

from service.bench.operations import EXPORT, as_json, as_markdown, measure_operations
from service.bench.operations_questions import indicators, limit_ms, lists
from service.bench.sweeps import as_markdown as sweeps_as_markdown
from service.bench.sweeps import measure_sweeps

NOW = datetime(2026, 11, 20, tzinfo=UTC)
ASKED = {*lists(NOW, 300), *indicators(NOW), EXPORT}


@pytest.fixture(scope="module")
def measured() -> list[dict[str, object]]:
    told: list[str] = []
    found = measure_operations([300], most_events=3_000, repeats=1, advance=told.append)
    assert "questions" in told[-1]
    sizes: list[dict[str, object]] = as_json(found)["sizes"]
    assert as_markdown(found).count("\n") > len(ASKED)
    return sizes


def test_every_question_is_asked_and_nothing_is_left_out(measured: list[dict[str, object]]) -> None:
    (size,) = measured
    assert (size["defects"], size["events"]) == (300, 3_000)
    p95 = size["p95_ms"]
    assert isinstance(p95, dict)
    assert set(p95) > ASKED and all(value > 0 for value in p95.values())
    assert any(name.endswith("(of three)") for name in p95) and any("changed since" in name for name in p95)


def test_indicators_may_take_longer_than_a_page_of_a_list() -> None:
    assert {limit_ms(name) for name in lists(NOW, 1)} == {100.0}
    assert {limit_ms(name) for name in indicators(NOW)} == {300.0}


def test_a_sweep_catches_up_with_every_order_after_a_long_time() -> None:
    (swept,) = measure_sweeps([40])
    assert (swept.orders, swept.adopted) == (40, 40)
    assert swept.stamped >= 40  # each is late by then
    assert "|40|" in sweeps_as_markdown([swept])
