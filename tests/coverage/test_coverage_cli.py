"""`rasid coverage` as an operator uses it."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session
from typer.testing import CliRunner, Result

from service.accounts.models import Municipality
from service.core.database import Database
from service.coverage.cli import coverage
from service.coverage.counting import count_frame
from service.coverage.models import CoveredCell
from service.surveys.models import FrameState
from tests.coverage.streets_made import LAT, LON, cells_in_a_row, collection, feature, make_street, see
from tests.factories import DAMMAM, NOW, make_frame, make_municipality


@pytest.fixture(autouse=True)
def on_test_database(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RASID_DATABASE_URL", database.url.render_as_string(hide_password=False))
    monkeypatch.setenv("RASID_DATA_DIR", str(tmp_path))


@pytest.fixture
def dammam(session: Session) -> Municipality:
    place = make_municipality(session)
    session.commit()
    return place


def rasid_coverage(*arguments: str) -> Result:
    return CliRunner().invoke(coverage, arguments)


def roads_file(folder: Path, *roads: object) -> str:
    path = folder / "roads.geojson"
    path.write_bytes(collection(*roads).read())
    return str(path)


def test_streets_are_imported_and_their_gaps_listed(dammam: Municipality, tmp_path: Path) -> None:
    long = feature((LON, LAT + 0.01), (LON + 0.01, LAT + 0.01), source_id="long", name="طريق الخليج", highway="primary")
    path = roads_file(tmp_path, feature(source_id="short"), long, feature(source_id="x", highway="steps"))
    done = rasid_coverage("streets", path, "--municipality", "dammam")
    assert done.exit_code == 0, done.output
    assert "2 streets, 1.1 km: 2 new" in done.output
    assert "skipped 1: street.left_out" in done.output
    listed = rasid_coverage("gaps", "--municipality", "dammam").output.splitlines()
    assert "997 m of       997  primary        طريق الخليج" in listed[0]
    assert listed[1].endswith("short")
    told = json.loads(rasid_coverage("gaps", "--municipality", "dammam", "--limit", "1", "--json").stdout)
    assert told["type"] == "FeatureCollection"
    assert [one["properties"]["name"] for one in told["features"]] == ["طريق الخليج"]


def test_import_again_as_json_says_what_was_replaced(dammam: Municipality, tmp_path: Path) -> None:
    path = roads_file(tmp_path, feature())
    rasid_coverage("streets", path, "--municipality", "dammam")
    again = json.loads(rasid_coverage("streets", path, "--municipality", "dammam", "--json").stdout)
    assert (again["new"], again["replaced"], again["streets"]) == (0, 1, 1)


def test_the_report_never_rounds_up_to_the_target(session: Session, dammam: Municipality) -> None:
    a, b = cells_in_a_row(2)
    make_street(session, dammam, {a: 99_990.0, b: 10.0}, "primary")
    see(session, dammam, [a], NOW.date())
    session.commit()
    period = ("--from", "2026-01-01", "--to", "2026-03-04")
    told = rasid_coverage("report", "--municipality", "dammam", *period).output
    assert "target 100 %" in told
    assert "seen 99.9 % of 100.0 km" in told
    assert "primary" in told
    as_json = json.loads(rasid_coverage("report", "--municipality", "dammam", *period, "--json").stdout)
    assert as_json["percent"] == pytest.approx(99.99)
    assert (as_json["first_day"], as_json["last_driven"]) == ("2026-01-01", "2026-03-04")


def test_the_report_without_streets_says_why_there_is_no_percentage(dammam: Municipality) -> None:
    told = rasid_coverage("report", "--municipality", "dammam").output
    assert "no percentage: no streets are imported" in told


def test_days_are_counted_anew_from_their_frames(session: Session, dammam: Municipality) -> None:
    frame = make_frame(session, state=FrameState.PROCESSED)
    count_frame(session, frame)
    frame.lat = DAMMAM[0] + 0.1
    session.commit()
    next_day = (NOW + timedelta(days=1)).date().isoformat()
    done = rasid_coverage("recount", "--municipality", "dammam", "--from", "2026-03-04", "--to", next_day)
    assert done.exit_code == 0, done.output
    assert "2026-03-05: 0 cells seen" in done.output
    session.expire_all()
    assert {row.frames for row in session.query(CoveredCell)} == {1}
    assert f"2026-03-04: {session.query(CoveredCell).count()} cells seen" in done.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("report", "--municipality", "nowhere"), "expected the key of a municipality (dammam), got 'nowhere'"),
        (("gaps", "--municipality", "dammam", "--from", "2026-02-01", "--to", "2026-01-01"), "expected from <= to"),
        (("recount", "--municipality", "dammam", "--from", "2026-02-01", "--to", "2026-01-01"), "expected from <= to"),
    ],
)
def test_what_makes_no_sense_is_told_in_a_line(dammam: Municipality, arguments: tuple[str, ...], told: str) -> None:
    done = rasid_coverage(*arguments)
    assert done.exit_code == 2
    assert told in done.output
    assert "Traceback" not in done.output


def test_a_file_that_is_no_geojson_is_told_and_nothing_imported(dammam: Municipality, tmp_path: Path) -> None:
    path = tmp_path / "roads.geojson"
    path.write_text('{"type": "FeatureCollection", "features": [')
    done = rasid_coverage("streets", str(path), "--municipality", "dammam")
    assert done.exit_code == 2
    assert "rasid: expected" in done.output


def test_help_teaches() -> None:
    told = " ".join(rasid_coverage("streets", "--help").output.split())
    assert "Example: rasid coverage streets dammam-roads.geojson --municipality dammam" in told
    for command in ("report", "gaps", "recount"):
        assert "Example:" in rasid_coverage(command, "--help").output
