"""A released model is found by its name and never changes."""

from pathlib import Path

import pytest

from inference.registry import load_model, read_registry
from tests.models import write_blob_model
from training.errors import ReleaseError
from training.release import release_model
from training.thresholds import rewrite_card


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "blobs-1.onnx"
    write_blob_model(path)
    (tmp_path / "card.md").write_text("# Blobs\n", encoding="utf-8")
    (tmp_path / "released").mkdir()
    return path


def test_a_released_model_is_found_by_name_and_as_the_default(model: Path) -> None:
    folder = model.parent / "released"
    release_model(model, model.parent / "card.md", folder, make_default=False)
    assert load_model("blobs-1", folder).data == model.read_bytes()
    assert load_model("default", folder).sha256 == read_registry(folder).models["blobs-1"].sha256
    assert (folder / "blobs-1.md").read_text(encoding="utf-8") == "# Blobs\n"


def test_another_file_under_a_released_name_is_refused(model: Path) -> None:
    folder = model.parent / "released"
    release_model(model, model.parent / "card.md", folder, make_default=False)
    from inference.detector import Detector

    rewrite_card(model, thresholds=dict.fromkeys(Detector.open(model).model.class_keys, 0.9))
    with pytest.raises(ReleaseError, match="raise the version"):
        release_model(model, model.parent / "card.md", folder, make_default=False)


def test_a_second_model_becomes_the_default_only_when_asked(model: Path) -> None:
    folder, card = model.parent / "released", model.parent / "card.md"
    release_model(model, card, folder, make_default=False)
    second = model.with_name("blobs-2.onnx")
    second.write_bytes(model.read_bytes())
    release_model(second, card, folder, make_default=False)
    assert read_registry(folder).default == "blobs-1"
    release_model(second, card, folder, make_default=True)
    assert read_registry(folder).default == "blobs-2"


def test_a_reason_for_an_exception_stays_in_the_registry(model: Path) -> None:
    folder, card = model.parent / "released", model.parent / "card.md"
    release_model(model, card, folder, make_default=False, exception="asked for by the city")
    second = model.with_name("blobs-2.onnx")
    second.write_bytes(model.read_bytes())
    release_model(second, card, folder, make_default=False)
    assert {n: e.exception for n, e in read_registry(folder).models.items()} == {
        "blobs-1": "asked for by the city",
        "blobs-2": "",
    }
