"""A trial is kept whole and read back as it was."""

from pathlib import Path

import pytest

from tests.training.trials import drawn_pictures, trial
from training.errors import EvaluationError
from training.trial import Labels, read_trial, write_trial


def test_a_trial_reads_back_as_it_was_written(tmp_path: Path) -> None:
    known = trial(drawn_pictures(0.5))
    write_trial(known, tmp_path / "t.json.gz")
    assert read_trial(tmp_path / "t.json.gz") == known


def test_the_same_trial_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        write_trial(trial(drawn_pictures(0.5)), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("content", [None, b"", b"not gzip", b"\x1f\x8b\x08"])
def test_a_missing_or_foreign_file_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "t.json.gz").write_bytes(content)
    with pytest.raises(EvaluationError, match="expected"):
        read_trial(tmp_path / "t.json.gz")


def test_a_class_the_source_does_not_label_gives_no_cell() -> None:
    cells = trial(drawn_pictures(0.5)).cells(Labels.CORRECTED)
    assert {cell.class_key for cell in cells if cell.source == "neg_india_dash"} == {"pothole", "garbage"}
