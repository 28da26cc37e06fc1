"""Opened blob detectors, one for each output head."""

from pathlib import Path

import pytest

from inference.detector import Detector
from tests.models import write_blob_model

HEADS = ("end2end", "dense")


@pytest.fixture(scope="session")
def model_paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {head: write_blob_model(folder / f"{head}.onnx", head=head) for head in HEADS}


@pytest.fixture(scope="session")
def model_path(model_paths: dict[str, Path]) -> Path:
    return model_paths["end2end"]


@pytest.fixture(scope="session", params=HEADS)
def detector(request: pytest.FixtureRequest, model_paths: dict[str, Path]) -> Detector:
    return Detector.open(model_paths[request.param])


@pytest.fixture(scope="session", params=HEADS)
def eager(request: pytest.FixtureRequest, model_paths: dict[str, Path]) -> Detector:
    """A detector that shows every box it has any score for."""
    return Detector.open(model_paths[request.param], min_score=0.001)
