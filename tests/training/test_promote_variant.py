"""A variant joins the released model it was made from, if its own gate lets it."""

from pathlib import Path

import pytest
import yaml

from inference.detector import Detector
from inference.model import Gate, GateScore
from inference.registry import load_model, read_registry
from tests.models import write_blob_model
from training.detecting import network_sha256
from training.errors import ReleaseError
from training.promote_variant import promote_variant
from training.release import read_card, release_model
from training.thresholds import rewrite_card


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A released model and, beside its folder, a variant of it with a gate that it passed."""
    released = tmp_path / "released"
    released.mkdir()
    (tmp_path / "card.md").write_text("# Blobs\n", encoding="utf-8")
    release_model(write_blob_model(tmp_path / "blobs.onnx"), tmp_path / "card.md", released, make_default=True)
    variant = write_blob_model(variant_of(released), input_size=(640, 640))
    rewrite_card(variant, variant="int8", variant_of=load_model("blobs", released).sha256, version="1+int8")
    write_gate(released)
    return released


def variant_of(folder: Path) -> Path:
    return folder.parent / "made.onnx"


def write_gate(folder: Path, ap_50: float = 0.4, fp32: str | None = None) -> None:
    variant = variant_of(folder)
    rewrite_card(
        variant,
        gate=Gate(
            fp32=GateScore(sha256=fp32 or network_sha256(str(folder / "blobs.onnx")), ap_50=0.4, false_alarm_frames=0),
            variant=GateScore(sha256=network_sha256(str(variant)), ap_50=ap_50, false_alarm_frames=0),
            most_ap_50_lost=0.005,
            most_false_alarm_frames_gained=0.005,
            pictures=10,
            thresholds=read_card(variant).thresholds,
            measured_at="",
        ),
    )


def refused(folder: Path, said: str) -> None:
    before = (folder / "registry.yaml").read_text()
    with pytest.raises(ReleaseError, match=said):
        promote_variant(variant_of(folder), folder)
    assert (folder / "registry.yaml").read_text() == before
    assert not (folder / "blobs.int8.onnx").exists()


@pytest.mark.parametrize("name", ["blobs:int8", "default:int8"])
def test_a_variant_that_passed_is_found_by_its_name(folder: Path, name: str) -> None:
    assert "gate passed" in promote_variant(variant_of(folder), folder)
    assert load_model(name, folder).data == variant_of(folder).read_bytes()
    assert Detector.open(load_model(name, folder).path).model.version == "1+int8"
    entry = read_registry(folder).models["blobs"].variants["int8"]
    assert entry.file == "blobs.int8.onnx"
    assert yaml.safe_load((folder / "registry.yaml").read_text())["models"]["blobs"]["variants"]["int8"]["gate"][
        "passed"
    ]


def test_promoting_twice_and_releasing_the_model_again_keep_the_variant(folder: Path) -> None:
    promote_variant(variant_of(folder), folder)
    promote_variant(variant_of(folder), folder)
    release_model(folder.parent / "blobs.onnx", folder.parent / "card.md", folder, make_default=True)
    assert list(read_registry(folder).models["blobs"].variants) == ["int8"]


def test_a_variant_that_failed_is_refused_with_the_figures(folder: Path) -> None:
    write_gate(folder, ap_50=0.39)
    refused(folder, "the variant 0.3900, -0.0100, allowed -0.005")


def test_a_variant_without_a_gate_is_refused(folder: Path) -> None:
    rewrite_card(variant_of(folder), gate=None)
    refused(folder, "expected a gate")


def test_a_gate_of_another_network_or_of_other_thresholds_is_refused(folder: Path) -> None:
    write_gate(folder, fp32="another")
    refused(folder, "make it anew")
    write_gate(folder)
    rewrite_card(variant_of(folder), thresholds=dict.fromkeys(read_card(variant_of(folder)).thresholds, 0.9))
    refused(folder, "make it anew")


def test_a_network_as_trained_and_a_variant_of_an_unreleased_one_are_refused(folder: Path) -> None:
    rewrite_card(variant_of(folder), variant_of="unknown")
    refused(folder, "promote that file first")
    rewrite_card(variant_of(folder), variant="")
    refused(folder, "promote it without --variant")


def test_another_file_under_a_released_variant_is_refused(folder: Path) -> None:
    promote_variant(variant_of(folder), folder)
    write_gate(folder, ap_50=0.41)
    with pytest.raises(ReleaseError, match="released files never change"):
        promote_variant(variant_of(folder), folder)
