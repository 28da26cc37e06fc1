"""A city is the same for its seed, connected, and has the streets and defects that make identity hard."""

from collections import Counter
from datetime import timedelta
from math import hypot

import numpy as np
import pytest

from datasets.simulator.city import TrueDefect, build_city
from datasets.simulator.city.defects import FOREVER
from datasets.simulator.city.kinds import KINDS
from datasets.simulator.city.routes import legs_of
from tests.datasets.city.cities import city


def test_the_same_seed_builds_the_same_city_and_another_seed_another() -> None:
    one, again, other = (build_city(seed, streets_km=4) for seed in (7, 7, 8))
    assert one.defects == again.defects
    assert all(np.array_equal(a.line_m, b.line_m) for a, b in zip(one.streets, again.streets, strict=True))
    assert one.defects != other.defects


@pytest.mark.parametrize("streets_km", [3.0, 20.0, 60.0])
def test_a_city_has_about_the_kilometres_of_street_and_the_defects_asked_for(streets_km: float) -> None:
    built = build_city(1, streets_km=streets_km, defects_per_km=10)
    length_km = sum(street.length_m for street in built.streets) / 1000
    assert length_km == pytest.approx(streets_km, rel=0.15)
    assert len(built.defects) == round(10 * length_km)


def test_every_street_can_be_reached_from_every_other() -> None:
    onward: dict[int, set[int]] = {}
    for leg in legs_of(city().streets):
        street = city().streets[leg.street]
        start, end = (street.start_node, street.end_node)[:: 1 if leg.forward else -1]
        onward.setdefault(start, set()).add(end)
    for start in onward:
        reached, waiting = {start}, [start]
        while waiting:
            new = onward[waiting.pop()] - reached
            reached |= new
            waiting.extend(new)
        assert reached == set(onward)


def test_streets_that_meet_in_a_node_meet_in_a_point() -> None:
    places: dict[int, list[tuple[float, float]]] = {}
    for street in city().streets:
        for node, point in ((street.start_node, street.line_m[0]), (street.end_node, street.line_m[-1])):
            places.setdefault(node, []).append((float(point[0]), float(point[1])))
    for met in places.values():
        assert all(hypot(e - met[0][0], n - met[0][1]) < 1.0 for e, n in met)


def test_junctions_of_three_and_four_streets_and_roundabouts_exist() -> None:
    meeting = Counter(node for s in city().streets for node in (s.start_node, s.end_node))
    assert {3, 4} <= set(meeting.values())
    rings = [s for s in city().streets if "Roundabout" in s.name]
    assert len(rings) >= 3
    assert all(s.oneway for s in rings)


def test_a_roundabout_is_driven_counter_clockwise() -> None:
    ring = next(s for s in city().streets if "Roundabout" in s.name)
    turns = np.diff(np.unwrap([np.arctan2(step[1], step[0]) for step in np.diff(ring.line_m, axis=0)]))
    assert (turns > 0).all()


def test_dual_carriageways_run_12_to_20_m_apart_in_opposite_ways_each_on_its_right() -> None:
    arterials = [s for s in city().streets if s.kind == "arterial" and s.length_m > 60]
    assert arterials
    paired = 0
    for street in arterials:
        middle = np.array(street.place(street.length_m / 2, 0.0))
        heading = np.radians(street.heading_deg(street.length_m / 2))
        left = np.array([-np.cos(heading), np.sin(heading)])
        for other in arterials:
            turn_deg = abs((other.heading_deg(other.length_m / 2) - np.degrees(heading) + 180) % 360 - 180)
            apart = other.line_m - middle
            gap_m = float(np.hypot(*apart.T).min())
            if turn_deg > 160 and gap_m < 25:
                assert 11.5 < gap_m < 20.5
                assert float(apart[np.hypot(*apart.T).argmin()] @ left) > 0
                paired += 1
    assert paired >= len(arterials) / 2


def test_service_roads_run_beside_arterials_at_15_to_30_m() -> None:
    roads = [s for s in city().streets if "Service Road" in s.name and s.length_m > 60]
    assert roads
    arterial_m = np.vstack([s.line_m for s in city().streets if s.kind == "arterial" and s.length_m > 60])
    for road in roads:
        middle = np.array(road.place(road.length_m / 2, 0.0))
        assert 15 < np.hypot(*(arterial_m - middle).T).min() < 30


def test_a_quarter_or_so_of_the_defects_have_one_of_their_class_within_5_m_and_none_touches_one() -> None:
    with_neighbour, total = 0, 0
    for seed in range(4):
        defects = build_city(seed, streets_km=10).defects
        for one in defects:
            apart = [
                (hypot(one.east_m - o.east_m, one.north_m - o.north_m), o)
                for o in defects
                if o.class_key == one.class_key and o is not one
            ]
            nearest_m, nearest = min(apart, key=lambda pair: pair[0], default=(99.0, one))
            assert nearest_m >= max(2.0, (one.length_m + nearest.length_m) / 2)
            with_neighbour += nearest_m < 5
            total += 1
    assert 0.17 < with_neighbour / total < 0.33


def test_sizes_and_places_are_those_of_the_class() -> None:
    streets = {s.id: s for s in city().streets}
    for one in city().defects:
        kind = KINDS[one.class_key]
        assert kind.length_m[0] <= one.length_m <= kind.length_m[1]
        off_m = float(np.hypot(*(streets[one.street_id].line_m - (one.east_m, one.north_m)).T).min())
        assert off_m <= streets[one.street_id].width_m / 2 + streets[one.street_id].setback_m + 3
        assert city().open_ground.at(np.array(one.east_m), np.array(one.north_m))


def test_writing_hangs_on_walls_6_to_13_m_from_a_lane_and_begins_above_the_ground() -> None:
    streets = {s.id: s for s in build_city(2, streets_km=30).streets}
    written = [d for d in build_city(2, streets_km=30).defects if d.class_key == "graffiti"]
    assert len(written) > 5
    for one in written:
        assert 0.3 <= one.base_m <= 1.5
        assert one.width_m == 0
        street = streets[one.street_id]
        lane_m = street.width_m / 2 - street.width_m / street.lanes / 2
        assert 4.0 < street.width_m / 2 + street.setback_m - lane_m < 13.5


def test_a_defect_is_there_exactly_during_its_lives() -> None:
    for one in city().defects:
        assert one.life
        for life in one.life:
            assert life.from_at < life.to_at
            assert one.present(life.from_at) == life.scale
            last = min(life.to_at, city().ends_at + timedelta(days=400)) - timedelta(seconds=1)
            assert one.present(last) == life.scale
        assert one.present(one.life[0].from_at - timedelta(seconds=1)) == 0
        for moment in one.repaired_at:
            assert one.present(moment - timedelta(seconds=1)) > 0
            assert one.present(moment) == 0


def test_some_defects_grow_some_are_repaired_and_some_come_back() -> None:
    def grows(one: TrueDefect) -> bool:
        return any(a.to_at == b.from_at and b.scale > a.scale for a, b in zip(one.life, one.life[1:], strict=False))

    def comes_back(one: TrueDefect) -> bool:
        return any(a.to_at < b.from_at for a, b in zip(one.life, one.life[1:], strict=False))

    defects = city().defects
    inside = [d for d in defects if any(at < city().ends_at for at in d.repaired_at)]
    assert sum(map(grows, defects)) > len(defects) / 10
    assert len(inside) > len(defects) / 5
    assert any(map(comes_back, defects))
    assert any(d.life[-1].to_at == FOREVER for d in defects)
    assert all(d.repaired_at for d in defects if comes_back(d))


def test_a_city_of_no_size_is_refused() -> None:
    with pytest.raises(ValueError, match="expected streets_km >= 2"):
        build_city(1, streets_km=0.5)
