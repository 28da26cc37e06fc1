"""From drawn pixels through the released detector to defects in the database, two passes long."""

from math import hypot

import numpy as np
import pytest

from datasets.simulator.frame import Truth
from datasets.simulator.survey import survey_town
from inference.detections import Detections
from inference.detector import Detector
from service.bench.identity import Condition
from service.bench.rendered import Recall, as_markdown, measure_drawn, recall_of, told_boxes
from service.core.database import Database
from service.identity.camera import Camera
from service.identity.locate import FramePose, locate

HOLE = Truth("pothole", (100.0, 100.0, 200.0, 150.0), "a", 26.0, 50.0, 12.0)
HEAP = Truth("garbage", (150.0, 100.0, 260.0, 150.0), "b", 26.0, 50.0, 25.0)


def detections(*boxes: tuple[float, float, float, float]) -> Detections:
    count = len(boxes)
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4), np.full(count, 0.5, np.float32), np.zeros(count, np.int64),
        ("road_crack",), 640, 360,
    )  # fmt: skip


def test_a_box_belongs_to_the_drawn_defect_it_covers_best_and_else_to_none() -> None:
    found = detections((145, 100, 255, 150), (105, 95, 200, 150), (0, 0, 110, 110), (400, 300, 420, 320))
    boxes = told_boxes(found, [HOLE, HEAP])
    assert [box.true_id for box in boxes] == ["b", "a", None, None]
    assert [box.true_id for box in told_boxes(found, [])] == [None] * 4
    assert told_boxes(detections(), [HOLE]) == ()


def test_recall_asks_only_for_near_defects() -> None:
    boxes = told_boxes(detections((145, 100, 255, 150)), [HOLE, HEAP])
    assert recall_of([HOLE, HEAP], boxes) == Recall(1, 0)
    assert recall_of([HOLE], told_boxes(detections(HOLE.xyxy_px), [HOLE])) == Recall(1, 1)


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector.open("default")


def test_two_drawn_passes_become_one_defect_for_each_thing(database: Database, detector: Detector) -> None:
    survey = survey_town(2107, frames_a_pass=6, passes=2, gps_sd_m=1.0)
    outcome, near = measure_drawn(database, detector, survey, Condition("drawn", passes=2), batch_frames=4)
    assert near.shown >= 8 and near.share > 0.7
    assert outcome.sightings - outcome.false_alarms >= 12
    # each pass for itself gives 0.86, and the peer's method 0.71
    assert outcome.ours.pair_f1 > 0.9 > outcome.peer.pair_f1
    assert outcome.ours.error_median_m < 4 < outcome.peer.error_median_m
    assert "rendered frames" in as_markdown([outcome], near)


def test_a_drawn_defects_box_leads_back_to_its_true_place() -> None:
    survey = survey_town(2102, frames_a_pass=6, passes=2, bump_sd_deg=0.0)
    errors_m = []
    for one_pass in survey.passes:
        true = one_pass.vehicle.camera
        camera = Camera(true.height_m, true.pitch_deg, true.hfov_deg, true.yaw_deg, true.radial)
        for frame in survey.draw(one_pass):
            pose = frame.told.truth
            lat, lon = survey.city.frame.to_wgs84(pose.east_m, pose.north_m)
            seen_from = FramePose(lat, lon, pose.heading_deg, true.width, true.height)
            for truth in frame.picture.truths:
                if truth.class_key == "pothole" and truth.distance_m < 20:
                    found = locate(truth.xyxy_px, camera, seen_from, "pothole")
                    east_m, north_m = survey.city.frame.to_metres(found.lat, found.lon)
                    true_m = survey.city.frame.to_metres(truth.lat, truth.lon)
                    errors_m.append(hypot(east_m - true_m[0], north_m - true_m[1]))
    assert len(errors_m) >= 4
    assert max(errors_m) < 1.0
