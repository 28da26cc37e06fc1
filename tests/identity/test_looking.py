import json
from importlib.resources import files
from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.taxonomy import KEYS
from service.identity.absence import STAYS
from service.identity.camera import Camera
from service.identity.gaussian import Ellipse
from service.identity.locate import FramePose, locate
from service.identity.looking import FOUND, NO_ERROR, LookSum, Pose, chances_of, recall, should_show

CAMERA = Camera(height_m=1.6, pitch_deg=8.0, hfov_deg=70.0)
NORTHWARD = Pose(0.0, 0.0, 0.0)
SURE = Ellipse.round(0.3)


def chance(east_m: float, north_m: float, ellipse: Ellipse = SURE, pose: Pose = NORTHWARD, **more: object) -> float:
    told = {"camera": CAMERA, "width_px": 1280, "height_px": 720, "class_key": "pothole"} | more
    return should_show(east_m, north_m, ellipse, pose, **told)  # type: ignore[arg-type]


def test_every_class_has_its_rates_and_its_stay() -> None:
    assert tuple(FOUND) == tuple(STAYS) == KEYS


RATES = json.loads(files("datasets.simulator.city").joinpath("rates.json").read_text())


@given(st.sampled_from(KEYS), st.floats(0, 60))
def test_recall_is_at_most_what_was_measured_and_nothing_is_found_far_off(class_key: str, distance_m: float) -> None:
    assert 0 <= recall(class_key, distance_m) <= FOUND[class_key]
    assert recall(class_key, distance_m + 40) == 0


@pytest.mark.parametrize("class_key", [key for key in KEYS if not RATES["classes"][key]["borrowed"]])
def test_recall_falls_with_the_distance_as_on_drawn_frames(class_key: str) -> None:
    measured = RATES["classes"][class_key]["recall"][1:6]
    for distance_m, rate in zip((8, 12.5, 17.5, 22.5, 27.5), measured, strict=True):
        assert recall(class_key, distance_m, best=max(measured)) == pytest.approx(rate, abs=0.01)


def test_recall_at_its_best_is_what_was_found_in_real_pictures() -> None:
    field = RATES["field"]["classes"]
    assert {key: field[key]["recall"] for key in field} == {key: FOUND[key] for key in field}


def test_a_thing_on_the_lane_ahead_should_be_shown() -> None:
    assert chance(0, 10) == pytest.approx(recall("pothole", 10), rel=0.02)


@pytest.mark.parametrize("place", [(0, -10), (0, 2), (0, 45), (9, 8), (-9, 8)])
def test_what_lies_behind_under_the_bonnet_far_off_or_beside_the_picture_is_no_look(
    place: tuple[float, float],
) -> None:
    assert chance(*place) == 0


def test_the_less_sure_the_place_the_smaller_the_chance() -> None:
    sds_m = (0.3, 2, 4, 8, 16)
    chances = [chance(0, 12, Ellipse.round(sd_m)) for sd_m in sds_m]
    assert chances == sorted(chances, reverse=True) and chances[-1] < 0.6 * chances[0]
    unsure_fix = Pose(0, 0, 0, Ellipse.round(8))
    assert chance(0, 12, NO_ERROR, unsure_fix) == pytest.approx(chance(0, 12, Ellipse.round(8)))


def test_a_frame_that_is_not_for_defects_or_whose_view_is_unknown_is_no_look() -> None:
    assert chance(0, 10, use="coverage") == chance(0, 10, camera=None) == chance(0, 10, pose=Pose(0, 0, None)) == 0


def test_a_camera_that_looks_aside_shows_what_is_there() -> None:
    aside = Camera(height_m=1.6, pitch_deg=8.0, hfov_deg=70.0, yaw_deg=90.0)
    assert chance(10, 0, camera=aside) > 0.6 and chance(0, 10, camera=aside) == 0


@given(st.floats(200, 1080), st.floats(430, 660), st.floats(0, 359))
def test_the_middle_of_a_box_that_was_projected_to_the_ground_is_shown_there(
    u_px: float, v_px: float, heading_deg: float
) -> None:
    """The two directions of projection agree: what `locate` puts on the road this finds in the picture."""
    place = locate((u_px - 1, v_px - 1, u_px + 1, v_px), CAMERA, FramePose(0, 0, heading_deg, 1280, 720))
    assert place.distance_m is not None
    east_m, north_m = place.lon * 111_195, place.lat * 111_195
    expected = recall("pothole", place.distance_m) if place.distance_m > 5 else 0.0
    assert chance(east_m, north_m, NO_ERROR, Pose(0, 0, heading_deg)) >= expected * 0.999


def test_looks_add_up_and_a_frame_that_shows_too_little_is_none() -> None:
    good = chances_of(0, 10, SURE, NORTHWARD, CAMERA, 1280, 720, "pothole")
    looks = LookSum().add(good).add(good).add(()).add(tuple(0.1 for _ in good)).add((), seen=True)
    assert looks.looks == 3
    assert looks.unseen_log == pytest.approx(2 * log(1 - recall("pothole", 10)), rel=0.05)
    again = LookSum.of(looks.looks, looks.unseen_log)
    assert again.looks == 3 and again.unseen_log == pytest.approx(looks.unseen_log)


def test_frames_that_err_alike_say_less_than_frames_that_err_each_for_itself() -> None:
    unsure = chances_of(0, 14, Ellipse.round(6), NORTHWARD, CAMERA, 1280, 720, "pothole")
    looks = LookSum()
    for _ in range(12):
        looks = looks.add(unsure)
    alone = (1 - should_show(0, 14, Ellipse.round(6), NORTHWARD, CAMERA, 1280, 720, "pothole")) ** 12
    outside = sum(1 for one in unsure if one == 0) / 12
    assert exp(looks.unseen_log) >= outside > 10 * alone
