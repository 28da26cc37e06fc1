"""Defects are painted where they are, at the size they have."""

import numpy as np
import pytest

from datasets.simulator.arrays import Image
from datasets.simulator.camera import CameraModel, View
from datasets.simulator.canvas import Canvas, box_of
from datasets.simulator.defects.barrier import make_barrier_row, paint_barrier_row
from datasets.simulator.defects.heap import Heap, make_garbage_heap, make_sand_heap, paint_heap
from datasets.simulator.defects.patch import paint_patch
from datasets.simulator.defects.road import Place, make_crack, make_harmless_mark, make_pothole
from datasets.simulator.light import Look, random_look

Box = tuple[int, int, int, int]
SEEDS = range(6)


def look_of(seed: int) -> Look:
    return random_look(np.random.default_rng(seed))


def empty_road(look: Look) -> Image:
    return np.broadcast_to(np.array(look.asphalt, np.uint8), (720, 1280, 3)).copy()


def place_ahead(away_m: float, right_m: float = 0.0) -> Place:
    return Place(right_m, away_m, 15.0)


def pothole_box(seed: int, away_m: float) -> tuple[Canvas, Box]:
    """A pothole 20 m north of the origin, seen from away_m."""
    look = look_of(seed)
    canvas = Canvas(empty_road(look), look)
    pothole = make_pothole(place_ahead(20.0), look, np.random.default_rng(seed))
    paint_patch(canvas, View(CameraModel(), 0.0, 20.0 - away_m, 0.0), pothole, 1)
    box = box_of(canvas.defect == 1)
    assert box is not None
    return canvas, box


@pytest.mark.parametrize("seed", SEEDS)
def test_the_box_of_a_pothole_holds_its_projected_centre(seed: int) -> None:
    _, (x0, y0, x1, y1) = pothole_box(seed, 9.0)
    ((u, v),), _ = View(CameraModel(), 0.0, 11.0, 0.0).project(np.array([[0.0, 20.0, 0.0]]))
    assert x0 < u < x1
    assert y0 < v < y1


@pytest.mark.parametrize("seed", SEEDS)
def test_the_box_of_a_pothole_holds_its_dark_pixels(seed: int) -> None:
    canvas, (x0, y0, x1, y1) = pothole_box(seed, 9.0)
    road = float(np.mean(canvas.look.asphalt))
    dark = canvas.pixels.mean(axis=2) < 0.72 * road
    assert dark[y0:y1, x0:x1].sum() > 100
    assert dark[y0:y1, x0:x1].sum() > 0.97 * dark.sum()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_pothole_grows_as_the_camera_nears(seed: int) -> None:
    boxes = [pothole_box(seed, away_m)[1] for away_m in (26.0, 19.0, 13.0, 8.0)]
    widths, heights = [b[2] - b[0] for b in boxes], [b[3] - b[1] for b in boxes]
    assert widths == sorted(set(widths))
    assert heights == sorted(set(heights))


def test_a_pothole_twice_as_near_is_twice_as_wide() -> None:
    far, near = (pothole_box(2, away_m)[1] for away_m in (20.0, 10.0))
    assert (near[2] - near[0]) / (far[2] - far[0]) == pytest.approx(2.0, rel=0.15)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_garbage_heap_stands_on_the_ground_it_lies_on(seed: int) -> None:
    look = look_of(seed)
    canvas = Canvas(empty_road(look), look)
    heap = make_garbage_heap(place_ahead(12.0, 3.0), look, np.random.default_rng(seed))
    view = View(CameraModel(), 0.0, 0.0, 0.0)
    paint_heap(canvas, view, heap, 4)
    box = box_of(canvas.defect == 4)
    assert box is not None
    ((u, v),), _ = view.project(np.array([[3.0, 12.0, 0.0]]))
    assert box[0] - 25 < u < box[2] + 25
    assert box[1] < v < box[3] + 25
    assert 25 < box[2] - box[0] < 420


def test_a_barrier_row_stands_between_the_road_and_its_own_height() -> None:
    look = look_of(1)
    canvas = Canvas(empty_road(look), look)
    view = View(CameraModel(), 0.0, 0.0, 0.0)
    paint_barrier_row(canvas, view, make_barrier_row(place_ahead(15.0), look, np.random.default_rng(1)), 2)
    box = box_of(canvas.defect == 2)
    assert box is not None
    (_, (_, low)), _ = view.project(np.array([[0.0, 15.0, 1.05], [0.0, 15.0, 0.0]]))
    assert box[1] > view.horizon_px()  # lower than the camera: it stays under the horizon
    assert box[3] > low


@pytest.mark.parametrize("seed", SEEDS)
def test_makers_give_the_same_body_for_the_same_seed(seed: int) -> None:
    look = look_of(seed)
    for make in (make_pothole, make_crack, make_harmless_mark):
        a, b = (make(place_ahead(9.0), look, np.random.default_rng(seed)) for _ in range(2))
        assert np.array_equal(a.colour, b.colour)
        assert np.array_equal(a.cover, b.cover)


def test_a_heap_hides_what_lies_behind_it_whatever_is_painted_first() -> None:
    look = look_of(3)
    near, far = (make_sand_heap(place_ahead(d), look, np.random.default_rng(3)) for d in (8.0, 9.2))
    near_first, far_first = owned_pixels(look, (1, near), (2, far)), owned_pixels(look, (2, far), (1, near))
    assert near_first == pytest.approx(far_first, rel=0.02)
    assert near_first[2] < 0.9 * owned_pixels(look, (2, far))[2]


def owned_pixels(look: Look, *heaps: tuple[int, Heap]) -> dict[int, int]:
    """How many pixels each heap shows when they are painted in this order."""
    canvas = Canvas(empty_road(look), look)
    for number, heap in heaps:
        paint_heap(canvas, View(CameraModel(), 0.0, 0.0, 0.0), heap, number)
    return {number: int((canvas.defect == number).sum()) for number, _ in heaps}
