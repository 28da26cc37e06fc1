"""World metres and image pixels belong together both ways."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from datasets.simulator.camera import NEAR_M, CameraModel, View

views = st.builds(
    View,
    st.builds(CameraModel, height_m=st.floats(1.2, 3.0), pitch_deg=st.floats(0, 20)),
    st.floats(-900, 900),
    st.floats(-900, 900),
    st.floats(0, 360),
)


@given(views, st.integers(0, 1279), st.integers(0, 719))
def test_the_ground_under_a_pixel_projects_back_into_that_pixel(view: View, u: int, v: int) -> None:
    assume(v > view.horizon_px() + 12)
    u_px, v_px = np.array([u + 0.5], np.float32), np.array([v + 0.5], np.float32)
    east_m, north_m = view.ground_at(u_px, v_px)
    place = np.array([[float(east_m[0, 0]), float(north_m[0, 0]), 0.0]])
    (found_px,), (depth_m,) = view.project(place)
    assert depth_m > 0
    assert found_px == pytest.approx([u + 0.5, v + 0.5], abs=0.3)


@given(views)
def test_a_point_straight_ahead_on_the_ground_falls_on_the_middle_column_below_the_horizon(
    view: View,
) -> None:
    heading = np.radians(view.heading_deg)
    place = np.array([[view.east_m + 20 * np.sin(heading), view.north_m + 20 * np.cos(heading), 0.0]])
    ((u, v),), _ = view.project(place)
    assert u == pytest.approx(640, abs=1e-6)
    assert v > view.horizon_px()


def test_a_point_to_the_right_of_a_north_bound_camera_is_east_of_it() -> None:
    ((u, _),), _ = View(CameraModel(), 0, 0, 0).project(np.array([[3.0, 20.0, 0.0]]))
    assert u > 640


def test_an_outline_that_reaches_behind_the_camera_is_cut_before_it() -> None:
    view = View(CameraModel(), 0, 0, 0)
    strip = np.array([[-1, -5, 0], [1, -5, 0], [1, 30, 0], [-1, 30, 0]], dtype=float)
    outline_px = view.outline(strip)
    assert len(outline_px) >= 4
    assert np.isfinite(outline_px).all()
    assert outline_px[:, 1].min() > view.horizon_px()


def test_an_outline_wholly_behind_the_camera_is_empty() -> None:
    behind = np.array([[-1, -5, 0], [1, -5, 0], [1, -3 * NEAR_M, 0]], dtype=float)
    assert len(View(CameraModel(), 0, 0, 0).outline(behind)) == 0


def test_nearby_lists_places_in_sight_from_far_to_near() -> None:
    places_m = np.array([[0.0, 10.0], [0.0, 60.0], [0.0, 200.0], [0.0, -30.0], [0.0, -3.0]])
    assert View(CameraModel(), 0, 0, 0).nearby(places_m, sight_m=100, behind_m=5) == [1, 0, 4]
