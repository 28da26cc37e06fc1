"""Drawings a person can judge by: boxes where they belong, labels inside the image."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from datasets.taxonomy import BY_KEY
from inference.detections import Detections
from inference.draw import draw_detections
from inference.drawings import Drawings
from inference.images import decode_image


def one_box(box: tuple[float, ...], width: int = 200, height: int = 100, key: str = "pothole") -> Detections:
    boxes = np.array([box], np.float32)
    return Detections(boxes, np.array([0.83], np.float32), np.array([0]), (key,), width, height)


def read(path: Path) -> NDArray[np.uint8]:
    return decode_image(path.read_bytes()).pixels


def test_a_box_is_drawn_in_the_colour_of_its_class_and_leaves_the_original_alone() -> None:
    image = np.zeros((100, 200, 3), np.uint8)
    drawn = draw_detections(image, one_box((20, 40, 80, 90)))
    assert not image.any()
    assert drawn[89, 50].tobytes()[::-1].hex() == BY_KEY["pothole"].color.removeprefix("#")
    assert not drawn[60:85, 25:75].any()


@pytest.mark.parametrize("box", [(20, 40, 80, 90), (190, 0, 200, 10), (0, 0, 200, 100), (0, 95, 9, 100)])
def test_the_label_stays_inside_the_image_wherever_the_box_is(box: tuple[float, ...]) -> None:
    drawn = draw_detections(np.zeros((100, 200, 3), np.uint8), one_box(box))
    assert np.count_nonzero((drawn > 200).all(axis=2)) > 30  # white letters on the dark red of potholes


def test_a_class_outside_the_taxonomy_is_drawn_too() -> None:
    assert draw_detections(np.zeros((100, 200, 3), np.uint8), one_box((20, 40, 80, 90), key="person")).any()


def test_images_of_one_name_from_several_folders_get_names_of_their_own(tmp_path: Path) -> None:
    drawings = Drawings(tmp_path / "new" / "folder")
    image = np.zeros((100, 200, 3), np.uint8)
    names = ["a/street.jpg", "b/street.jpg", "c/STREET.png", "street-2.webp"]
    written = [drawings.write(name, image, one_box((20, 40, 80, 90))) for name in names]
    assert [p.name for p in written] == ["street.jpg", "street-2.jpg", "STREET-3.jpg", "street-2-2.jpg"]
    assert all(read(path).shape == (100, 200, 3) for path in written)


def test_an_image_too_long_for_jpeg_is_drawn_as_png(tmp_path: Path) -> None:
    image = np.zeros((4, 70_000, 3), np.uint8)
    written = Drawings(tmp_path).write("long.png", image, one_box((0, 0, 9, 3), 70_000, 4))
    assert read(written).shape == image.shape
