"""A drive is repeatable, and its truths are where the picture shows them."""

from collections import defaultdict
from dataclasses import replace
from itertools import pairwise
from math import cos, hypot, radians

import numpy as np
import pytest

from datasets.simulator import CameraModel, RenderedFrame, Truth, drive, synthetic_track
from datasets.simulator.camera import View
from datasets.simulator.scene import FEWEST_PX, SMALLEST_PX, paint_scene
from datasets.simulator.town.buildings import Box
from datasets.simulator.town.furniture import Furniture
from datasets.simulator.town.town import Town, build_town
from datasets.simulator.track import route_through
from datasets.taxonomy import BY_KEY

SMALL = CameraModel(width=640, height=360, focal_px=440.0)


@pytest.fixture(scope="module")
def frames() -> list[RenderedFrame]:
    return list(drive(7, 24, camera=SMALL))


@pytest.fixture(scope="module")
def town() -> Town:
    """A town without cars and trees: what hides a defect there is only what a test puts up."""
    return replace(build_town(route_through("dammam"), 7), boxes=(), furniture=Furniture((), ()))


def pothole_view(town: Town, away_m: float = 8.0) -> tuple[str, View]:
    """The id of a pothole, and the view of a camera away_m south of it."""
    defect = next(d for d in town.defects.all if d.class_key == "pothole")
    return defect.defect_id, View(CameraModel(), defect.place.east_m, defect.place.north_m - away_m, 0.0)


def ids_seen(town: Town, view: View) -> set[str]:
    return {one.defect.defect_id for one in paint_scene(town, view, np.random.default_rng(0))[1]}


def test_the_same_seed_gives_the_same_pixels_and_truths(frames: list[RenderedFrame]) -> None:
    for again, first in zip(drive(7, 3, camera=SMALL), frames, strict=False):
        assert np.array_equal(again.pixels, first.pixels)
        assert again.truths == first.truths
        assert again.name == first.name


def test_another_seed_gives_another_street(frames: list[RenderedFrame]) -> None:
    other = next(iter(drive(8, 1, camera=SMALL)))
    assert np.abs(other.pixels.astype(int) - frames[0].pixels).mean() > 10


def test_frames_stand_where_the_synthetic_track_of_the_seed_says(frames: list[RenderedFrame]) -> None:
    track = synthetic_track(24, 7)
    assert [(f.lat, f.lon, f.heading_deg, f.captured_at) for f in frames] == [
        (p.lat, p.lon, p.heading_deg, p.captured_at) for p in track
    ]


def test_a_default_frame_is_a_1280_by_720_picture_with_a_jpeg() -> None:
    frame = next(iter(drive(5, 1, town="khobar")))
    assert frame.pixels.shape == (720, 1280, 3)
    assert frame.pixels.dtype == np.uint8
    assert frame.jpeg().startswith(b"\xff\xd8")
    assert frame.name == "sim_khobar_0005_00000.jpg"


def test_every_truth_is_large_enough_inside_the_image_and_of_a_known_class(
    frames: list[RenderedFrame],
) -> None:
    truths = [truth for frame in frames for truth in frame.truths]
    assert len(truths) > 12
    for truth in truths:
        x0, y0, x1, y1 = truth.xyxy_px
        assert 0 <= x0 < x1 <= SMALL.width
        assert 0 <= y0 < y1 <= SMALL.height
        assert x1 - x0 >= SMALLEST_PX[0]
        assert y1 - y0 >= SMALLEST_PX[1]
        assert (x1 - x0) * (y1 - y0) >= FEWEST_PX
        assert truth.class_key in BY_KEY


def test_the_distance_of_a_truth_is_the_distance_between_the_two_places(frames: list[RenderedFrame]) -> None:
    for frame in frames:
        for truth in frame.truths:
            north_m = (truth.lat - frame.lat) * 110_790
            east_m = (truth.lon - frame.lon) * 111_320 * cos(radians(frame.lat))
            assert hypot(east_m, north_m) == pytest.approx(truth.distance_m, rel=0.006)


def test_a_defect_keeps_its_place_and_class_and_shows_up_in_several_frames(
    frames: list[RenderedFrame],
) -> None:
    sightings: dict[str, list[Truth]] = defaultdict(list)
    for frame in frames:
        for truth in frame.truths:
            sightings[truth.defect_id].append(truth)
    assert max(len(seen) for seen in sightings.values()) >= 3
    for seen in sightings.values():
        assert len({(t.lat, t.lon, t.class_key) for t in seen}) == 1


def test_a_pothole_in_consecutive_frames_grows_as_the_camera_nears() -> None:
    grown = 0
    for before, after in consecutive(list(drive(11, 22))):
        if before.class_key == "pothole" and after.distance_m < before.distance_m - 2 and after.distance_m > 7:
            assert area(after) > area(before)
            grown += 1
    assert grown >= 3


def test_a_defect_behind_a_wall_is_no_truth(town: Town) -> None:
    defect_id, view = pothole_view(town)
    assert defect_id in ids_seen(town, view)
    texture = build_town(route_through("dammam"), 7).boxes[0].front
    wall = Box(
        np.array([view.east_m - 6, view.north_m + 4.0, 0.0]),
        np.array([12.0, 0.0, 0.0]),
        np.array([0.0, 0.4, 0.0]),
        3.0,
        texture,
        texture,
        1.0,
    )
    assert defect_id not in ids_seen(replace(town, boxes=(wall,)), view)


def test_a_defect_behind_the_camera_or_far_away_is_no_truth(town: Town) -> None:
    defect_id, _ = pothole_view(town)
    for away_m in (-6.0, 70.0):
        assert defect_id not in ids_seen(town, pothole_view(town, away_m)[1])


def test_a_defect_cut_by_more_than_half_is_no_truth(town: Town) -> None:
    defect_id, view = pothole_view(town, 8.0)
    edge_deg = float(np.degrees(np.arctan2(view.camera.width / 2, view.camera.focal_px)))
    assert defect_id in ids_seen(town, replace(view, heading_deg=edge_deg - 5))
    assert defect_id not in ids_seen(town, replace(view, heading_deg=edge_deg + 6))


def area(truth: Truth) -> float:
    x0, y0, x1, y1 = truth.xyxy_px
    return (x1 - x0) * (y1 - y0)


def consecutive(frames: list[RenderedFrame]) -> list[tuple[Truth, Truth]]:
    """The two sightings of every defect that two neighbouring frames share."""
    pairs = []
    for a, b in pairwise(frames):
        later = {truth.defect_id: truth for truth in b.truths}
        pairs += [(truth, later[truth.defect_id]) for truth in a.truths if truth.defect_id in later]
    return pairs
