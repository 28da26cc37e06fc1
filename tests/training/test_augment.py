"""Changes of camera leave shape and boxes; a window has the size that was asked for."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ultralytics", reason="needs the train extra: ultralytics")
from ultralytics.data.augment import RandomPerspective
from ultralytics.data.dataset import YOLODataset
from ultralytics.utils import DEFAULT_CFG, IterableSimpleNamespace

from datasets.export import export_yolo
from datasets.records import LabelledBox, LabelledImage, Split
from tests.datasets.streets import write_source
from training.augment import CameraChange, change_cameras, see_window


@pytest.fixture
def dataset(tmp_path: Path) -> YOLODataset:
    write_source(tmp_path, "graffiti_athens", ["Graffiti"], {"a": ("g", "train", "")}, size=(64, 96))
    path = tmp_path / "graffiti_athens/images/a.webp"
    boxes = (LabelledBox("graffiti", (0.4, 0.4, 0.6, 0.6)),)
    image = LabelledImage(path, "graffiti_athens", "g", Split.TRAIN, boxes, frozenset({"graffiti"}))
    data = export_yolo([image], tmp_path / "out")
    settings = IterableSimpleNamespace(**{**vars(DEFAULT_CFG), "mosaic": 0.0, "copy_paste": 0.0})
    return YOLODataset(
        img_path=str(data.data_yaml.parent / "images/train"),
        data={"names": dict(enumerate("abcdefghijk")), "nc": 11, "channels": 3},
        imgsz=96,
        augment=True,
        hyp=settings,
        cache="ram",
    )


def test_every_change_of_camera_keeps_the_shape_and_changes_pixels() -> None:
    rng = np.random.default_rng(0)
    change = CameraChange(1.0)
    for _ in range(40):
        pixels = rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)
        seen = change({"img": pixels.copy()})["img"]
        assert seen.shape == pixels.shape
        assert seen.dtype == np.uint8
        assert (seen != pixels).any()


def test_a_share_of_zero_changes_nothing() -> None:
    pixels = np.full((8, 8, 3), 7, np.uint8)
    assert (CameraChange(0.0)({"img": pixels})["img"] == 7).all()


def test_a_sample_has_the_size_of_the_window(dataset: YOLODataset) -> None:
    see_window(dataset, 64, 32)
    change_cameras(dataset, 1.0)
    assert tuple(dataset[0]["img"].shape) == (3, 32, 64)


def test_a_window_shows_the_middle_at_full_scale(dataset: YOLODataset) -> None:
    see_window(dataset, 64, 32)
    inner = dataset.transforms.transforms[0].transforms
    (affine,) = [one for one in inner if isinstance(one, RandomPerspective)]
    affine.scale, affine.translate = 0.0, 0.0
    sample = dataset[0]
    width = float(sample["bboxes"][0, 2]) * 64
    assert width == pytest.approx(0.2 * 96, abs=0.5)
    assert float(sample["bboxes"][0, 0]) == pytest.approx(0.5, abs=0.02)
