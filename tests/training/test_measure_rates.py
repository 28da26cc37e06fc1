"""Rates are counted as they happened: what a box shows, how far off it is, and what was too seldom to count."""

import json
from datetime import UTC, datetime
from importlib.resources import files
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datasets.simulator import RenderedFrame, Truth
from datasets.taxonomy import KEYS
from inference.detections import Detections
from training.measure_rates import judge
from training.rates_summary import DISTANCE_EDGES_M, field_rates, summarise

THRESHOLDS = dict.fromkeys(KEYS, 0.2)


def frame_of(*truths: tuple[str, tuple[float, float, float, float]]) -> RenderedFrame:
    found = tuple(Truth(key, box, f"d{i}", 0.0, 0.0, 12.0) for i, (key, box) in enumerate(truths))
    picture = np.zeros((720, 1280, 3), np.uint8)
    return RenderedFrame("f", picture, 0.0, 0.0, 0.0, datetime(2026, 3, 1, tzinfo=UTC), 8.0, 880.0, found)


def detections(*boxes: tuple[str, float, tuple[float, float, float, float]]) -> Detections:
    keys, scores, places = zip(*boxes, strict=True)
    xyxy_px, score = np.array(places, np.float32), np.array(scores, np.float32)
    return Detections(xyxy_px, score, np.array([KEYS.index(key) for key in keys]), KEYS, 1280, 720)


def test_a_truth_takes_the_box_of_its_own_class_though_another_scores_higher() -> None:
    frame = frame_of(("pothole", (100, 100, 200, 140)))
    found = detections(("road_crack", 0.9, (100, 100, 200, 140)), ("pothole", 0.5, (110, 100, 200, 144)))
    (sighting,), left_over = judge(frame, found, "town", 0)
    assert sighting.said_class == "pothole"
    assert sighting.edge_errors == pytest.approx((0.1, 0.0, 0.0, 0.1), abs=1e-6)
    assert [one.class_key for one in left_over] == ["road_crack"]


def test_a_box_of_another_class_is_a_mistake_and_one_elsewhere_a_miss() -> None:
    frame = frame_of(("pothole", (100, 100, 200, 140)), ("garbage", (500, 300, 600, 400)))
    found = detections(("road_crack", 0.9, (100, 100, 200, 140)), ("garbage", 0.8, (900, 300, 990, 400)))
    (mistaken, missed), left_over = judge(frame, found, "town", 0)
    assert mistaken.said_class == "road_crack"
    assert missed.said_class is None
    assert len(left_over) == 1


def rows(defects: int, in_each: int, effect_share: float, recall_probit: float) -> dict[str, Any]:
    """Potholes at 8 m, each in so many neighbouring frames, hit as a probit with a lasting effect has it."""
    rng = np.random.default_rng(3)
    sightings = []
    for number in range(defects):
        effect = rng.standard_normal() * sqrt(effect_share)
        for frame in range(in_each):
            hit = recall_probit + effect + sqrt(1 - effect_share) * rng.standard_normal() > 0
            sightings.append(
                {
                    "drive": "town",
                    "defect_id": str(number),
                    "frame": frame,
                    "class_key": "pothole",
                    "distance_m": 8.0,
                    "said_class": "pothole" if hit else None,
                    "score": 0.6 if hit else None,
                    "edge_errors": [float(e) for e in rng.normal(0.02, 0.1, 4)] if hit else None,
                }
            )
    spare = [
        {
            "class_key": "pothole",
            "score": 0.3,
            "xyxy_px": box,
            "shows": shows,
            "true_class": true,
            "edge_errors": errors,
        }
        for box, shows, true, errors in (
            ([600, 450, 660, 470], "nothing", None, None),
            ([600, 450, 660, 470], "harmless", None, None),
            ([600, 450, 660, 470], "unseen", None, None),
            ([600, 240, 620, 246], "nothing", None, None),  # ends at the horizon
            ([0, 450, 60, 470], "nothing", None, None),  # at the picture's edge
            ([600, 450, 660, 470], "echo", "pothole", [0.1, 0.1, 0.1, 0.1]),
        )
    ]
    return {"frames": 100, "seeds": [1], "sightings": sightings, "spare": spare}


def summary_of(**how: float) -> dict[str, Any]:
    told: dict[str, Any] = {"defects": 600, "in_each": 4, "effect_share": 0.6, "recall_probit": 0.5} | how
    return summarise(rows(**told), "m", "0", THRESHOLDS)


def test_recall_edges_and_the_lasting_effect_come_back_as_they_were_put_in() -> None:
    summary = summary_of()
    pothole = summary["classes"]["pothole"]
    assert pothole["recall"][1] == pytest.approx(0.69, abs=0.04)
    assert pothole["edge_sd"] == pytest.approx([0.1] * 4, abs=0.01)
    assert pothole["edge_bias"] == pytest.approx([0.02] * 4, abs=0.01)
    assert summary["effect_share"] == pytest.approx(0.6, abs=0.1)
    assert summary_of(effect_share=0.0)["effect_share"] < 0.15


def test_only_boxes_that_show_nothing_of_a_defect_are_false_alarms() -> None:
    summary = summary_of(defects=50)
    assert summary["classes"]["pothole"]["false_alarms"] == 2
    assert summary["manhole_share"] == 0.5
    assert summary["classes"]["pothole"]["echoes"]["pothole"] > 0


def test_a_class_without_sightings_borrows_and_says_so() -> None:
    classes = summary_of()["classes"]
    assert [key for key in KEYS if not classes[key]["borrowed"]] == ["pothole"]
    assert classes["road_crack"]["recall"][1] == pytest.approx(classes["pothole"]["recall"][1], abs=0.02)
    assert all(len(one["recall"]) == len(DISTANCE_EDGES_M) - 1 for one in classes.values())


def test_recall_never_rises_from_the_third_distance_on() -> None:
    for one in summary_of()["classes"].values():
        assert (np.diff(one["recall"][2:]) <= 0).all()


def test_field_rates_are_those_of_the_models_card() -> None:
    field: Any = field_rates(Path(str(files("models"))) / "rasid-n-0.3.md")
    assert field["classes"]["pothole"] == {
        "source": "vehicle sources",
        "boxes": 277,
        "recall": 0.635,
        "false_per_frame": pytest.approx(0.0182),
    }
    assert field["classes"]["garbage"]["recall"] == 0.34
    assert field["classes"]["garbage"]["source"] == "smartathon"


def test_the_rates_in_the_package_are_of_drives_kept_for_measuring_and_tell_their_story() -> None:
    stored = json.loads((Path(str(files("datasets"))) / "simulator/city/rates.json").read_text("utf-8"))
    assert all(2000 <= seed < 3000 for seed in stored["provenance"]["seeds"])
    assert stored["provenance"]["frames"] >= 150
    assert set(stored["classes"]) == set(KEYS)
