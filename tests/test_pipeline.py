"""The machine path of frames up to the database: read, detect, and say what failed."""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from inference.detections import Detections
from inference.errors import ModelRefused
from service.core.database import Database
from service.core.runtime import Runtime
from service.core.settings import Settings
from service.core.storage import open_store
from service.pipeline import detect_frames
from service.surveys.models import Frame
from service.surveys.reading import Refusal
from tests.images import encode_image
from tests.models import blob_image, write_blob_model


@dataclass(frozen=True)
class Machine:
    """A runtime without a database: detection happens outside of any transaction."""

    runtime: Runtime

    def frame(self, number: int, data: bytes | None) -> Frame:
        if data is not None:
            self.runtime.store.put(str(number), data)
        return Frame(id=number, blob_key=str(number))


def machine(folder: Path, **told: object) -> Machine:
    model = write_blob_model(folder / "blobs.onnx")
    settings = Settings(data_dir=folder, model=str(model), **told)  # type: ignore[arg-type]  # pydantic checks them
    return Machine(Runtime(settings, cast(Database, None), open_store(settings)))


HOLE = encode_image(blob_image({"pothole": [(100, 50, 164, 114)]}))


@pytest.mark.parametrize("workers", [None, 1, 3])
def test_every_frame_of_a_batch_has_its_boxes_or_its_reason(tmp_path: Path, workers: int | None) -> None:
    with_workers = machine(tmp_path, inference_workers=workers)
    contents = [HOLE, HOLE[:500], None, encode_image(blob_image()), HOLE]
    frames = [with_workers.frame(number, data) for number, data in enumerate(contents)]
    outcomes = detect_frames(with_workers.runtime, frames)
    told = [one.code if isinstance(one, Refusal) else len(one) for one in outcomes.values()]
    assert list(outcomes) == [0, 1, 2, 3, 4]
    assert told == [1, "image.truncated", "image.missing", 0, 1]


def test_boxes_are_in_pixels_of_the_upright_frame_also_when_it_was_decoded_smaller(tmp_path: Path) -> None:
    upright = blob_image({"pothole": [(100, 50, 164, 114)]})
    one = machine(tmp_path)
    outcomes = detect_frames(one.runtime, [one.frame(1, encode_image(upright, "JPEG", 6))])
    found = outcomes[1]
    assert isinstance(found, Detections)
    assert (found.width, found.height) == (640, 480)
    assert all(abs(a - b) <= 2 for a, b in zip(found.xyxy_px[0], (100, 50, 164, 114), strict=True))


def test_the_operators_limit_of_pixels_holds(tmp_path: Path) -> None:
    small = machine(tmp_path, max_image_pixels=10_000)
    outcome = detect_frames(small.runtime, [small.frame(1, HOLE)])[1]
    assert isinstance(outcome, Refusal) and outcome.code == "image.too_many_pixels"


def test_the_operators_backend_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RASID_BACKEND", "tpu")
    with pytest.raises(ModelRefused, match="'tpu'"):
        _ = machine(tmp_path).runtime.detector
    monkeypatch.setenv("RASID_BACKEND", "onnxruntime")
    assert machine(tmp_path).runtime.detector.backend_name == "onnxruntime"
