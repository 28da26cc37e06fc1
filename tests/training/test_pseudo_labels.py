"""A teacher fills in what it is sure of, leaves doubt unknown, and never touches a person's labels."""

from pathlib import Path

import numpy as np
import pytest

from datasets.records import LabelledBox, LabelledImage, Split
from datasets.taxonomy import KEYS
from inference.detections import Detections
from tests.datasets.streets import write_source
from tests.models import blob_image, write_blob_model
from training.pseudo_labels import CutOffs, choose_cut_offs, fill_unlabelled, pseudo_label
from training.scoring import Cell

CUT_OFFS = {"garbage": CutOffs(present=0.6, absent=0.2)}
ROAD = LabelledImage(
    Path("a.webp"), "road", "g", Split.TRAIN, (LabelledBox("pothole", (0, 0, 0.1, 0.1)),), frozenset({"pothole"})
)


def detections(*found: tuple[str, float]) -> Detections:
    ranked = sorted(found, key=lambda one: -one[1])
    return Detections(
        np.array([[20, 10, 40, 30]] * len(ranked), np.float32).reshape(-1, 4),
        np.array([score for _, score in ranked], np.float32),
        np.array([KEYS.index(key) for key, _ in ranked], np.int64),
        KEYS,
        200,
        100,
    )


def cell(score: float, hit: bool) -> Cell:
    truth = np.array([[0.0, 0, 10, 10]])
    found = truth if hit else truth + 50
    return Cell("garbage", "smartathon", "g", truth, found, np.array([score]))


def test_a_sure_detection_becomes_a_box_and_the_class_is_known() -> None:
    filled = fill_unlabelled(ROAD, detections(("garbage", 0.9)), CUT_OFFS)
    assert filled.labelled_classes == {"pothole", "garbage"}
    assert filled.boxes[-1] == LabelledBox("garbage", (0.1, 0.1, 0.2, 0.3))


def test_a_doubtful_detection_leaves_the_class_unknown() -> None:
    filled = fill_unlabelled(ROAD, detections(("garbage", 0.9), ("garbage", 0.4)), CUT_OFFS)
    assert filled == ROAD


def test_a_picture_without_a_loud_detection_is_free_of_the_class() -> None:
    filled = fill_unlabelled(ROAD, detections(("garbage", 0.1)), CUT_OFFS)
    assert filled.labelled_classes == {"pothole", "garbage"}
    assert filled.boxes == ROAD.boxes


def test_labels_of_people_stay_and_classes_without_cut_offs_stay_unknown() -> None:
    filled = fill_unlabelled(ROAD, detections(("pothole", 0.99), ("graffiti", 0.99)), {"pothole": CutOffs(0.5, 0.1)})
    assert filled == ROAD


def test_cut_offs_favour_precision_and_miss_few_pictures() -> None:
    cells = [cell(0.9, True)] * 10 + [cell(0.5, True)] * 10 + [cell(0.45, False)] * 10
    (cut,) = choose_cut_offs(cells).values()
    assert cut.present == pytest.approx(0.5)
    assert cut.absent == pytest.approx(0.45)


def test_a_class_that_few_pictures_show_gets_no_cut_offs() -> None:
    assert choose_cut_offs([cell(0.9, True)] * 3) == {}


def test_the_listing_of_a_run_is_used_again(tmp_path: Path) -> None:
    import cv2

    write_source(tmp_path, "graffiti_athens", ["Graffiti"], {"a": ("g", "train", "")})
    path = tmp_path / "graffiti_athens/images/a.webp"
    cv2.imwrite(str(path), blob_image())
    image = LabelledImage(path, "graffiti_athens", "g", Split.TRAIN, (), frozenset({"graffiti"}))
    model = write_blob_model(tmp_path / "teacher.onnx")
    listing = tmp_path / "run" / "pseudo_labels.json"
    first = pseudo_label([image], [image], model, listing)
    model.unlink()
    assert pseudo_label([image], [image], model, listing) == first
