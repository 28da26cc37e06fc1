"""What a frame shows is where an independent projection puts it, and what walls and cars hide is not shown."""

from dataclasses import replace
from datetime import UTC, datetime

import cv2
import numpy as np
import pytest

from datasets.simulator.camera import CameraModel, View
from datasets.simulator.city import TrueCamera, TrueDefect
from datasets.simulator.city.city import OpenGround
from datasets.simulator.city.defects import Life
from datasets.simulator.city.optics import Poses, project
from datasets.simulator.city.seeing import Views, look
from datasets.simulator.city.things import things_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CAMERA = TrueCamera(2.2, 8.0, 0.0, 72.0, 1280, 720, (0.0, 0.0), 0.0)
EVERYWHERE = OpenGround(-500.0, -500.0, np.ones((1000, 1000), bool))
HOLE = TrueDefect("d1", "pothole", "s1", 0.0, 12.0, 0.0, 1.0, 0.8, 0.0, 0.0, "middle", ())


def poses_at(count: int, seed: int = 0) -> Poses:
    rng = np.random.default_rng(seed)
    return Poses(
        np.zeros(count),
        rng.uniform(-50, 50, (count, 2)),
        rng.uniform(0, 360, count),
        rng.uniform(0, 12, count),
        rng.uniform(-4, 4, count),
    )


def seen(defect: TrueDefect, camera: TrueCamera = CAMERA, ground: OpenGround = EVERYWHERE) -> Views:
    """From the origin, looking north."""
    pose = Poses(np.zeros(1), np.zeros((1, 2)), np.zeros(1), np.array([camera.pitch_deg]), np.zeros(1))
    return look(things_of([defect], NOON), pose, camera, ground)


def test_points_land_where_the_rendering_simulators_camera_puts_them() -> None:
    model = CameraModel()
    hfov_deg = float(np.degrees(2 * np.arctan(model.width / 2 / model.focal_px)))
    camera = TrueCamera(model.height_m, model.pitch_deg, 0.0, hfov_deg, model.width, model.height, (0.0, 0.0), 0.0)
    poses = replace(poses_at(40), pitch_deg=np.full(40, model.pitch_deg), roll_deg=np.zeros(40))
    points_m = np.random.default_rng(1).uniform(-60, 60, (40, 30, 3)) * [1, 1, 0.05]
    pixels, depth_m = project(points_m, poses, camera)
    for i in range(40):
        view = View(model, float(poses.place_m[i, 0]), float(poses.place_m[i, 1]), float(poses.heading_deg[i]))
        expected_px, expected_m = view.project(points_m[i])
        ahead = expected_m > 1
        assert depth_m[i] == pytest.approx(expected_m)
        assert pixels[i][ahead] == pytest.approx(expected_px[ahead])


def test_points_land_where_opencv_puts_them_with_yaw_roll_and_a_bent_lens() -> None:
    camera = TrueCamera(1.8, 0.0, 3.0, 75.0, 1920, 1080, (-0.1, 0.01), 0.0)
    poses = poses_at(25, seed=4)
    rng = np.random.default_rng(5)
    for i in range(25):
        heading, pitch, roll = np.radians([poses.heading_deg[i] + 3.0, poses.pitch_deg[i], poses.roll_deg[i]])
        # the world turned so that north is ahead, then nodded, then rolled
        to_level = np.array([[np.cos(heading), -np.sin(heading), 0], [0, 0, -1], [np.sin(heading), np.cos(heading), 0]])
        nod = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
        turn = np.array([[np.cos(roll), np.sin(roll), 0], [-np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
        rotation = turn @ nod @ to_level
        ahead_m, right_m = rng.uniform(5, 50, 20), rng.uniform(-3, 3, 20)
        s, c = np.sin(heading), np.cos(heading)
        east_m = poses.place_m[i, 0] + ahead_m * s + right_m * c
        north_m = poses.place_m[i, 1] + ahead_m * c - right_m * s
        points_m = np.column_stack([east_m, north_m, rng.uniform(0, 3, 20)])
        eye_m = np.array([*poses.place_m[i], camera.height_m])
        matrix = np.array([[camera.focal_px, 0, 960], [0, camera.focal_px, 540], [0, 0, 1]])
        expected, _ = cv2.projectPoints(
            points_m, cv2.Rodrigues(rotation)[0], -rotation @ eye_m, matrix, np.array([-0.1, 0.01, 0, 0])
        )
        one = poses.take(np.array([i]))
        assert project(points_m[None], one, camera)[0][0] == pytest.approx(expected[:, 0], abs=1e-6)


def test_the_lower_edge_of_a_holes_box_is_its_nearest_point_on_the_ground() -> None:
    (box,) = seen(HOLE).xyxy_px
    down = np.arctan((box[3] - 360) / CAMERA.focal_px) + np.radians(8.0)
    assert 2.2 / np.tan(down) == pytest.approx(11.5, abs=0.01)
    assert (box[0] + box[2]) / 2 == pytest.approx(640)


def test_writing_on_a_wall_ends_above_the_ground() -> None:
    wall = replace(HOLE, class_key="graffiti", east_m=5.0, length_m=3.0, width_m=0.0, height_m=1.2, base_m=1.0)
    (box,) = seen(wall).xyxy_px
    (on_ground,) = seen(replace(wall, base_m=0.0)).xyxy_px
    assert box[3] < on_ground[3] - 20


def test_behind_outside_small_and_far_things_are_not_shown() -> None:
    assert len(seen(HOLE)) == 1
    for absent in (
        replace(HOLE, north_m=-12.0),
        replace(HOLE, east_m=40.0),
        replace(HOLE, north_m=2.0),
        replace(HOLE, north_m=38.0, length_m=0.3, width_m=0.2),
        replace(HOLE, north_m=90.0, length_m=9.0, width_m=9.0, height_m=3.0),
    ):
        assert len(seen(absent)) == 0


def test_a_thing_behind_a_wall_is_not_shown() -> None:
    cells = np.ones((1000, 1000), bool)
    cells[506:508] = False  # a wall from west to east, 6 m ahead
    assert len(seen(HOLE, ground=OpenGround(-500.0, -500.0, cells))) == 0


def test_a_thing_is_shown_only_while_it_lives_and_as_large_as_it_then_is() -> None:
    before = Life(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC), 1.0)
    assert len(seen(replace(HOLE, life=(before,)))) == 0
    now = Life(before.to_at, datetime(2026, 4, 1, tzinfo=UTC), 1.5)
    (grown,) = seen(replace(HOLE, life=(before, now))).xyxy_px
    (plain,) = seen(replace(HOLE, length_m=1.5, width_m=1.2)).xyxy_px
    assert grown == pytest.approx(plain)


def test_a_cut_box_ends_at_the_pictures_edge_and_half_of_it_must_be_inside() -> None:
    aside_m = 12.0 * np.tan(np.radians(36.0))
    boxes = seen(replace(HOLE, east_m=aside_m - 0.1, width_m=2.0, length_m=0.5)).xyxy_px
    assert boxes[0][2] == CAMERA.width
    assert len(seen(replace(HOLE, east_m=aside_m + 0.6, width_m=2.0, length_m=0.5))) == 0
