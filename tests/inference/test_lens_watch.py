"""What a watch over a drive says of the lens, on rendered drives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from datasets.simulator import CameraModel, drive
from inference.footage_scores import grey_copy, measure_cells
from inference.lens_watch import (
    FEWEST_FRAMES,
    LENS_COLUMNS,
    LENS_ROWS,
    LensVerdict,
    LensWatch,
    find_holes,
    read_lens,
)
from inference.quality import judge
from training.degrading import dirt_mask, soil

Pixels = NDArray[np.uint8]

CAMERA = CameraModel(focal_px=440.0, width=640, height=360)


@pytest.fixture(scope="module")
def street() -> list[Pixels]:
    return [frame.pixels for frame in drive(2000, FEWEST_FRAMES + 4, camera=CAMERA)]


@pytest.fixture(scope="module")
def mask() -> NDArray[np.float32]:
    return dirt_mask(0.1, np.random.default_rng(3))


def watched(frames: list[Pixels]) -> LensVerdict:
    watch = LensWatch()
    for pixels in frames:
        watch.add(judge(pixels).lens)
    return watch.verdict()


def test_a_clean_lens_is_not_named(street: list[Pixels]) -> None:
    verdict = watched(street)
    assert verdict.told
    assert verdict.code is None


def test_dirt_that_stays_is_named_and_found_where_it_is(street: list[Pixels], mask: NDArray[np.float32]) -> None:
    verdict = watched([soil(pixels, mask) for pixels in street])
    assert verdict.code == "quality.lens_dirty"
    under = [
        mask[int((y + 0.5) * 270 / LENS_ROWS), int((x + 0.5) * 480 / LENS_COLUMNS)]
        for y, x in np.argwhere(verdict.dirty)
    ]
    assert np.mean(np.array(under) > 0.2) > 0.7


def test_soft_spots_that_move_with_the_street_are_no_dirt(street: list[Pixels]) -> None:
    rng = np.random.default_rng(4)
    verdict = watched([soil(pixels, dirt_mask(0.05, rng)) for pixels in street])
    assert verdict.code is None


def test_more_dirt_is_more(street: list[Pixels]) -> None:
    shares = []
    for covered in (0.0, 0.05, 0.2):
        dirt = dirt_mask(covered, np.random.default_rng(5))
        shares.append(watched([soil(pixels, dirt) for pixels in street]).dirty_share)
    assert shares == sorted(shares)
    assert shares[0] < shares[-1]


def test_too_few_frames_tell_nothing(street: list[Pixels], mask: NDArray[np.float32]) -> None:
    verdict = watched([soil(pixels, mask) for pixels in street[: FEWEST_FRAMES - 1]])
    assert not verdict.told
    assert verdict.code is None


def test_a_standing_vehicle_tells_nothing(street: list[Pixels], mask: NDArray[np.float32]) -> None:
    verdict = watched([soil(street[0], mask)] * (FEWEST_FRAMES + 4))
    assert not verdict.told
    assert verdict.code is None


def test_a_cleaned_lens_is_forgotten_after_as_many_frames_as_are_watched(
    street: list[Pixels], mask: NDArray[np.float32]
) -> None:
    watch = LensWatch(frames=FEWEST_FRAMES)
    for pixels in street[:FEWEST_FRAMES]:
        watch.add(judge(soil(pixels, mask)).lens)
    assert watch.verdict().code
    for pixels in street[-FEWEST_FRAMES:]:
        watch.add(judge(pixels).lens)
    assert watch.verdict().code is None


def test_the_vehicles_own_bonnet_and_a_stamped_text_are_no_dirt(street: list[Pixels]) -> None:
    stamped = []
    for pixels in street:
        frame = pixels.copy()
        frame[-50:] = (40, 42, 45)
        frame[8:24, 10:180:4] = 255
        stamped.append(frame)
    assert watched(stamped).code is None


def test_what_a_frame_leaves_for_the_watch_is_read_back(street: list[Pixels]) -> None:
    lens = judge(street[0]).lens
    assert len(lens) == 1280
    detail = read_lens(lens) / 8
    assert detail.shape == (LENS_ROWS, LENS_COLUMNS)
    assert np.abs(detail - np.minimum(measure_cells(grey_copy(street[0])).detail, 31.875)).max() <= 1 / 16


def test_text_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 960 bytes"):
        LensWatch().add("AAAA")


def test_fewer_frames_than_a_verdict_needs_are_refused() -> None:
    with pytest.raises(ValueError, match="at least"):
        LensWatch(frames=1)


@given(arrays(np.float32, (LENS_ROWS, LENS_COLUMNS), elements=st.floats(0, 31, width=32)))
@settings(deadline=None)
def test_mirroring_the_picture_mirrors_the_holes(detail: NDArray[np.float32]) -> None:
    assert np.array_equal(find_holes(detail[:, ::-1]), find_holes(detail)[:, ::-1])
    assert np.array_equal(find_holes(detail[::-1]), find_holes(detail)[::-1])


@given(arrays(np.float32, (LENS_ROWS, 1), elements=st.floats(0, 31, width=32)))
@settings(deadline=None)
def test_what_is_as_soft_as_its_whole_row_is_no_hole(column: NDArray[np.float32]) -> None:
    """Sky, road and bonnet."""
    assert not find_holes(np.repeat(column, LENS_COLUMNS, axis=1)).any()
