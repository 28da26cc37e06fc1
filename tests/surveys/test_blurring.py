"""Before a picture is stored: blurred by the model that is set, opened once, or loudly not at all."""

from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest
from structlog.testing import capture_logs

from inference.blur import covered
from inference.errors import ImageRefused, ModelRefused
from inference.images import decode_image
from inference.privacy import PrivacyModel
from service.core.runtime import Runtime
from service.surveys.blurring import OFF, BlurredUpload, blur_upload, open_privacy
from tests.images import encode_image
from tests.models import blob_image
from tests.privacy_models import FACE, write_privacy_model

FACE_BOX = (100, 100, 164, 164)


@pytest.fixture(scope="module")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_privacy_model(tmp_path_factory.mktemp("privacy") / "blobs.onnx")


@pytest.fixture
def blurring_runtime(runtime: Runtime, model_path: Path) -> Runtime:
    return replace(runtime, settings=runtime.settings.model_copy(update={"privacy": str(model_path)}))


def test_an_upload_with_a_face_comes_back_without_it_and_says_where_it_was(blurring_runtime: Runtime) -> None:
    data = encode_image(blob_image({FACE: [FACE_BOX]}))
    blurred = blur_upload(blurring_runtime, data)
    assert blurred.told is not None and blurred.told["kinds"] == ["face"]
    assert blurred.told["model"] == "privacy-blobs 1"
    (box,) = blurred.told["boxes_xyxy_px"]
    assert box == pytest.approx(FACE_BOX, abs=3)
    x0, y0, x1, y1 = covered(tuple(box), 640, 480)
    assert decode_image(blurred.data).pixels[y0:y1, x0:x1].std() < decode_image(data).pixels[y0:y1, x0:x1].std()


def test_an_upload_without_a_face_says_that_somebody_looked(blurring_runtime: Runtime) -> None:
    blurred = blur_upload(blurring_runtime, encode_image(blob_image()))
    assert blurred.told == {"model": "privacy-blobs 1", "boxes_xyxy_px": [], "kinds": []}


def test_switched_off_the_bytes_stay_and_nobody_is_said_to_have_looked(runtime: Runtime) -> None:
    off = replace(runtime, settings=runtime.settings.model_copy(update={"privacy": OFF}))
    data = encode_image(blob_image({FACE: [FACE_BOX]}))
    blurred = blur_upload(off, data)
    assert (blurred.data, blurred.told) == (data, None)


def test_off_is_said_loudly_at_the_start_and_on_is_said_with_the_model(blurring_runtime: Runtime) -> None:
    with capture_logs() as logs:
        open_privacy(blurring_runtime.settings)
        open_privacy(blurring_runtime.settings.model_copy(update={"privacy": OFF}))
    assert [(one["event"], one["log_level"]) for one in logs] == [("privacy.on", "info"), ("privacy.off", "warning")]
    assert "legibly" in logs[1]["consequence"]


def test_without_its_model_a_server_does_not_start(runtime: Runtime, tmp_path: Path) -> None:
    missing = runtime.settings.model_copy(update={"privacy": str(tmp_path / "none.onnx")})
    with pytest.raises(ModelRefused, match=r"none\.onnx"):
        open_privacy(missing)


def test_what_is_no_image_is_refused(blurring_runtime: Runtime) -> None:
    with pytest.raises(ImageRefused):
        blur_upload(blurring_runtime, b"no image")


def test_the_model_is_opened_once_however_many_upload_at_a_time(
    runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_privacy_model(tmp_path / "own.onnx")
    opened: list[str | Path] = []
    real = PrivacyModel.open

    def count(model: str | Path) -> PrivacyModel:
        opened.append(model)
        return real(model)

    monkeypatch.setattr(PrivacyModel, "open", count)
    own = replace(runtime, settings=runtime.settings.model_copy(update={"privacy": str(path)}))
    data = encode_image(blob_image({FACE: [FACE_BOX]}))
    results: list[BlurredUpload] = []
    threads = [Thread(target=lambda: results.append(blur_upload(own, data))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert opened == [str(path)] and len({one.data for one in results}) == 1 and len(results) == 6
