"""What a model must say of itself, and how plainly it is refused when it does not."""

from pathlib import Path

import pytest

from datasets.taxonomy import KEYS
from inference.detector import Detector
from inference.errors import ModelRefused
from inference.model import Gate, GateScore, read_model_card
from tests.models import blob_card, write_blob_model

CARD = blob_card("dense", KEYS, (320, 320))


def refused_metadata(**changes: str | None) -> str:
    metadata = {k: v for k, v in (CARD.to_metadata() | changes).items() if v is not None}
    with pytest.raises(ModelRefused) as refused:
        read_model_card(metadata, "")
    assert refused.value.code == "model.metadata"
    return refused.value.detail


def test_a_card_reads_back_from_its_metadata_unchanged() -> None:
    assert read_model_card(CARD.to_metadata(), "ab12") == CARD.model_copy(update={"sha256": "ab12"})


def test_a_variants_gate_and_pictures_read_back_from_its_metadata() -> None:
    score = GateScore(sha256="n", ap_50=0.4, false_alarm_frames=0.05)
    gate = Gate(
        fp32=score,
        variant=score,
        most_ap_50_lost=0.005,
        most_false_alarm_frames_gained=0.005,
        pictures=10,
        thresholds={"pothole": 0.5},
        measured_at="2026-01-01T00:00:00+00:00",
    )
    changes = {"variant": "int8", "variant_of": "ab12", "calibrated_on": ("smartathon__a",), "gate": gate}
    card = CARD.model_copy(update=changes)
    assert read_model_card(card.to_metadata(), "") == card


def test_a_card_from_before_variants_is_of_none() -> None:
    metadata = CARD.to_metadata()
    for field in ("variant", "variant_of", "calibrated_on", "gate"):
        del metadata[field]
    card = read_model_card(metadata, "")
    assert (card.variant, card.gate) == ("", None)


def test_metadata_holds_strings_only_with_json_where_structured() -> None:
    metadata = CARD.to_metadata()
    assert metadata["rasid_format"] == "1"
    assert metadata["head"] == "dense"
    assert metadata["input_height"] == "320"
    assert metadata["class_keys"].startswith('["pothole", "road_crack"')
    assert '"pothole": 0.5' in metadata["thresholds"]


def test_a_foreign_onnx_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = write_blob_model(tmp_path / "foreign.onnx", metadata=dict.fromkeys(CARD.to_metadata()))
    with pytest.raises(ModelRefused, match="export it with the training recipe"):
        Detector.open(path)


def test_a_later_format_is_refused() -> None:
    assert "expected rasid_format 1, got 2" in refused_metadata(rasid_format="2")


@pytest.mark.parametrize(
    "field",
    [
        "name",
        "version",
        "class_keys",
        "input_height",
        "input_width",
        "stride",
        "head",
        "thresholds",
        "license",
    ],
)
def test_a_missing_field_is_named(field: str) -> None:
    assert f"{field}: Field required" in refused_metadata(**{field: None})


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("thresholds", "{", "JSON"),
        ("thresholds", '{"pothole": 0.5}', "thresholds need exactly the class keys"),
        ("thresholds", '{"pothole": 2}', "thresholds.pothole"),
        ("class_keys", '["pothole", "pothole"]', "class twice"),
        ("head", "ssd", "head: Input should be 'end2end' or 'dense'"),
        ("input_width", "wide", "input_width: Input should be a valid integer"),
        ("input_width", "330", "not a multiple of 16"),
        ("experimental", '["unicorn"]', "other classes"),
    ],
)
def test_a_wrong_field_is_named(field: str, text: str, said: str) -> None:
    assert said in refused_metadata(**{field: text})


def test_class_keys_outside_the_taxonomy_are_refused() -> None:
    changes = {"class_keys": '["person"]', "thresholds": '{"person": 0.5}'}
    assert "unknown keys ['person']" in refused_metadata(**changes)
