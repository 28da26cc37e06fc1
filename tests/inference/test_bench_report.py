"""Ratios are taken round by round, so that a busy machine changes the figures and not the conclusion."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.bench.report import BenchReport, Spread, fastest, ratios
from inference.bench.table import remark, spread, statements
from tests.inference.bench_reports import BARE, INT8, OURS, PEER, bench_report, row

Rates = st.lists(st.floats(0.1, 1000), min_size=1, max_size=9)


def test_a_ratio_is_the_median_of_the_rounds_ratios_not_the_ratio_of_the_medians() -> None:
    found = ratios({"a": [10, 30, 4], "b": [5, 10, 4]})["a"]["b"]
    assert (found.least, found.median, found.most) == (1, 2, 3)


@given(Rates, st.lists(st.floats(0.05, 20), min_size=9, max_size=9))
def test_a_machine_busy_for_some_rounds_leaves_the_ratio_as_it_is(rates: list[float], slowdown: list[float]) -> None:
    other = [2.5 * rate for rate in rates]
    busy = [rate * by for rate, by in zip(rates, slowdown, strict=False)]
    busy_other = [rate * by for rate, by in zip(other, slowdown, strict=False)]
    found = ratios({"a": busy_other, "b": busy})["a"]["b"]
    assert (found.least, found.median, found.most) == pytest.approx((2.5, 2.5, 2.5))


def test_rounds_after_one_has_died_do_not_count() -> None:
    found = ratios({"a": [10, 10, 99], "dead": [5, 5], "never": []})
    assert found["a"]["dead"].most == 2
    assert "never" not in found["a"]


@given(Rates)
def test_a_spread_is_in_order(values: list[float]) -> None:
    found = Spread.of(values)
    ordered = [found.least, found.quarter, found.median, found.three_quarter, found.most]
    assert ordered == pytest.approx(sorted(ordered))


def test_the_fastest_is_chosen_among_those_that_passed_their_gate() -> None:
    slow, quick = row(OURS, [10, 11]), row(INT8, [20, 21])
    ungated = row(INT8, [20, 21], gate_passed=False)
    assert fastest([slow, quick, row(BARE, [50]), row(PEER, [60])]) == quick
    assert fastest([slow, ungated]) == slow
    assert fastest([row(OURS, [10], failed="out of memory")]) is None


def test_a_report_is_read_back_from_its_json() -> None:
    report = bench_report()
    assert BenchReport.model_validate_json(report.model_dump_json()) == report


def test_it_is_said_how_the_fastest_stands_to_the_others() -> None:
    said = statements(bench_report())
    assert f"title of {OURS}: 5.00 [5.00, 5.25] times the images/s of title of {PEER}" in said
    assert any("of title of session:onnxruntime" in line for line in said)
    assert any("first detection after 1.00 of the time" in line for line in said)


def test_it_is_said_when_nothing_could_be_measured() -> None:
    assert statements(bench_report({})) == ["none of our backends could be measured"]


def test_a_remark_names_failure_gate_and_batch() -> None:
    assert remark(row(INT8, gate_passed=False, failed="killed")) == "failed: killed; accuracy gate not passed"
    assert remark(row(PEER, [1]).model_copy(update={"batch": 8})) == "batch 8"


def test_no_figure_is_an_empty_cell() -> None:
    assert spread(None) == ""
