"""Drawn passes: pixels, fixes and truths of one survey belong together."""

from io import BytesIO
from math import hypot
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from datasets.simulator.camera import View
from datasets.simulator.city.optics import Poses, project
from datasets.simulator.city.vehicles import TrueCamera
from datasets.simulator.lens import Lens
from datasets.simulator.survey import DrawnFrame, DrawnSurvey, survey_town

RADIAL = (-0.1, 0.008)


@pytest.fixture(scope="module")
def survey() -> DrawnSurvey:
    return survey_town(2102, frames_a_pass=7, passes=2, bump_sd_deg=0.0)


@pytest.fixture(scope="module")
def passes(survey: DrawnSurvey) -> list[list[DrawnFrame]]:
    return [list(survey.draw(one)) for one in survey.passes]


@given(
    st.floats(1.4, 2.5), st.floats(3, 12), st.floats(-2, 2), st.floats(0, 360), st.sampled_from([(0.0, 0.0), RADIAL]),
    st.floats(4, 40), st.floats(-0.45, 0.45), st.floats(0, 2),
)  # fmt: skip
def test_a_level_picture_bent_by_the_lens_is_the_true_camera_of_the_city(
    height_m: float, pitch_deg: float, roll_deg: float, heading_deg: float, radial: tuple[float, float],
    ahead_m: float, slant: float, up_m: float,
) -> None:  # fmt: skip
    camera = TrueCamera(height_m, pitch_deg, 1.5, 72.0, 320, 180, radial, 0.5)
    lens = Lens(camera.width, camera.height, camera.focal_px, radial)
    level = lens.level_camera(height_m, pitch_deg)
    turn = np.radians(heading_deg)
    point = ahead_m * np.array([np.sin(turn), np.cos(turn)]) + slant * ahead_m * np.array([np.cos(turn), -np.sin(turn)])
    points_m = np.array([[*point, up_m]])
    level_px, _ = View(level, 0.0, 0.0, heading_deg + camera.yaw_deg).project(points_m)
    one = [np.array([value]) for value in (0.0, heading_deg, pitch_deg, roll_deg)]
    expected_px, _ = project(points_m[None], Poses(one[0], np.zeros((1, 2)), *one[1:]), camera)
    assert lens.shown_px(level_px, level, roll_deg)[0] == pytest.approx(expected_px[0, 0], abs=1e-6)


@pytest.mark.parametrize("roll_deg", [-2.0, 0.0, 1.5])
def test_a_bent_picture_shows_each_pixel_where_the_lens_says(roll_deg: float) -> None:
    lens = Lens(320, 180, 220.0, RADIAL)
    level = lens.level_camera(2.0, 6.0)
    picture = np.zeros((level.height, level.width), np.uint8)
    u, v = 90, 150
    cv2.circle(picture, (u, v), 5, 255, -1)
    rows, columns = np.nonzero(lens.bend(picture, roll_deg, cv2.INTER_LINEAR) > 127)
    (expected_px,) = lens.shown_px(np.array([[u + 0.5, v + 0.5]]), level, roll_deg)
    assert (columns.mean() + 0.5, rows.mean() + 0.5) == pytest.approx(tuple(expected_px), abs=0.3)


def test_the_level_picture_holds_every_pixel_of_the_camera() -> None:
    lens = Lens(320, 180, 220.0, RADIAL)
    level = lens.level_camera(2.0, 6.0)
    filled = np.zeros((level.height, level.width), np.uint8)
    filled[1:-1, 1:-1] = 255
    for roll_deg in (-2.0, 0.0, 2.0):
        assert lens.bend(filled, roll_deg, cv2.INTER_NEAREST).min() == 255


def test_both_passes_show_the_same_defects_at_the_same_places_from_both_sides(passes: list[list[DrawnFrame]]) -> None:
    seen = [
        {truth.defect_id: (truth.lat, truth.lon) for frame in frames for truth in frame.picture.truths}
        for frames in passes
    ]
    both = seen[0].keys() & seen[1].keys()
    assert both and all(seen[0][one] == seen[1][one] for one in both)
    there, back = (frames[len(frames) // 2].told.truth.heading_deg for frames in passes)
    assert abs((there - back) % 360 - 180) < 10
    assert (passes[1][0].told.captured_at - passes[0][0].told.captured_at).days > 7


def test_a_frame_is_told_with_the_receivers_error_and_its_jpeg_says_the_same(
    survey: DrawnSurvey, passes: list[list[DrawnFrame]]
) -> None:
    frames = [frame for one in passes for frame in one]
    off_m = [
        hypot(east_m - one.told.truth.east_m, north_m - one.told.truth.north_m)
        for one in frames
        for east_m, north_m in [survey.city.frame.to_metres(one.told.lat, one.told.lon)]
    ]
    assert 0.3 < float(np.median(off_m)) < 12
    untold = next(one for one in frames if one.told.heading_deg is None)
    told = next(one for one in frames if one.told.heading_deg is not None)
    for frame in (untold, told):
        (pixels,) = [cv2.imdecode(np.frombuffer(frame.picture.jpeg(), np.uint8), cv2.IMREAD_COLOR)]
        assert pixels is not None and pixels.shape[:2] == (frame.told.height, frame.told.width)
        gps = _gps(frame)
        degrees, minutes, seconds = (float(part) for part in gps[2])
        assert degrees + minutes / 60 + seconds / 3600 == pytest.approx(frame.told.lat, abs=1e-8)
        assert float(gps[31]) == pytest.approx(1.51 * frame.told.gps_sd_m, abs=0.01)
        assert (11 in gps) == (frame.told.gps_dop is not None)
        assert (17 in gps) == (frame.told.heading_deg is not None)


def _gps(frame: DrawnFrame) -> dict[int, Any]:
    with Image.open(BytesIO(frame.picture.jpeg())) as picture:
        return dict(picture.getexif().get_ifd(0x8825))
