"""The whole way from pixels to boxes, with a real ONNX model in both head layouts."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from datasets.taxonomy import KEYS
from inference.detections import Detections
from inference.detector import Detector
from inference.errors import ModelRefused
from inference.images import decode_image
from tests.images import encode_image
from tests.inference.conftest import HEADS
from tests.models import COLOURS, blob_card, blob_image, write_blob_model

SQUARE_PX = 64


def same(a: Detections, b: Detections) -> bool:
    parts = ("xyxy_px", "score", "class_index")
    return all(np.array_equal(getattr(a, part), getattr(b, part)) for part in parts)


def detect_one(detector: Detector, image: NDArray[np.uint8]) -> Detections:
    (found,) = detector.detect([image])
    return found


@settings(max_examples=40, deadline=None)
@given(x0=st.integers(0, 640 - SQUARE_PX), y0=st.integers(0, 480 - SQUARE_PX))
def test_a_magenta_square_anywhere_is_one_pothole_over_it(detector: Detector, x0: int, y0: int) -> None:
    square = (x0, y0, x0 + SQUARE_PX, y0 + SQUARE_PX)
    (found,) = detect_one(detector, blob_image({"pothole": [square]}))
    assert found.class_key == "pothole" and found.score > 0.9
    assert np.abs(np.subtract(found.xyxy_px, square)).max() <= 2


@pytest.mark.parametrize("key", COLOURS)
def test_each_colour_is_its_own_class(detector: Detector, key: str) -> None:
    (found,) = detect_one(detector, blob_image({key: [(300, 200, 364, 264)]}))
    assert found.class_key == key


def test_a_grey_image_has_no_detection_even_without_threshold(eager: Detector) -> None:
    assert len(detect_one(eager, blob_image())) == 0


def test_several_defects_are_told_apart(detector: Detector) -> None:
    boxes = {"pothole": [(20, 20, 84, 84), (400, 300, 464, 364)], "graffiti": [(90, 90, 150, 130)]}
    found = detect_one(detector, blob_image(boxes, width=800, height=600))
    assert sorted(d.class_key for d in found) == ["graffiti", "pothole", "pothole"]


def test_thresholds_come_from_the_metadata_class_by_class(tmp_path: Path) -> None:
    thresholds = json.dumps(dict.fromkeys(KEYS, 0.5) | {"garbage": 0.2})
    path = write_blob_model(tmp_path / "m.onnx", metadata={"thresholds": thresholds})
    faint = blob_image({"pothole": [(10, 10, 74, 74)], "garbage": [(300, 300, 364, 364)]}, strength=0.4)
    assert [d.class_key for d in detect_one(Detector.open(path), faint)] == ["garbage"]


def test_min_score_replaces_the_threshold_of_every_class(model_paths: dict[str, Path]) -> None:
    faint = blob_image({"pothole": [(10, 10, 74, 74)]}, strength=0.4)
    for path in model_paths.values():
        assert len(detect_one(Detector.open(path), faint)) == 0
        (found,) = detect_one(Detector.open(path, min_score=0.001), faint)
        assert found.score == pytest.approx(0.4, abs=0.02)
        assert len(detect_one(Detector.open(path, min_score=0.5), faint)) == 0


def test_both_heads_give_the_same_boxes(model_paths: dict[str, Path]) -> None:
    image = blob_image({"pothole": [(33, 57, 97, 121)], "garbage": [(300, 200, 380, 260)]})
    found = [detect_one(Detector.open(model_paths[head]), image) for head in HEADS]
    assert np.allclose(found[0].xyxy_px, found[1].xyxy_px, atol=1e-3)
    assert np.allclose(found[0].score, found[1].score)


def test_images_of_several_sizes_together_give_what_each_gives_alone(detector: Detector) -> None:
    images = [blob_image({"pothole": [(9, 9, 73, 73)]}, width=w, height=h) for w, h in [(640, 480), (90, 200)]]
    images.append(blob_image(width=1280, height=720))
    together = detector.detect(images)
    assert all(same(found, detect_one(detector, image)) for found, image in zip(together, images, strict=True))
    assert [(found.width, found.height) for found in together] == [(640, 480), (90, 200), (1280, 720)]


def test_nothing_in_gives_nothing_out(detector: Detector) -> None:
    assert detector.detect([]) == []


def test_two_runs_and_two_threads_give_the_same_detections(detector: Detector) -> None:
    image = blob_image({"pothole": [(101, 33, 165, 97)]})
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda _: detect_one(detector, image), range(8)))
    assert all(same(run, runs[0]) for run in runs)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_of_a_turned_file_lie_on_the_square_as_stored(detector: Detector, orientation: int) -> None:
    upright = blob_image({"pothole": [(100, 50, 164, 114)]})
    data = encode_image(upright, "PNG", orientation)
    image = decode_image(data)
    found = replace(detect_one(detector, image.pixels), orientation=orientation).to_stored()
    stored = np.asarray(Image.open(BytesIO(data)))
    assert (found.width, found.height) == (image.stored_width, image.stored_height)
    assert stored.shape == (found.height, found.width, 3)
    rows, columns = np.nonzero((stored == [255, 0, 255]).all(axis=2))
    square = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert np.abs(found.xyxy_px[0] - square).max() <= 2


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), width=st.integers(1, 700), height=st.integers(1, 700))
def test_boxes_are_finite_inside_the_image_and_never_empty(eager: Detector, seed: int, width: int, height: int) -> None:
    random = np.random.default_rng(seed)
    noise = random.integers(0, 2, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8) * np.uint8(255)
    found = detect_one(eager, noise.repeat(8, axis=0).repeat(8, axis=1)[:height, :width])
    assert len(found) <= 300
    for x0, y0, x1, y1 in found.xyxy_px.tolist():
        assert 0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height


def test_boxes_beyond_the_image_are_clipped_and_those_in_the_padding_dropped(tmp_path: Path) -> None:
    beyond, padding, nan = (-50, 50, 160, 400, 0.9, 0), (10, 0, 90, 39, 0.8, 1), (np.nan, 50, 90, 90, 0.7, 2)
    path = write_fixed_model(tmp_path / "m.onnx", [beyond, padding, nan])
    (found,) = detect_one(Detector.open(path), blob_image(width=640, height=480))
    assert (found.class_key, found.xyxy_px) == (KEYS[0], (0, 20, 320, 480))


def test_a_model_that_fits_the_aspect_puts_no_grey_beside_a_wide_image(tmp_path: Path) -> None:
    path = write_fixed_model(tmp_path / "m.onnx", [(0, 0, 320, 160, 0.9, 0)], fits_aspect=True)
    (found,) = detect_one(Detector.open(path), blob_image(width=640, height=320))
    assert found.xyxy_px == (0, 0, 640, 320)


def write_fixed_model(path: Path, rows: list[tuple[float, ...]], fits_aspect: bool = False) -> Path:
    """Write an end2end model that answers every image with these rows."""
    shape = "1,3,h,w" if fits_aspect else "1,3,320,320"
    graph = f"g (float[{shape}] images) => (float[1,R,6] output0) {{ output0 = Identity(rows) }}"
    model = onnx.parser.parse_model(f'<ir_version: 9, opset_import: ["" : 17]> {graph}')
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([rows], np.float32), "rows"))
    card = blob_card("end2end", KEYS, (320, 320)).model_copy(update={"fits_aspect": fits_aspect})
    onnx.helper.set_model_props(model, card.to_metadata())
    onnx.save(model, path)
    return path


def test_the_card_carries_what_the_metadata_says_and_the_file_is(model_path: Path) -> None:
    card = Detector.open(model_path).model
    assert (card.name, card.version, card.head, card.input_width) == ("blobs", "1", "end2end", 320)
    assert card.class_keys == KEYS
    assert len(card.sha256) == 64


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 4), (0, 4, 3)])
def test_an_array_that_is_no_bgr_image_is_refused_with_its_shape(detector: Detector, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected uint8 \(H, W, 3\)"):
        detector.detect([np.zeros(shape, np.uint8)])


def test_a_min_score_outside_0_to_1_is_refused(model_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected 0\.\.1, got 40"):
        Detector.open(model_path, min_score=40)


def test_bytes_that_are_no_model_are_refused(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"not a model")
    with pytest.raises(ModelRefused) as refused:
        Detector.open(tmp_path / "m.onnx")
    assert refused.value.code == "model.unreadable"


@pytest.mark.parametrize("claimed", [{"head": "dense"}, {"input_width": "640"}, {"fits_aspect": "True"}])
def test_a_model_that_differs_from_its_metadata_is_refused_at_opening(tmp_path: Path, claimed: dict[str, str]) -> None:
    path = write_blob_model(tmp_path / "m.onnx", metadata=claimed)
    with pytest.raises(ModelRefused) as refused:
        Detector.open(path)
    assert refused.value.code == "model.shape"
