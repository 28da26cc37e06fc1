"""Each engine gives what ONNX Runtime gives on the processor, or says what is missing."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.backends import BACKENDS, CUDA, ONNXRUNTIME, OPENVINO, Backend, installed_backends, open_backend
from inference.detector import Detector
from inference.errors import ModelRefused
from inference.registry import load_model
from tests.models import blob_image

WITHOUT_OPENVINO = find_spec("openvino") is None
PROCESSOR = [
    ONNXRUNTIME,
    pytest.param(OPENVINO, marks=pytest.mark.skipif(WITHOUT_OPENVINO, reason="openvino is not installed")),
]


def refusal_code(name: str, model: bytes) -> str:
    with pytest.raises(ModelRefused) as refused:
        open_backend(name, model, 1)
    return refused.value.code


@pytest.fixture(params=PROCESSOR)
def backend(request: pytest.FixtureRequest, model_path: Path) -> Iterator[Backend]:
    yield open_backend(request.param, model_path.read_bytes(), 1)


def pixels(seed: int = 0, height: int = 320, width: int = 320) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def run(backend: Backend, canvas: NDArray[np.uint8]) -> NDArray[np.float32]:
    return backend.run(backend.feed(canvas))


def test_every_backend_reads_the_same_metadata(backend: Backend, model_path: Path) -> None:
    assert backend.metadata == open_backend(ONNXRUNTIME, model_path.read_bytes(), 1).metadata
    assert backend.metadata["rasid_format"] == "1"


def test_a_run_gives_the_first_output_in_float32(backend: Backend) -> None:
    output = run(backend, pixels())
    assert output.shape == (1, 300, 6) and output.dtype == np.float32


def test_an_earlier_result_is_left_alone_by_the_next_run(backend: Backend) -> None:
    first = run(backend, pixels(0))
    kept = first.copy()
    run(backend, pixels(1))
    assert np.array_equal(first, kept)


def test_threads_may_share_a_backend(backend: Backend) -> None:
    alone = [run(backend, pixels(seed)) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda seed: run(backend, pixels(seed % 4)), range(16)))
    assert all(np.array_equal(one, alone[number % 4]) for number, one in enumerate(together))


def test_an_input_the_model_does_not_take_is_refused(backend: Backend) -> None:
    with pytest.raises(ModelRefused) as refused:
        run(backend, pixels(height=64))
    assert refused.value.code == "model.shape"


@pytest.mark.parametrize("name", PROCESSOR)
def test_bytes_that_are_no_model_are_refused(name: str) -> None:
    assert refusal_code(name, b"no model") == "model.unreadable"


def test_an_unknown_backend_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ModelRefused, match="onnxruntime, openvino, cuda, got 'tpu'"):
        open_backend("tpu", b"", 1)


def test_a_backend_that_is_not_installed_says_how_to_install_it() -> None:
    for name in set(BACKENDS) - set(installed_backends()):
        with pytest.raises(ModelRefused, match="pip install"):
            open_backend(name, b"", 1)
        assert refusal_code(name, b"") == "backend.missing"


def test_onnx_runtime_on_the_processor_is_always_there() -> None:
    assert installed_backends()[0] == ONNXRUNTIME
    assert (OPENVINO in installed_backends()) != WITHOUT_OPENVINO


@pytest.mark.skipif(CUDA not in installed_backends(), reason="this ONNX Runtime is built without CUDA")
def test_the_card_gives_what_the_processor_gives(model_path: Path) -> None:
    model = model_path.read_bytes()
    expected = run(open_backend(ONNXRUNTIME, model, 1), pixels())
    assert np.allclose(run(open_backend(CUDA, model, 1), pixels()), expected, atol=0.05)


@pytest.mark.parametrize("name", PROCESSOR)
def test_a_detector_finds_the_same_with_every_backend(name: str, model_paths: dict[str, Path]) -> None:
    image = blob_image({"pothole": [(33, 57, 97, 121)], "garbage": [(300, 200, 380, 260)]})
    for path in model_paths.values():
        detector = Detector.open(path, backend=name)
        (found,), (expected,) = detector.detect([image]), Detector.open(path, backend=ONNXRUNTIME).detect([image])
        assert detector.backend_name == name
        boxes, expected_boxes = ({box.class_key: box for box in boxes} for boxes in (found, expected))
        assert boxes.keys() == expected_boxes.keys() == {"pothole", "garbage"}
        for key, box in boxes.items():  # bfloat16 keeps 8 bits: 1 in 256 of 640 pixels
            assert np.abs(np.subtract(box.xyxy_px, expected_boxes[key].xyxy_px)).max() <= 4
            assert abs(box.score - expected_boxes[key].score) <= 0.02


@pytest.mark.skipif(WITHOUT_OPENVINO, reason="openvino is not installed")
def test_openvino_takes_every_aspect_of_the_released_model() -> None:
    model = load_model("default").data
    backends = [open_backend(name, model, 1) for name in (ONNXRUNTIME, OPENVINO)]
    for height, width in ((64, 96), (96, 64), (64, 96)):
        expected, got = (run(backend, pixels(1, height, width)) for backend in backends)
        assert got.shape == expected.shape
        assert np.abs(got[:, 4:] - expected[:, 4:]).max() <= 0.05  # scores


@pytest.mark.skipif(WITHOUT_OPENVINO, reason="openvino is not installed")
def test_openvino_gives_the_same_for_a_size_before_and_after_it_is_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    from inference.backends import openvino as engine

    monkeypatch.setattr(engine, "_WORTH_FITTING", 3)
    monkeypatch.setattr(engine, "_MOST_FITTED", 1)
    backend = engine.OpenVino(load_model("default").data, 1)
    before = run(backend, pixels(1, 64, 96))
    with ThreadPoolExecutor(4) as pool:
        after = list(pool.map(lambda _: run(backend, pixels(1, 64, 96)), range(8)))
        other = list(pool.map(lambda _: run(backend, pixels(1, 96, 64)), range(8)))
    assert list(backend._fitted) == [(1, 64, 96, 3)]
    assert all(np.abs(one - before).max() <= 0.05 * np.abs(before).max() for one in after)
    assert all(np.array_equal(one, other[0]) for one in other)
