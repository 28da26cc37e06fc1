"""Importing streets: all or nothing, again without doubling, inside the boundary, and every skipped feature told."""

from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.accounts.models import Municipality
from service.core.errors import Unprocessable
from service.core.events import SYSTEM, Event
from service.coverage.models import Street, StreetCell
from service.coverage.street_lines import Keys, from_geojson, length_m, metres_by_cell
from service.coverage.streets import StreetImport, import_streets
from tests.coverage.streets_made import LAT, LON, collection, feature
from tests.factories import NOW, make_municipality, square


@pytest.fixture
def dammam(session: Session) -> Municipality:
    return make_municipality(session)


def bring(session: Session, place: Municipality, *roads: object, **options: Any) -> StreetImport:
    return import_streets(session, place, collection(*roads), actor=SYSTEM, now=NOW, **options)


def stored(session: Session) -> dict[str, Street]:
    session.expire_all()
    return {street.source_id: street for street in session.scalars(select(Street))}


def cells_of(session: Session, street: Street) -> dict[int, float]:
    rows = session.scalars(select(StreetCell).where(StreetCell.street_id == street.id))
    return {row.cell: row.length_m for row in rows}


def test_a_street_comes_with_its_name_class_length_and_cells(session: Session, dammam: Municipality) -> None:
    done = bring(session, dammam, feature(name="الأمير محمد", highway="primary"))
    assert (done.read, done.imported, done.new, done.replaced, done.streets) == (1, 1, 1, 0, 1)
    street = stored(session)["a"]
    assert (street.name, street.road_class) == ("الأمير محمد", "primary")
    assert street.length_m == pytest.approx(100, rel=0.001)
    lines = from_geojson(street.line)
    assert length_m(lines) == pytest.approx(street.length_m)
    assert cells_of(session, street) == pytest.approx(metres_by_cell(lines))
    event = session.scalars(select(Event)).one()
    assert (event.action, event.municipality_id, event.data["imported"]) == ("import_streets", dammam.id, 1)


def test_the_same_file_again_changes_nothing(session: Session, dammam: Municipality) -> None:
    roads = [feature(source_id="a"), feature((LON, LAT), (LON, LAT + 0.001), source_id=None, highway="primary")]
    first = bring(session, dammam, *roads)
    before = {key: (street.id, street.line, cells_of(session, street)) for key, street in stored(session).items()}
    again = bring(session, dammam, *roads)
    assert {
        key: (street.id, street.line, cells_of(session, street)) for key, street in stored(session).items()
    } == before
    assert (first.new, again.new, again.replaced, again.streets) == (2, 0, 2, 2)


def test_a_street_of_the_same_id_is_replaced_with_its_cells(session: Session, dammam: Municipality) -> None:
    bring(session, dammam, feature(source_id="a", name="old"), feature(source_id="b"))
    bring(session, dammam, feature((LON, LAT), (LON, LAT + 0.01), source_id="a", name="new"))
    streets = stored(session)
    assert streets.keys() == {"a", "b"}
    assert streets["a"].name == "new"
    assert sum(cells_of(session, streets["a"]).values()) == pytest.approx(1108, abs=1)


def test_streets_that_the_file_does_not_name_go_only_when_asked(session: Session, dammam: Municipality) -> None:
    khobar = make_municipality(session, "khobar")
    bring(session, khobar, feature(source_id="b"))
    bring(session, dammam, feature(source_id="a"), feature(source_id="b"))
    done = bring(session, dammam, feature(source_id="a"), replace_all=True)
    assert (done.removed, done.new, done.replaced, done.streets) == (1, 0, 1, 1)
    assert session.scalar(select(func.count(Street.id)).where(Street.municipality_id == khobar.id)) == 1
    assert session.scalar(select(func.count()).select_from(StreetCell).where(StreetCell.municipality_id == khobar.id))


def test_parts_outside_the_boundary_are_cut_off_and_whole_streets_outside_skipped(session: Session) -> None:
    place = make_municipality(session, "khobar", square(LON - 0.1, LAT - 0.1))  # reaches to LON + 0.1
    across = feature((LON + 0.09, LAT), (LON + 0.11, LAT), source_id="across")
    outside = feature((LON + 0.2, LAT), (LON + 0.21, LAT), source_id="outside")
    done = bring(session, place, across, outside)
    street = stored(session)["across"]
    assert street.length_m == pytest.approx(0.01 * 99_800, rel=0.001)
    assert sum(cells_of(session, street).values()) == pytest.approx(street.length_m)
    assert max(lon for lon, _ in street.line["coordinates"]) == pytest.approx(LON + 0.1)
    assert [(one.code, one.count) for one in done.skipped] == [("street.outside", 1)]


def test_features_that_are_no_streets_are_counted_with_examples_and_the_others_taken(
    session: Session, dammam: Municipality
) -> None:
    point = feature() | {"geometry": {"type": "Point", "coordinates": [LON, LAT]}}
    done = bring(session, dammam, *[point] * 7, feature(source_id="a", highway="footway"), feature(source_id="b"))
    assert (done.read, done.imported) == (9, 1)
    assert {one.code: one.count for one in done.skipped} == {"street.geometry": 7, "street.left_out": 1}
    assert len(done.skipped[0].examples) == 5
    assert done.skipped[0].examples[0].startswith("feature 1: expected a LineString")


def test_what_counts_as_no_street_to_drive_is_the_callers_choice(session: Session, dammam: Municipality) -> None:
    roads = [feature(source_id="a", kind_="footway"), feature(source_id="b", kind_="sand")]
    done = bring(session, dammam, *roads, keys=Keys(road_class="kind_"), leave_out=frozenset({"sand"}))
    assert done.imported == 1
    assert stored(session)["a"].road_class == "footway"


def test_one_id_on_several_lines_keeps_every_line_once(session: Session, dammam: Municipality) -> None:
    other = feature((LON, LAT), (LON, LAT + 0.001), source_id="a")
    roads = [
        feature(source_id="a"),
        other,
        feature(source_id="a"),
        feature((LON, LAT), (LON + 0.01, LAT), source_id="a#2"),
    ]
    for _ in range(2):
        done = bring(session, dammam, *roads)
        assert {one.code: one.count for one in done.skipped} == {"street.repeated": 1}
        assert stored(session).keys() == {"a", "a#2", "a#2#2"}
    assert done.new == 0


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"not json", "streets.geojson"),
        (b'{"type": "FeatureCollection", "features": []}', "streets.none"),
        (b'{"type": "FeatureCollection", "features": [{"type": "Feature"}]}', "streets.none"),
        (collection(feature()).read()[:-2], "streets.geojson"),  # broken off after a whole street
    ],
)
def test_a_file_that_is_no_use_is_refused_and_changes_nothing(
    session: Session, dammam: Municipality, data: bytes, code: str
) -> None:
    bring(session, dammam, feature(source_id="before"))
    session.commit()
    with pytest.raises(Unprocessable, match="expected") as refused:
        import_streets(session, dammam, BytesIO(data), actor=SYSTEM, now=NOW, replace_all=True)
    session.rollback()
    assert refused.value.code == code
    assert stored(session).keys() == {"before"}


def test_text_that_the_database_cannot_hold_is_made_plain(session: Session, dammam: Municipality) -> None:
    bring(session, dammam, feature(source_id="x" * 200, name="a\0b\ud800", highway=["no text"]))
    (street,) = stored(session).values()
    assert (street.source_id, street.name, street.road_class) == ("x" * 80, "ab?", None)


def test_many_streets_are_written_in_batches(
    session: Session, dammam: Municipality, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.coverage.streets.BATCH_STREETS", 3)
    roads = [feature((LON, LAT + n / 1000), (LON + 0.001, LAT + n / 1000), source_id=str(n)) for n in range(10)]
    seen: list[int] = []
    done = bring(session, dammam, *roads, progress=seen.append)
    assert (done.imported, len(stored(session)), seen[-1]) == (10, 10, 10)


def test_more_streets_than_a_country_has_are_refused(
    session: Session, dammam: Municipality, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.coverage.streets.MAX_STREETS", 2)
    with pytest.raises(Unprocessable, match="at most 2 features"):
        bring(session, dammam, *(feature(source_id=str(n)) for n in range(3)))
    session.rollback()
