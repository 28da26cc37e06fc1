"""The figures of a page come from the JSON and from nowhere else."""

import re
from pathlib import Path

import pytest

from inference.bench.page import fill, main, read_report
from inference.bench.report import write_report
from tests.inference.bench_reports import INT8, OURS, PEER, bench_report, endurance_report, row

PAGE = """# Title
<!-- figures: throughput -->
old
<!-- end of figures -->
between
<!-- figures: endurance -->
not measured
<!-- end of figures -->
"""
PERFORMANCE = Path(__file__).parents[2] / "docs" / "performance.md"


def test_figures_replace_what_stood_between_the_marks() -> None:
    page = fill(PAGE, [bench_report()])
    assert "old" not in page
    assert f"|**title of {OURS}**|544x960|20.00 [15.00, 21.00]|300||" in page
    assert "between" in page
    assert "not measured" in page


def test_filling_twice_is_filling_once() -> None:
    once = fill(PAGE, [bench_report(), endurance_report()])
    assert fill(once, [bench_report(), endurance_report()]) == once
    assert "|1,000|50.0|250|260|" in once


def test_a_failed_contender_is_told_with_its_reason() -> None:
    failed = row(INT8, failed="no|such instruction")
    assert f"|title of {INT8}|544x960|||failed: no/such instruction|" in fill(PAGE, [bench_report(None, failed)])


def test_ratios_stand_over_each_other_contender() -> None:
    page = fill("<!-- figures: ratios -->\n<!-- end of figures -->", [bench_report()])
    assert f"|title of {PEER}|5.00 [5.00, 5.25]|" in page


def test_reports_are_told_apart_when_read(tmp_path: Path) -> None:
    for report in (bench_report(), endurance_report()):
        write_report(report, tmp_path / "report.json")
        assert read_report(tmp_path / "report.json") == report


def test_a_file_that_is_no_report_is_a_clear_refusal(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text(PAGE)
    (tmp_path / "foreign.json").write_text("{}")
    with pytest.raises(SystemExit, match="expected a page and reports"):
        main(tmp_path / "page.md", [tmp_path / "foreign.json"])
    assert (tmp_path / "page.md").read_text() == PAGE


def test_every_mark_of_the_performance_page_is_one_that_can_be_filled() -> None:
    page = PERFORMANCE.read_text("utf-8")
    names = re.findall(r"<!-- figures: (\w+) -->", page)
    assert sorted(names) == ["endurance", "machine", "ratios", "start", "throughput"]
    filled = fill(page, [bench_report(), endurance_report()])
    blocks = re.findall(r"<!-- figures: \w+ -->\n(.*?)<!-- end of figures -->", filled, re.DOTALL)
    assert len(blocks) == 5
    assert all("|---|" in block for block in blocks)
