"""From what the teachers saw to labels: what is believed, what is covered, what is background."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from datasets.records import Split
from tests.datasets.streets import write_source
from training.privacy.agreement import FACE_LIMITS, PLATE_LIMITS, Labels, agree, join_looks
from training.privacy.looking import (
    Box,
    Picture,
    Seen,
    close_ups,
    list_pictures,
    look,
    look_at_all,
    read_picture,
    read_seen,
)
from training.privacy.teachers import Rows, read_face_maps

CAR: Box = (100, 100, 200, 180, 0.9)
PERSON: Box = (300, 100, 340, 220, 0.9)


def seen(**changes: object) -> Seen:
    told = {"name": "s/a", "split": Split.TRAIN, "width": 640, "height": 480, "people": (), "vehicles": (),
            "faces_whole": (), "faces_close": (), "plates_whole": (), "plates_close": ()}  # fmt: skip
    return Seen.model_validate(told | changes)


def plate(score: float, dx: float = 0) -> Box:
    return (140 + dx, 160, 165 + dx, 168, score)


def face(score: float) -> Box:
    return (312, 104, 324, 120, score)


def test_a_sure_plate_on_a_vehicle_is_believed() -> None:
    labels = agree(seen(vehicles=(CAR,), plates_close=(plate(0.8),)))
    assert labels == Labels((("plate", (140, 160, 165, 168)),), ())


def test_a_plate_seen_faintly_from_afar_and_close_up_is_believed_and_once_only_is_covered() -> None:
    both = agree(seen(vehicles=(CAR,), plates_whole=(plate(0.2, 1),), plates_close=(plate(0.3),)))
    alone = agree(seen(vehicles=(CAR,), plates_close=(plate(0.3),)))
    assert [kind for kind, _ in both.boxes] == ["plate"] and both.covered == ()
    assert alone.boxes == () and alone.covered == ((140, 160, 165, 168),)


def test_what_looks_like_a_plate_away_from_vehicles_is_background() -> None:
    """Street signs and shop signs: neither learnt as a plate nor taken away from the counter-examples."""
    assert agree(seen(vehicles=(CAR,), plates_whole=((400, 50, 460, 80, 0.9),))) == Labels((), ())


def test_a_board_as_wide_as_the_vehicle_is_no_plate() -> None:
    assert agree(seen(vehicles=(CAR,), plates_close=((105, 120, 195, 150, 0.9),))).boxes == ()


def test_a_plate_that_nobody_can_read_is_covered() -> None:
    labels = agree(seen(vehicles=(CAR,), plates_close=((140, 160, 149, 163, 0.9),)))
    assert labels.boxes == () and len(labels.covered) == 1


def test_a_face_on_the_upper_part_of_a_person_is_believed_and_one_on_the_legs_is_covered() -> None:
    assert agree(seen(people=(PERSON,), faces_close=(face(0.7),))).boxes == (("face", (312, 104, 324, 120)),)
    legs = agree(seen(people=(PERSON,), faces_close=((312, 190, 324, 206, 0.7),)))
    assert legs.boxes == () and legs.covered == ((312, 190, 324, 206),)


def test_a_sure_face_without_a_person_is_covered_as_it_may_be_printed() -> None:
    labels = agree(seen(faces_whole=(face(0.9),)))
    assert labels.boxes == () and len(labels.covered) == 1


@settings(deadline=None)
@given(st.floats(0.1, 1.0), st.floats(0.05, 1.0))
def test_no_find_is_both_believed_and_covered(score: float, carrier: float) -> None:
    labels = agree(seen(vehicles=((*CAR[:4], carrier),), plates_close=(plate(score),)))
    assert len(labels.boxes) + len(labels.covered) <= 1
    assert not labels.boxes or (score >= PLATE_LIMITS.sure and carrier >= PLATE_LIMITS.sure_carrier)


def test_limits_are_ordered() -> None:
    for limits in (PLATE_LIMITS, FACE_LIMITS):
        assert limits.suspected <= limits.seen_twice <= limits.sure
        assert limits.possible_carrier <= limits.sure_carrier


def test_two_close_ups_of_one_plate_are_one_find_that_was_not_seen_twice() -> None:
    (one,) = join_looks((), (plate(0.8), plate(0.6, 1)))
    assert (one.score, one.seen_twice) == (0.8, False)
    (both,) = join_looks((plate(0.3, 1),), (plate(0.8), plate(0.6, 2)))
    assert (both.score, both.seen_twice) == (0.8, True)


def test_close_ups_show_what_is_large_enough_with_some_street_around() -> None:
    pixels = np.zeros((480, 640, 3), np.uint8)
    boxes = np.array([[100, 100, 200, 150, 0.9], [10, 10, 20, 20, 0.9], [0, 0, 640, 480, 0.9]], np.float64)
    (first, left, top, side), (whole, _, _, whole_side) = close_ups(pixels, boxes, least_px=40)
    assert (left, top, first.shape[:2], side) == (90, 90, (71, 121), 484)
    assert whole.shape == pixels.shape and whole_side == 640


def test_centerface_maps_become_boxes_at_four_pixels_a_cell() -> None:
    """A face of 40 x 56 input pixels with its centre in cell (5, 9), a fainter copy beside it and a weak one."""
    heat = np.zeros((20, 30), np.float32)
    heat[5, 9], heat[5, 10], heat[15, 20] = 0.9, 0.6, 0.1
    size = np.zeros((2, 20, 30), np.float32)
    size[0], size[1] = np.log(56 / 4), np.log(40 / 4)
    offset = np.full((2, 20, 30), 0.25, np.float32)
    found = read_face_maps(heat, size, offset, 0.2)
    assert found.score.tolist() == pytest.approx([0.9])
    centre_x, centre_y = (9 + 0.75) * 4, (5 + 0.75) * 4
    box = (centre_x - 20, centre_y - 28, centre_x + 20, centre_y + 28)
    assert found.xyxy_input_px[0].tolist() == pytest.approx(box, abs=1e-3)


class OneCar:
    """Teachers that see one car and its plate in every picture, and count how often they are asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.faces, self.plates, self.context = self, self, self

    def find(
        self, pixels: NDArray[np.uint8], long_side_px: int, least_score: float, kinds: tuple[int, ...] | None = None
    ) -> Rows:
        self.asked += 1
        found: list[list[float]] = []
        if kinds is not None:
            found = [[1, 1, 9, 5, 0.5]] if kinds == (0,) else [[10, 2, 60, 38, 0.8]]
        return np.array(found, np.float64).reshape(-1, 5)


def test_a_stopped_look_goes_on_where_it_was_even_after_half_a_line(tmp_path: Path) -> None:
    rows = {stem: ("g", split, "") for stem, split in (("a", "train"), ("b", "val"), ("c", "test"), ("d", "train"))}
    write_source(tmp_path / "data", "smartathon", ["GARBAGE"], rows)
    pictures, teachers, path = list_pictures(tmp_path / "data"), OneCar(), tmp_path / "seen.jsonl"
    assert [one.name for one in pictures] == ["smartathon/a", "smartathon/b", "smartathon/d"]
    look(pictures[0], read_picture(pictures[0].path), teachers)  # type: ignore[arg-type]
    once, looks = teachers.asked, look_at_all(pictures, teachers, path)  # type: ignore[arg-type]
    next(looks)
    looks.close()
    with path.open("a") as file:
        file.write('{"name": "smartathon/b", "spl')
    before = teachers.asked
    rest = list(look_at_all(pictures, teachers, path))  # type: ignore[arg-type]
    assert [one.name for one in rest] == ["smartathon/b", "smartathon/d"] and teachers.asked == before + 2 * once
    assert sorted(read_seen(path)) == ["smartathon/a", "smartathon/b", "smartathon/d"]
    assert rest[0].plates_close[0] == pytest.approx((10 - 5 + 1, 1, 10 - 5 + 9, 5, 0.5), abs=6)


def test_pictures_of_the_test_split_are_never_listed(tmp_path: Path) -> None:
    write_source(tmp_path, "neg_india_dash", [], {"a": ("g", "test", "")})
    assert list_pictures(tmp_path) == []
    assert Picture(name="x", split=Split.VAL, path=tmp_path).name == "x"
