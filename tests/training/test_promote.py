"""A model is promoted by its measurements, or despite them with a reason that stays."""

from dataclasses import replace
from pathlib import Path

import pytest

from datasets.records import Split
from inference.registry import load_model, read_registry
from tests.models import write_blob_model
from tests.training.trials import drawn_pictures, trial
from training.errors import ReleaseError
from training.promote import Promotion, promote_model
from training.release import release_model
from training.report import make_report
from training.report_text import as_json
from training.trial import TRIAL_FILE, Picture, Trial, write_trial

pytestmark = pytest.mark.usefixtures("light")
DEFAULT_SKILL = 0.5


def keep(folder: Path, known: Trial) -> None:
    inside = folder / known.split.value
    inside.mkdir(parents=True)
    write_trial(known, inside / TRIAL_FILE)
    (inside / "report.json").write_text(as_json(make_report(known)))


def evaluated(path: Path, pictures: list[Picture], splits: tuple[Split, ...] = (Split.VAL, Split.TEST)) -> Path:
    """A model file and the evaluation of it beside."""
    for split in splits:
        keep(path.parent / f"scores-{path.stem}", trial(pictures, load_model(path).sha256, split))
    return path


@pytest.fixture
def asked(tmp_path: Path) -> Promotion:
    """A default model of middling skill is released; candidate.onnx is another file."""
    (tmp_path / "released").mkdir()
    (tmp_path / "card.md").write_text("# Card\n\n{{headline test}}\n")
    default = evaluated(write_blob_model(tmp_path / "default.onnx"), drawn_pictures(DEFAULT_SKILL))
    release_model(default, tmp_path / "card.md", tmp_path / "released", make_default=True)
    candidate = write_blob_model(tmp_path / "candidate.onnx", input_size=(640, 640))
    return Promotion(
        candidate,
        tmp_path / "card.md",
        tmp_path / "scores-candidate",
        tmp_path,
        against=tmp_path / "scores-default",
        folder=tmp_path / "released",
        make_default=True,
    )


def released(asked: Promotion) -> dict[str, str]:
    assert asked.folder
    return {name: entry.exception for name, entry in read_registry(asked.folder).models.items()}


def test_a_better_and_quiet_model_becomes_the_default(asked: Promotion) -> None:
    evaluated(asked.model, drawn_pictures(0.95))
    assert "neg_india_dash" in promote_model(asked)
    assert released(asked) == {"default": "", "candidate": ""}
    assert asked.folder
    assert read_registry(asked.folder).default == "candidate"
    assert "|**mean of the eight**|" in (asked.folder / "candidate.md").read_text()


@pytest.mark.parametrize("split", [Split.VAL, Split.TEST])
def test_a_model_without_both_reports_is_refused_whatever_the_reason(asked: Promotion, split: Split) -> None:
    evaluated(asked.model, drawn_pictures(0.95), splits=(split,))
    with pytest.raises(ReleaseError, match="run rasid evaluate"):
        promote_model(replace(asked, despite="it is late"))


def test_reports_of_another_file_do_not_count(asked: Promotion) -> None:
    evaluated(asked.model, drawn_pictures(0.95))
    write_blob_model(asked.model, input_size=(320, 640))
    with pytest.raises(ReleaseError, match="evaluate again"):
        promote_model(asked)


def test_a_model_that_is_not_better_is_refused_with_the_figures(asked: Promotion) -> None:
    evaluated(asked.model, drawn_pictures(DEFAULT_SKILL))
    with pytest.raises(ReleaseError, match="mean AP50 over the eight on val"):
        promote_model(asked)


def test_a_model_that_loses_one_of_the_eight_is_refused(asked: Promotion) -> None:
    pictures = [
        p.model_copy(update={"found": {**p.found, "garbage": ()}}) if p.source == "smartathon" else p
        for p in drawn_pictures(1.0)
    ]
    evaluated(asked.model, pictures)
    with pytest.raises(ReleaseError, match="garbage in smartathon is worse"):
        promote_model(asked)


def test_a_model_that_sees_potholes_on_good_roads_is_refused_or_recorded(asked: Promotion) -> None:
    evaluated(asked.model, drawn_pictures(0.95, pothole_alarms=1))
    with pytest.raises(ReleaseError, match="1 of 10 val pictures"):
        promote_model(asked)
    promote_model(replace(asked, despite="a trial in one district"))
    assert released(asked)["candidate"].startswith("a trial in one district (despite: potholes reported in 1 of 10")


def test_the_first_model_needs_no_default_to_beat(asked: Promotion) -> None:
    evaluated(asked.model, drawn_pictures(0.4))
    promote_model(replace(asked, folder=asked.model.parent / "scores-candidate"))


def test_an_evaluation_of_another_default_is_refused(asked: Promotion) -> None:
    evaluated(asked.model, drawn_pictures(0.95))
    with pytest.raises(ReleaseError, match="--against the default"):
        promote_model(replace(asked, against=asked.evaluation))
