import math

from hypothesis import assume, given
from hypothesis import strategies as st

from service.core.geodesy import distance_m, moved
from service.identity.camera import Camera
from service.identity.gaussian import ellipse_95
from service.identity.locate import MAX_DISTANCE_M, FramePose, locate
from tests.identity.projecting import depth_of, projected

CAMERA = Camera(height_m=1.5, pitch_deg=0.0, hfov_deg=2 * math.degrees(math.atan(0.5)))  # focal = width = 1000 px
POSE = FramePose(24.7, 46.7, heading_deg=0.0, width_px=1000, height_px=600)


cameras = st.builds(
    Camera,
    height_m=st.floats(0.8, 4),
    pitch_deg=st.floats(-5, 45),
    hfov_deg=st.floats(40, 120),
    yaw_deg=st.floats(-180, 180),
)
poses = st.builds(
    FramePose,
    lat=st.floats(16, 33),
    lon=st.floats(34, 56),
    heading_deg=st.floats(0, 360),
    width_px=st.integers(640, 4000),
    height_px=st.integers(480, 3000),
)


def pixel_of(right_m: float, ahead_m: float, up_m: float, camera: Camera, pose: FramePose) -> tuple[float, float]:
    assume(depth_of(ahead_m, up_m, camera) > 0.2)
    return projected(right_m, ahead_m, up_m, camera, pose)


def test_a_box_ten_metres_ahead_is_placed_ten_metres_north_of_a_car_heading_north() -> None:
    found = locate((450, 400, 550, 450), CAMERA, POSE)  # 150 px under the horizon: 1.5 m * 1000 / 150 = 10 m
    assert found.distance_m is not None and math.isclose(found.distance_m, 10)
    assert math.isclose(distance_m(found.lat, found.lon, POSE.lat, POSE.lon), 10, rel_tol=1e-6)
    assert found.lat > POSE.lat and math.isclose(found.lon, POSE.lon)


def test_a_hundred_pixels_at_ten_metres_and_focal_1000_are_one_metre() -> None:
    found = locate((450, 400, 550, 450), CAMERA, POSE)
    assert found.ground_width_m is not None and math.isclose(found.ground_width_m, 1.0)
    assert found.ground_length_m is not None and math.isclose(found.ground_length_m, 5.0)  # top edge: 15 m ahead
    assert found.upright_height_m is not None and math.isclose(found.upright_height_m, 0.5)


@given(cameras, poses, st.floats(-15, 15), st.floats(1, 36), st.floats(0.1, 3))
def test_a_point_on_the_road_projected_into_the_image_is_found_again(
    camera: Camera, pose: FramePose, right_m: float, ahead_m: float, width_m: float
) -> None:
    assume(math.hypot(right_m, ahead_m) < MAX_DISTANCE_M - 0.5)
    left, v = pixel_of(right_m - width_m / 2, ahead_m, 0, camera, pose)
    right, _ = pixel_of(right_m + width_m / 2, ahead_m, 0, camera, pose)
    found = locate((left, v - 5, right, v), camera, pose)
    bearing = (pose.heading_deg or 0) + camera.yaw_deg + math.degrees(math.atan2(right_m, ahead_m))
    expected = moved(pose.lat, pose.lon, bearing, math.hypot(right_m, ahead_m))
    assert distance_m(found.lat, found.lon, *expected) < 0.01
    assert found.distance_m is not None and math.isclose(found.distance_m, math.hypot(right_m, ahead_m), rel_tol=1e-4)
    assert found.ground_width_m is not None and math.isclose(found.ground_width_m, width_m, rel_tol=1e-4)


@given(cameras, poses, st.floats(2, 30), st.floats(0.1, 3), st.floats(0.2, 6))
def test_length_on_the_road_and_height_above_it_are_measured_from_the_upper_edge(
    camera: Camera, pose: FramePose, ahead_m: float, height_m: float, length_m: float
) -> None:
    _, v_bottom = pixel_of(0, ahead_m, 0, camera, pose)
    _, v_top = pixel_of(0, ahead_m, height_m, camera, pose)
    _, v_far = pixel_of(0, ahead_m + length_m, 0, camera, pose)
    centre = pose.width_px / 2
    upright = locate((centre - 5, v_top, centre + 5, v_bottom), camera, pose).upright_height_m
    lying = locate((centre - 5, v_far, centre + 5, v_bottom), camera, pose).ground_length_m
    assert upright is not None and math.isclose(upright, height_m, rel_tol=1e-3)
    assert lying is not None and math.isclose(lying, length_m, rel_tol=1e-3)


@given(st.floats(60, 290), st.floats(1, 9))
def test_a_lower_box_is_a_nearer_one(below_horizon_px: float, lower_by_px: float) -> None:
    upper = locate((490, 300, 510, 300 + below_horizon_px), CAMERA, POSE).distance_m
    lower = locate((490, 300, 510, 300 + below_horizon_px + lower_by_px), CAMERA, POSE).distance_m
    assert upper is not None and lower is not None and lower < upper


def test_a_box_at_or_above_the_horizon_lies_somewhere_along_its_ray() -> None:
    for bottom_px in (300, 200):
        found = locate((450, bottom_px - 100, 550, bottom_px), CAMERA, POSE)
        assert found.distance_m is None and found.lat > POSE.lat and math.isclose(found.lon, POSE.lon, abs_tol=1e-9)
        semi_major_m, semi_minor_m, azimuth_deg = ellipse_95(found.ellipse)
        assert semi_major_m > 15 and semi_minor_m < 8 and min(azimuth_deg, 180 - azimuth_deg) < 1


def test_a_box_farther_than_the_limit_is_not_measured() -> None:
    at_39_m, at_41_m = 300 + 1500 / 39, 300 + 1500 / 41
    assert locate((490, 300, 510, at_39_m), CAMERA, POSE).distance_m is not None
    assert locate((490, 300, 510, at_41_m), CAMERA, POSE).distance_m is None


def test_a_thing_of_the_usual_size_beyond_the_horizon_is_placed_by_how_large_it_looks() -> None:
    billboard = locate((450, 150, 550, 250), CAMERA, POSE, "bad_billboard")  # 1.5 m in 100 px at focal 1000
    assert math.isclose(distance_m(billboard.lat, billboard.lon, POSE.lat, POSE.lon), 15, rel_tol=1e-6)


def test_the_error_along_the_view_grows_with_the_square_of_the_distance() -> None:
    near, far = (locate((490, 300, 510, 300 + 1500 / metres), CAMERA, POSE) for metres in (8, 24))
    assert near.range_sd_m is not None and far.range_sd_m is not None
    assert far.range_sd_m > 5 * near.range_sd_m


def test_a_box_that_the_picture_cuts_is_less_sure_across_the_view() -> None:
    whole, cut = locate((100, 400, 300, 450), CAMERA, POSE), locate((0, 400, 200, 450), CAMERA, POSE)
    assert ellipse_95(cut.ellipse)[0] > ellipse_95(whole.ellipse)[0]


def test_a_flat_thing_is_in_the_middle_of_its_box_and_a_standing_one_at_its_foot() -> None:
    box = (450.0, 375.0, 550.0, 450.0)  # from 10 to 20 m
    hole, heap = locate(box, CAMERA, POSE, "pothole"), locate(box, CAMERA, POSE, "garbage")
    assert heap.distance_m is not None and math.isclose(heap.distance_m, 10)
    assert hole.distance_m is not None and math.isclose(hole.distance_m, 12)  # at most two metres further


def test_an_upper_edge_at_the_horizon_leaves_the_length_unmeasured() -> None:
    found = locate((450, 290, 550, 450), CAMERA, POSE)
    assert found.distance_m is not None and found.ground_length_m is None


def test_without_camera_the_place_is_a_guess_ahead_and_says_how_rough() -> None:
    found = locate((450, 400, 550, 450), None, POSE)
    assert found.distance_m is None and math.isclose(
        distance_m(found.lat, found.lon, POSE.lat, POSE.lon), 11, rel_tol=1e-6
    )
    assert ellipse_95(found.ellipse)[0] > 14


def test_without_heading_the_place_is_the_vehicle_in_a_wide_circle() -> None:
    found = locate((450, 400, 550, 450), CAMERA, FramePose(POSE.lat, POSE.lon, None, 1000, 600))
    assert (found.lat, found.lon, found.distance_m) == (POSE.lat, POSE.lon, None)
    semi_major_m, semi_minor_m, _ = ellipse_95(found.ellipse)
    assert math.isclose(semi_major_m, semi_minor_m) and semi_major_m > 25


def test_a_camera_that_looks_to_the_right_of_a_car_heading_north_sees_east() -> None:
    sideways = Camera(CAMERA.height_m, CAMERA.pitch_deg, CAMERA.hfov_deg, yaw_deg=90)
    found = locate((450, 400, 550, 450), sideways, POSE)
    assert found.lon > POSE.lon and math.isclose(found.lat, POSE.lat, abs_tol=1e-7)
