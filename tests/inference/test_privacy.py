"""What the privacy model finds, where, and which files it takes."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.backends import ONNXRUNTIME, open_backend
from inference.detector import Detector
from inference.errors import ModelRefused
from inference.heads import Head
from inference.privacy import COARSEST, OVERLAP_PX, PrivacyModel, parts_of, read_privacy_card
from tests.models import blob_image, write_blob_model
from tests.privacy_models import FACE, PLATE, privacy_card, write_privacy_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> PrivacyModel:
    return PrivacyModel.open(write_privacy_model(tmp_path_factory.mktemp("privacy") / "blobs.onnx"))


@pytest.mark.parametrize("head", [Head.DENSE, Head.END2END])
def test_faces_and_plates_are_found_where_they_are_with_class_and_score(tmp_path: Path, head: Head) -> None:
    picture = blob_image({FACE: [(100, 100, 164, 164)], PLATE: [(400, 300, 464, 332)]}, strength=0.9)
    found = PrivacyModel.open(write_privacy_model(tmp_path / "a.onnx", head=head)).find(picture)
    assert {one.kind for one in found} == {"face", "plate"} and len(found) == 2
    places = {one.kind: one for one in found}
    assert places["face"].xyxy_px == pytest.approx((100, 100, 164, 164), abs=3)
    assert places["plate"].xyxy_px == pytest.approx((400, 300, 464, 332), abs=3)
    assert places["face"].score == pytest.approx(0.9, abs=0.1)


def test_a_street_without_people_or_cars_has_no_regions(model: PrivacyModel) -> None:
    assert model.find(blob_image()) == ()


def test_what_scores_below_its_own_class_threshold_is_no_region(tmp_path: Path) -> None:
    path = write_privacy_model(tmp_path / "a.onnx")
    picture = blob_image({FACE: [(100, 100, 164, 164)], PLATE: [(400, 300, 464, 332)]}, strength=0.7)
    strict = PrivacyModel.open(path, thresholds={"face": 0.95, "plate": 0.3})
    assert [one.kind for one in strict.find(picture)] == ["plate"]


def test_a_face_too_small_for_one_look_at_a_large_picture_is_found_in_a_part_of_it(model: PrivacyModel) -> None:
    at = (1500, 900)
    picture = blob_image({FACE: [(at[0], at[1], at[0] + 24, at[1] + 24)]}, width=2000, height=1500)
    (found,) = model.find(picture)
    assert found.xyxy_px == pytest.approx((at[0], at[1], at[0] + 24, at[1] + 24), abs=5)


def test_a_face_seen_in_the_whole_picture_and_in_a_part_is_one_region(model: PrivacyModel) -> None:
    picture = blob_image({FACE: [(300, 200, 360, 260)]}, width=900, height=700)
    assert len(model.find(picture)) == 1


@settings(deadline=None, max_examples=40)
@given(width=st.integers(1, 2000), height=st.integers(1, 2000))
def test_parts_cover_a_large_picture_and_overlap(width: int, height: int) -> None:
    side = 320
    places = parts_of(np.zeros((height, width, 3), np.uint8), side)
    assert bool(places) == (max(width, height) * COARSEST > side)
    for axis, length in ((0, width), (1, height)):
        spans = sorted({(p[axis] * COARSEST, p[axis] * COARSEST + p[2].shape[1 - axis]) for p in places})
        assert not spans or (spans[0][0] == 0 and spans[-1][1] >= max(1, round(length * COARSEST)))
        assert all(before[1] - after[0] >= OVERLAP_PX for before, after in pairwise(spans))
    assert all(max(p[2].shape[:2]) <= side for p in places)


def test_the_card_survives_the_way_through_the_file(tmp_path: Path) -> None:
    backend = open_backend(ONNXRUNTIME, write_privacy_model(tmp_path / "a.onnx").read_bytes(), 1)
    assert read_privacy_card(backend.metadata, "") == privacy_card()


def test_a_defect_detector_is_no_privacy_model_and_the_other_way_round(tmp_path: Path) -> None:
    with pytest.raises(ModelRefused, match="privacy-1"):
        PrivacyModel.open(write_blob_model(tmp_path / "detector.onnx"))
    with pytest.raises(ModelRefused, match="rasid_format"):
        Detector.open(write_privacy_model(tmp_path / "privacy.onnx"))


def test_a_card_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    metadata = privacy_card().to_metadata() | {"thresholds": '{"face": 0.5}'}
    with pytest.raises(ModelRefused, match="thresholds"):
        read_privacy_card(metadata, "")


def test_an_output_of_other_classes_than_the_card_names_is_refused(tmp_path: Path) -> None:
    path = write_blob_model(
        tmp_path / "a.onnx", head="dense", class_keys=(FACE, PLATE, "graffiti"), metadata=privacy_card().to_metadata()
    )
    with pytest.raises(ModelRefused, match="6 values"):
        PrivacyModel.open(path)


def test_the_plain_name_opens_the_last_released_privacy_model(tmp_path: Path) -> None:
    entries = []
    for version, at in (("0.2", "2026-12-01"), ("0.1", "2026-11-22")):
        path = write_privacy_model(tmp_path / f"privacy-{version}.onnx")
        sha256 = PrivacyModel.open(path).card.sha256
        entries.append(
            f"  privacy-{version}: {{file: {path.name}, version: '{version}', sha256: {sha256}, "
            f"size_bytes: {path.stat().st_size}, released_at: '{at}'}}"
        )
    (tmp_path / "registry.yaml").write_text("default: other\nmodels:\n" + "\n".join(entries) + "\n", "utf-8")
    (tmp_path / "privacy-0.1.onnx").write_bytes(b"another file")
    assert PrivacyModel.open(folder=tmp_path).card.name == "privacy-blobs"
    with pytest.raises(ModelRefused, match="sha256"):
        PrivacyModel.open("privacy-0.1", folder=tmp_path)


def test_without_a_released_privacy_model_the_refusal_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "registry.yaml").write_text("default: other\nmodels: {}\n", "utf-8")
    with pytest.raises(ModelRefused, match="turn blurring off"):
        PrivacyModel.open(folder=tmp_path)


def test_pixels_of_another_kind_are_refused(model: PrivacyModel) -> None:
    with pytest.raises(ValueError, match="expected uint8"):
        model.find(np.zeros((4, 4), np.uint8))
