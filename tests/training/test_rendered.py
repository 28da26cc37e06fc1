"""Rendered frames become training pictures and nothing else."""

from pathlib import Path

import pytest

import training.rendered as rendered
from datasets.records import Split
from datasets.taxonomy import BY_KEY
from training.rendered import render_training_frames


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rendered")


@pytest.fixture(autouse=True)
def two_frames_a_town(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendered, "FRAMES_A_TOWN", 2)


def test_rendered_frames_are_for_training_and_label_every_class(folder: Path) -> None:
    images = render_training_frames(folder, 2, first_seed=77)
    assert len(images) == 2
    assert {image.split for image in images} == {Split.TRAIN}
    assert all(image.labelled_classes == BY_KEY.keys() for image in images)
    assert all(image.image_path.exists() for image in images)


def test_boxes_are_fractions_of_the_picture(folder: Path) -> None:
    fractions = [box.xyxy_fraction for image in render_training_frames(folder, 2, 77) for box in image.boxes]
    assert all(0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1 for x0, y0, x1, y1 in fractions)


def test_drives_already_rendered_are_read_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = render_training_frames(folder, 2, first_seed=77)
    monkeypatch.setattr(rendered, "drive", None)
    assert render_training_frames(folder, 2, first_seed=77) == first
