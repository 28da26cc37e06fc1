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


def test_rows_are_those_of_the_figure_and_a_ranking_says_who_is_not_ranked(runner: CliRunner, tmp_path: Path) -> None:
    day, file = ["--on", f"{NOW:%Y-%m-%d}"], tmp_path / "rows.csv"
    told = runner.invoke(cli.indicators, ["rows", "received", "--municipality", "dammam", "--csv", str(file), *day])
    assert told.output == "2 rows\n" and file.read_text("utf-8-sig").count("\n") == 3
    assert runner.invoke(cli.indicators, ["rows", "beauty", "--csv", str(file), *day]).exit_code != 0
    assert "ranked from 20" in runner.invoke(cli.indicators, ["ranking", *day]).output
    (standing,) = json.loads(runner.invoke(cli.indicators, ["ranking", "--json", *day]).output)
    assert standing["rank"] is None and standing["name_en"] == "Dammam"
    assert "percent_treated,50" in ranked_as_csv(runner, tmp_path / "ranking.csv", day)


def ranked_as_csv(runner: CliRunner, file: Path, day: list[str]) -> str:
    assert runner.invoke(cli.indicators, ["ranking", "--csv", str(file), *day]).exit_code == 0
    return file.read_text("utf-8-sig")


def test_what_makes_no_sense_is_told(runner: CliRunner) -> None:
    assert "hijri_month" in runner.invoke(cli.indicators, ["show", "--period", "fortnight"]).output
    assert "standing_water" in runner.invoke(cli.indicators, ["show", "--class", "puddle"]).output
    assert "percent_treated" in runner.invoke(cli.indicators, ["define"]).output
