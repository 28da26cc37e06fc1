"""Where the train extra is not installed, leaves out the parts of a report that need it."""

from importlib.util import find_spec

import pytest


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports without COCO's average precision and without plots, where their packages are missing."""
    if find_spec("faster_coco_eval") is None:
        monkeypatch.setattr("training.report.average_precision_by_size", lambda cells: {})
    if find_spec("matplotlib") is None:
        monkeypatch.setattr("training.plots.write_plots", lambda trial, folder: None)
    monkeypatch.setattr("training.evaluate.refuse_missing_packages", lambda: None)
