"""`rasid indicators` as an operator meets it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from service.control import cli
from service.core.runtime import Runtime
from tests.control.lives import NOW, Street


@pytest.fixture
def runner(runtime: Runtime, street: Street, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """Over the test's database, with one order treated and one open."""

    @contextmanager
    def opened(data_dir: Path | None) -> Iterator[Runtime]:
        yield runtime

    monkeypatch.setattr(cli, "opened", opened)
    street.live("accept", "assign", "start", "done", "pass")
    street.live("accept")
    return CliRunner()


def test_show_tells_figures_and_rebuild_changes_none(runner: CliRunner, tmp_path: Path) -> None:
    asked = ["show", "--municipality", "dammam", "--on", f"{NOW:%Y-%m-%d}"]
    told = runner.invoke(cli.indicators, asked)
    assert told.exit_code == 0, told.output
    assert "percent_treated" in told.output and "50.0 %" in told.output and "1447-09-12" in told.output
    before = runner.invoke(cli.indicators, [*asked, "--json"]).output
    assert "cases" in runner.invoke(cli.indicators, ["rebuild"]).output
    after = runner.invoke(cli.indicators, [*asked, "--json"]).output
    assert json.loads(before)["groups"] == json.loads(after)["groups"]
    file = tmp_path / "week.csv"
    runner.invoke(cli.indicators, [*asked, "--by", "class", "--csv", str(file)])
    assert "pothole,pothole,حفرة,received" in file.read_text("utf-8-sig")


def test_what_makes_no_sense_is_told(runner: CliRunner) -> None:
    assert "hijri_month" in runner.invoke(cli.indicators, ["show", "--period", "fortnight"]).output
    assert "standing_water" in runner.invoke(cli.indicators, ["show", "--class", "puddle"]).output
    assert "percent_treated" in runner.invoke(cli.indicators, ["define"]).output
